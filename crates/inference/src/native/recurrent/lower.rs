//! From a node to a layer.

use super::activation::Activation;
use super::spec::{Kind, Spec};
use super::{Layer, Scan};
use crate::native::compile::{Compiler, Known};
use crate::native::conv::{Source, View};
use crate::native::graph::Node;
use crate::native::tensor::Tensor;
use crate::native::unsupported::Unsupported;
use std::ops::Range;
use std::sync::Arc;

/// Layers and a scan for an LSTM or GRU node. Over a window that slides the projections go with its
/// other columns, if nothing must be computed before the scan: a new row is then all there is to
/// project.
pub(crate) fn node(c: &mut Compiler<'_>, node: &Node) -> Result<(), Unsupported> {
    let layer = Arc::new(layer(c, node)?);
    let starts = if node.operator == "LSTM" { &[5, 6][..] } else { &[5] };
    let at_once =
        |index: &usize| node.input(*index).is_none() || c.constant(node, *index).is_some();
    let sliding = match c.known(node, 0)? {
        Known::Columns(net, view) if starts.iter().all(at_once) => Some((*net, view.clone())),
        _ => None,
    };
    let states = layer.directions.len() * layer.hidden;
    let mut initial = |index: usize| match starts.contains(&index) {
        true => initial(c, node, index, states),
        false => Ok(0..0),
    };
    let starts = [initial(5)?, initial(6)?];
    if let Some((net, view)) = sliding
        && let Ok(projected) = c.columns(net).project(&view, &layer)
    {
        let scan = scan(c, node, layer, starts)?;
        c.scan(net, projected, scan);
        return Ok(());
    }
    let x = c.place(node, 0)?;
    let net = c.over(&x, 0);
    let view = View::plain(Source::Input, &x.dims, 0);
    let projected = c.columns(net).project(&view, &layer).map_err(|reason| node.refuse(reason))?;
    let scan = scan(c, node, layer, starts)?;
    c.scan(net, projected, scan);
    Ok(())
}

/// The scan, with room for it and for its results.
fn scan(
    c: &mut Compiler<'_>,
    node: &Node,
    layer: Arc<Layer>,
    [initial_h, initial_c]: [Range<usize>; 2],
) -> Result<Scan, Unsupported> {
    let (directions, hidden) = (layer.directions.len(), layer.hidden);
    let own = c.allot(node, &[layer.spare()])?.start;
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
    Ok(Scan { layer, initial_h, initial_c, own, y, y_h, y_c })
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
