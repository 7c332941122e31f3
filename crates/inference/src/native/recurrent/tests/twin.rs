//! ONNX's formulas for LSTM and GRU, one number after the other, in double precision.

use super::{Activation, Case, Kind, Results};

fn function(activation: Activation, a: f64) -> f64 {
    match activation {
        Activation::Sigmoid => 1.0 / (1.0 + (-a).exp()),
        Activation::Tanh => a.tanh(),
        Activation::Relu => a.max(0.0),
        Activation::LeakyRelu { alpha } => {
            if a < 0.0 {
                f64::from(alpha) * a
            } else {
                a
            }
        }
        Activation::HardSigmoid { alpha, beta } => {
            (f64::from(alpha) * a + f64::from(beta)).clamp(0.0, 1.0)
        }
        Activation::Affine { alpha, beta } => f64::from(alpha) * a + f64::from(beta),
        Activation::Softsign => a / (1.0 + a.abs()),
    }
}

fn dot(weights: &[f32], x: &[f64]) -> f64 {
    weights.iter().zip(x).map(|(weight, x)| f64::from(*weight) * x).sum()
}

pub(super) fn run(case: &Case) -> Results<f64> {
    let (hidden, count) = (case.hidden, case.reversed.len());
    let mut results = Results { y: vec![0.0; case.steps * count * hidden], ..Results::default() };
    for direction in 0..count {
        let initial = |from: &[f32]| -> Vec<f64> {
            let part = from.get(direction * hidden..(direction + 1) * hidden);
            part.map_or(vec![0.0; hidden], |part| part.iter().copied().map(f64::from).collect())
        };
        let (mut h, mut c) = (initial(&case.initial_h), initial(&case.initial_c));
        for step in 0..case.steps {
            let row = if case.reversed[direction] { case.steps - 1 - step } else { step };
            (h, c) = self::step(case, direction, row, &h, &c);
            results.y[(row * count + direction) * hidden..][..hidden].copy_from_slice(&h);
        }
        results.y_h.extend(&h);
        if case.kind == Kind::Lstm {
            results.y_c.extend(&c);
        }
    }
    results
}

fn step(case: &Case, direction: usize, row: usize, h: &[f64], c: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let (hidden, gates) = (case.hidden, case.kind.gates());
    let x: Vec<f64> =
        case.x[row * case.inputs..][..case.inputs].iter().copied().map(f64::from).collect();
    let functions = &case.functions[direction * case.kind.usual().len()..];
    let bias = |side: usize, gate: usize, unit: usize| {
        let at = ((direction * 2 + side) * gates + gate) * hidden + unit;
        case.b.get(at).copied().map_or(0.0, f64::from)
    };
    let of_x = |gate: usize, unit: usize| {
        let at = (direction * gates + gate) * hidden + unit;
        dot(&case.w[at * case.inputs..][..case.inputs], &x) + bias(0, gate, unit)
    };
    let of = |h: &[f64], gate: usize, unit: usize| {
        let at = (direction * gates + gate) * hidden + unit;
        dot(&case.r[at * hidden..][..hidden], h) + bias(1, gate, unit)
    };
    match case.kind {
        Kind::Lstm => (0..hidden)
            .map(|unit| {
                let sum = |gate| of_x(gate, unit) + of(h, gate, unit);
                let gate = |index| function(functions[0], sum(index));
                let new = gate(2) * c[unit] + gate(0) * function(functions[1], sum(3));
                (gate(1) * function(functions[2], new), new)
            })
            .unzip(),
        Kind::Gru { linear_before_reset } => {
            let gate = |index, unit| function(functions[0], of_x(index, unit) + of(h, index, unit));
            let passed: Vec<f64> = (0..hidden).map(|unit| gate(1, unit) * h[unit]).collect();
            let new = |unit: usize| {
                let old = if linear_before_reset {
                    gate(1, unit) * of(h, 2, unit)
                } else {
                    of(&passed, 2, unit)
                };
                let z = gate(0, unit);
                (1.0 - z) * function(functions[1], of_x(2, unit) + old) + z * h[unit]
            };
            ((0..hidden).map(new).collect(), c.to_vec())
        }
    }
}
