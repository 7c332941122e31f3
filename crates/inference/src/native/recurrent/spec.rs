//! What a node says of its layer, as numbers, and the layer made of it.

use super::activation::Activation;
use super::gru::{self, Form, Gru};
use super::lstm::{self, Lstm};
use super::packed::{Packed, pack_bias};
use super::{Cell, Direction, Layer, Projection};

/// A layer in ONNX's own terms and order. Lengths have been checked: `w` is directions x gates x
/// hidden x inputs, `r` directions x gates x hidden x hidden, `b` directions x 2 x gates x hidden or
/// empty.
pub(super) struct Spec<'a> {
    pub(super) kind: Kind,
    pub(super) steps: usize,
    pub(super) inputs: usize,
    pub(super) hidden: usize,
    /// For each direction whether it goes from the last row to the first.
    pub(super) reversed: &'a [bool],
    pub(super) w: &'a [f32],
    pub(super) r: &'a [f32],
    pub(super) b: &'a [f32],
    /// As many a direction as the kind has.
    pub(super) functions: &'a [Activation],
}

/// Which cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Lstm,
    Gru { linear_before_reset: bool },
}

impl Kind {
    pub(super) fn gates(self) -> usize {
        if self == Self::Lstm { lstm::GATES } else { gru::GATES }
    }

    /// The functions of one direction where the node names none.
    pub(super) fn usual(self) -> &'static [Activation] {
        let all = &[Activation::Sigmoid, Activation::Tanh, Activation::Tanh];
        if self == Self::Lstm { all } else { &all[..2] }
    }
}

impl Layer {
    pub(super) fn new(spec: &Spec) -> Self {
        let direction = |(index, reversed)| Direction { reversed, cell: spec.cell(index) };
        Self {
            steps: spec.steps,
            inputs: spec.inputs,
            hidden: spec.hidden,
            directions: spec.reversed.iter().copied().enumerate().map(direction).collect(),
        }
    }
}

impl Spec<'_> {
    fn cell(&self, direction: usize) -> Cell {
        match (self.kind, self.functions(direction)) {
            (Kind::Lstm, &[gate, entering, leaving]) => {
                let recurrent = self.recurrent(direction, 0);
                let functions = [gate, entering, leaving];
                Cell::Lstm(self.projection(direction), Lstm { recurrent, functions })
            }
            (Kind::Gru { linear_before_reset }, &[gate, hidden]) => {
                let form = if linear_before_reset {
                    let bias = |_, unit| self.bias(direction, 1, 2, unit);
                    Form::After {
                        gates: self.recurrent(direction, 0),
                        bias: pack_bias::<1>(self.hidden, bias),
                    }
                } else {
                    Form::Before {
                        gates: self.recurrent(direction, 0),
                        hidden: self.recurrent(direction, 2),
                    }
                };
                Cell::Gru(self.projection(direction), Gru { form, functions: [gate, hidden] })
            }
            _ => unreachable!("as many functions as the kind has"),
        }
    }

    fn functions(&self, direction: usize) -> &[Activation] {
        let count = self.kind.usual().len();
        &self.functions[direction * count..(direction + 1) * count]
    }

    /// Recurrent weights of the gates from `first` on.
    fn recurrent<const G: usize>(&self, direction: usize, first: usize) -> Packed<G> {
        let row = |gate| (direction * self.kind.gates() + first + gate) * self.hidden;
        let weight = |gate, unit, k| self.r[(row(gate) + unit) * self.hidden + k];
        Packed::new(self.hidden, self.hidden, weight)
    }

    /// Both biases go into the projection, but for the one that a reset gate works on.
    fn projection<const G: usize>(&self, direction: usize) -> Projection<G> {
        let row = |gate| (direction * G + gate) * self.hidden;
        let weight = |gate, unit, k| self.w[(row(gate) + unit) * self.inputs + k];
        let apart = self.kind == Kind::Gru { linear_before_reset: true };
        let bias = |gate, unit| {
            let of_input = self.bias(direction, 0, gate, unit);
            let kept = if apart && gate == 2 { 0.0 } else { self.bias(direction, 1, gate, unit) };
            of_input + kept
        };
        let weights = Packed::new(self.hidden, self.inputs, weight);
        Projection { weights, bias: pack_bias::<G>(self.hidden, bias) }
    }

    /// `side` is 0 for the input's bias, 1 for the old output's.
    fn bias(&self, direction: usize, side: usize, gate: usize, unit: usize) -> f32 {
        let gates = self.kind.gates();
        let at = ((direction * 2 + side) * gates + gate) * self.hidden + unit;
        if self.b.is_empty() { 0.0 } else { self.b[at] }
    }
}
