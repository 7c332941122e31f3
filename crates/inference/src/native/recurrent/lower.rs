//! From a node to a layer.

use super::Layer;
use super::activation::Activation;
use super::spec::{Kind, Spec};
use super::step::Recurrent;
use crate::native::compile::{Compiler, Known};
use crate::native::graph::Node;
use crate::native::plan::Step;
use crate::native::tensor::Tensor;
use crate::native::unsupported::Unsupported;
use std::ops::Range;

/// Steps for an LSTM or GRU node.
pub(crate) fn node(c: &mut Compiler<'_>, node: &Node) -> Result<(), Unsupported> {
    let layer = layer(c, node)?;
    let x = c.place(node, 0)?;
    let (directions, hidden) = (layer.directions.len(), layer.hidden);
    let initial_h = initial(c, node, 5, directions * hidden)?;
    let initial_c = match node.operator.as_str() {
        "LSTM" => initial(c, node, 6, directions * hidden)?,
        _ => 0..0,
    };
    let own = c.allot(node, &[layer.steps * layer.projected() + layer.spare()])?;
    let mut output = |index: usize, dims: &[usize]| {
        if node.outputs.get(index).copied().flatten().is_none() {
            return Ok(0..0);
        }
        let place = c.allot(node, dims)?;
        let range = place.range();
        c.bind(node, index, Known::Place(place));
        Ok(range)
    };
    let y = output(0, &[layer.steps, directions, 1, hidden])?;
    let y_h = output(1, &[directions, 1, hidden])?;
    let y_c = output(2, &[directions, 1, hidden])?;
    let (x, own) = (x.range(), own.start);
    let step = Recurrent { layer, x, initial_h, initial_c, own, y, y_h, y_c };
    c.push(Step::Recurrent(Box::new(step)));
    Ok(())
}

/// Where the scan starts: nowhere if that is zeros.
fn initial(
    c: &mut Compiler<'_>,
    node: &Node,
    index: usize,
    values: usize,
) -> Result<Range<usize>, Unsupported> {
    if node.input(index).is_none() || is_zero(c, node, index) {
        return Ok(0..0);
    }
    let place = c.place(node, index)?;
    if place.len() != values {
        return Err(node.refuse(format!("starts from dimensions {:?}", place.dims)));
    }
    Ok(place.range())
}

fn is_zero(c: &Compiler<'_>, node: &Node, index: usize) -> bool {
    let constant = c.constant(node, index);
    let floats = constant.as_deref().and_then(Tensor::floats);
    floats.is_some_and(|values| values.iter().all(|value| *value == 0.0))
}

/// The node's layer, all its sizes checked.
fn layer(c: &Compiler<'_>, node: &Node) -> Result<Layer, Unsupported> {
    let kind = kind(c, node)?;
    let reversed: &[bool] = match node.string("direction").unwrap_or("forward") {
        "forward" => &[false],
        "reverse" => &[true],
        "bidirectional" => &[false, true],
        other => return Err(node.refuse(format!("goes in direction `{other}`"))),
    };
    let (steps, inputs) = match c.dims(node, 0)? {
        &[steps, 1, inputs] if steps > 0 && inputs > 0 => (steps, inputs),
        dims => return Err(node.refuse(format!("takes dimensions {dims:?}"))),
    };
    check_lengths(c, node, steps)?;
    let (w, r) = (c.floats(node, 1)?, c.floats(node, 2)?);
    let hidden = r.dims.last().copied().unwrap_or(0);
    let gates = kind.gates() * hidden;
    let wanted = [[reversed.len(), gates, inputs], [reversed.len(), gates, hidden]];
    let fits = hidden > 0 && w.dims == wanted[0] && r.dims == wanted[1];
    if !fits || node.int("hidden_size", hidden as i64) != hidden as i64 {
        let (w, r) = (&w.dims, &r.dims);
        return Err(node.refuse(format!("has weights of dimensions {w:?} and {r:?}")));
    }
    let b = match node.input(3) {
        None => None,
        Some(_) => Some(c.floats(node, 3)?),
    };
    if let Some(b) = b.as_deref().filter(|b| b.dims != [reversed.len(), 2 * gates]) {
        return Err(node.refuse(format!("has a bias of dimensions {:?}", b.dims)));
    }
    let numbers = |tensor: &Tensor| tensor.floats().map(<[f32]>::to_vec).unwrap_or_default();
    let (w, r, b) = (numbers(&w), numbers(&r), b.as_deref().map(numbers).unwrap_or_default());
    let functions = functions(node, kind, reversed.len())?;
    Ok(Layer::new(&Spec {
        kind,
        steps,
        inputs,
        hidden,
        reversed,
        w: &w,
        r: &r,
        b: &b,
        functions: &functions,
    }))
}

/// Which cell, once what it does not do is ruled out.
fn kind(c: &Compiler<'_>, node: &Node) -> Result<Kind, Unsupported> {
    if node.int("layout", 0) != 0 {
        return Err(node.refuse("has its batch first (layout 1)"));
    }
    if node.float("clip", f32::INFINITY) != f32::INFINITY {
        return Err(node.refuse("clips what enters its functions"));
    }
    if node.operator == "GRU" {
        return match node.int("linear_before_reset", 0) {
            flag @ (0 | 1) => Ok(Kind::Gru { linear_before_reset: flag == 1 }),
            other => Err(node.refuse(format!("has linear_before_reset {other}"))),
        };
    }
    if node.int("input_forget", 0) != 0 {
        return Err(node.refuse("couples its input and forget gates"));
    }
    if node.input(7).is_some() && !is_zero(c, node, 7) {
        return Err(node.refuse("has peepholes"));
    }
    Ok(Kind::Lstm)
}

/// Sequence lengths may be there if they say what is so anyway.
fn check_lengths(c: &Compiler<'_>, node: &Node, steps: usize) -> Result<(), Unsupported> {
    if node.input(4).is_none() {
        return Ok(());
    }
    let lengths = c.constant(node, 4);
    match lengths.as_deref().and_then(Tensor::integers) {
        Some(&[length]) if length == steps as i64 => Ok(()),
        _ => Err(node.refuse("is told its sequence's length at run time, or a shorter one")),
    }
}

fn functions(node: &Node, kind: Kind, directions: usize) -> Result<Vec<Activation>, Unsupported> {
    let usual = kind.usual().repeat(directions);
    let Some(names) = node.strings("activations").filter(|names| !names.is_empty()) else {
        return Ok(usual);
    };
    if names.len() != usual.len() {
        let wanted = usual.len();
        return Err(node.refuse(format!("names {} functions, not {wanted}", names.len())));
    }
    let mut alphas = node.floats("activation_alpha").unwrap_or_default().iter().copied();
    let mut betas = node.floats("activation_beta").unwrap_or_default().iter().copied();
    let named = |name: &&str| {
        let function = Activation::named(name, || alphas.next(), || betas.next());
        function.ok_or_else(|| node.refuse(format!("uses the function `{name}`")))
    };
    names.iter().map(named).collect()
}
