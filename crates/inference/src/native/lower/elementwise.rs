//! Operators on each number by itself, and on each two.

use super::super::compile::{Compiler, Place};
use super::super::elementwise::{Binary, BinaryOp, Choice, Unary, UnaryOp};
use super::super::graph::Node;
use super::super::plan::Step;
use super::super::tensor::element_count;
use super::super::unsupported::Unsupported;
use super::{give, views};

/// The function of one number that the operator is, if it is one.
pub(crate) fn unary_op(c: &Compiler<'_>, node: &Node) -> Result<Option<UnaryOp>, Unsupported> {
    let alpha = |default| node.float("alpha", default);
    Ok(Some(match node.operator.as_str() {
        "Abs" => UnaryOp::Abs,
        "Ceil" => UnaryOp::Ceil,
        "Celu" => UnaryOp::Celu { alpha: alpha(1.0) },
        "Clip" => clip(c, node)?,
        "Cos" => UnaryOp::Cos,
        "Elu" => UnaryOp::Elu { alpha: alpha(1.0), gamma: 1.0 },
        "Erf" => UnaryOp::Erf,
        "Exp" => UnaryOp::Exp,
        "Floor" => UnaryOp::Floor,
        "Gelu" | "com.microsoft:Gelu" if node.string("approximate") == Some("tanh") => {
            UnaryOp::GeluTanh
        }
        "Gelu" | "com.microsoft:Gelu" => UnaryOp::Gelu,
        "HardSigmoid" => UnaryOp::HardSigmoid { alpha: alpha(0.2), beta: node.float("beta", 0.5) },
        "HardSwish" => UnaryOp::HardSwish,
        "LeakyRelu" => UnaryOp::LeakyRelu { alpha: alpha(0.01) },
        "Log" => UnaryOp::Log,
        "Mish" => UnaryOp::Mish,
        "Neg" => UnaryOp::Neg,
        "Not" => UnaryOp::Not,
        "Reciprocal" => UnaryOp::Reciprocal,
        "Relu" => UnaryOp::Relu,
        "Round" => UnaryOp::Round,
        "Selu" => UnaryOp::Elu { alpha: alpha(1.673_263_2), gamma: node.float("gamma", 1.050_701) },
        "Sigmoid" => UnaryOp::Sigmoid,
        "Sign" => UnaryOp::Sign,
        "Sin" => UnaryOp::Sin,
        "Softplus" => UnaryOp::Softplus,
        "Softsign" => UnaryOp::Softsign,
        "Sqrt" => UnaryOp::Sqrt,
        "Tanh" => UnaryOp::Tanh,
        "ThresholdedRelu" => UnaryOp::ThresholdedRelu { alpha: alpha(1.0) },
        _ => return Ok(None),
    }))
}

/// Bounds are inputs, and were attributes before operator set 11.
fn clip(c: &Compiler<'_>, node: &Node) -> Result<UnaryOp, Unsupported> {
    let bound = |index: usize, name: &str, default: f32| match node.input(index) {
        None => Ok(node.float(name, default)),
        Some(_) => match c.floats(node, index)?.floats() {
            Some(&[value]) => Ok(value),
            _ => Err(node.refuse("has a bound that is not one number")),
        },
    };
    let min = bound(1, "min", f32::NEG_INFINITY)?;
    Ok(UnaryOp::Clip { min, max: bound(2, "max", f32::INFINITY)? })
}

pub(super) fn unary(c: &mut Compiler<'_>, node: &Node, op: UnaryOp) -> Result<(), Unsupported> {
    let from = c.place(node, 0)?;
    let to = c.allot(node, &from.dims)?;
    c.push(Step::Unary(Unary { op, from: from.lines(), to: to.lines() }));
    give(c, node, to)
}

/// The function of two numbers that the operator is, if it is one.
pub(crate) fn binary_op(node: &Node) -> Option<BinaryOp> {
    Some(match node.operator.as_str() {
        "Add" | "Sum" => BinaryOp::Add,
        "Sub" => BinaryOp::Sub,
        "Mul" => BinaryOp::Mul,
        "Div" => BinaryOp::Div,
        "Min" => BinaryOp::Min,
        "Max" => BinaryOp::Max,
        "Pow" => BinaryOp::Pow,
        "PRelu" => BinaryOp::PRelu,
        "Less" | "Greater" => BinaryOp::Less,
        "LessOrEqual" | "GreaterOrEqual" => BinaryOp::LessOrEqual,
        "Equal" => BinaryOp::Equal,
        "And" => BinaryOp::And,
        "Or" => BinaryOp::Or,
        _ => return None,
    })
}

/// Min, Max and Sum take any number of inputs, which are taken in one after the other.
pub(super) fn binary(c: &mut Compiler<'_>, node: &Node, op: BinaryOp) -> Result<(), Unsupported> {
    let takes_integers = matches!(op, BinaryOp::Pow | BinaryOp::And | BinaryOp::Or);
    let truths = matches!(op, BinaryOp::And | BinaryOp::Or);
    let mut result = if truths { c.number(node, 0)? } else { c.place(node, 0)? };
    let swapped = node.operator.starts_with("Greater");
    for index in 1..node.inputs.len() {
        let other = if takes_integers { c.number(node, index)? } else { c.place(node, index)? };
        let (a, b) = if swapped { (other, result) } else { (result, other) };
        result = pair(c, node, op, a, b)?;
    }
    give(c, node, result)
}

/// `op(a, b)`, each spread to the dimensions of both.
pub(super) fn pair(
    c: &mut Compiler<'_>,
    node: &Node,
    op: BinaryOp,
    a: Place,
    b: Place,
) -> Result<Place, Unsupported> {
    let dims = views::common_dims(&a.dims, &b.dims)
        .ok_or_else(|| node.refuse(format!("joins dimensions {:?} and {:?}", a.dims, b.dims)))?;
    let a = spread(c, node, a, &dims)?;
    let b = spread(c, node, b, &dims)?;
    let to = c.allot(node, &dims)?;
    c.push(Step::Binary(Binary { op, a: a.lines(), b: b.lines(), to: to.lines() }));
    Ok(to)
}

/// The place's numbers repeated to fill `dims`, which they can.
pub(super) fn spread(
    c: &mut Compiler<'_>,
    node: &Node,
    place: Place,
    dims: &[usize],
) -> Result<Place, Unsupported> {
    if Some(place.len()) == element_count(dims) {
        return Ok(Place { dims: dims.to_vec(), ..place });
    }
    let view = views::spread(node, &place.dims, dims)?;
    if let Some(constant) = c.written(&place) {
        return c.write(&views::apply(view, &constant)).map_err(|reason| node.refuse(reason));
    }
    c.copy(node, &place, dims, view.places.unwrap_or_default())
}

/// Casts between the types that are float32 here: to float32, of float32 and of truth.
pub(super) fn cast(c: &mut Compiler<'_>, node: &Node) -> Result<(), Unsupported> {
    if node.int("to", 0) != i64::from(crate::value::FLOAT32) {
        return Err(node.refuse("casts what is computed to another type than float32"));
    }
    let place = c.place(node, 0)?;
    give(c, node, place)
}

/// One of two by the truth of a third.
pub(super) fn choose(c: &mut Compiler<'_>, node: &Node) -> Result<(), Unsupported> {
    let places = [c.number(node, 0)?, c.place(node, 1)?, c.place(node, 2)?];
    let [truth, yes, no] = places.each_ref().map(|place| place.dims.as_slice());
    let dims = views::common_dims(truth, yes).and_then(|dims| views::common_dims(&dims, no));
    let dims = dims.ok_or_else(|| node.refuse("joins dimensions that do not go together"))?;
    let [truth, yes, no] = places;
    let truth = spread(c, node, truth, &dims)?.lines();
    let yes = spread(c, node, yes, &dims)?.lines();
    let no = spread(c, node, no, &dims)?.lines();
    let to = c.allot(node, &dims)?;
    c.push(Step::Choice(Choice { truth, yes, no, to: to.lines() }));
    give(c, node, to)
}
