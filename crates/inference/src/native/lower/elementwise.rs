//! Operators on each number by itself, and on each two.

use super::super::compile::{Compiler, Place};
use super::super::elementwise::{Binary, BinaryOp, Unary, UnaryOp};
use super::super::graph::Node;
use super::super::moves::Copies;
use super::super::plan::Step;
use super::super::tensor::element_count;
use super::super::unsupported::Unsupported;
use super::give;

/// The function of one number that the operator is, if it is one.
pub(super) fn unary_op(c: &Compiler<'_>, node: &Node) -> Result<Option<UnaryOp>, Unsupported> {
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
pub(super) fn binary_op(node: &Node) -> Option<BinaryOp> {
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
    let mut result = c.place(node, 0)?;
    let swapped = node.operator.starts_with("Greater");
    for index in 1..node.inputs.len() {
        let other = c.place(node, index)?;
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
    let dims = common_dims(&a.dims, &b.dims)
        .ok_or_else(|| node.refuse(format!("joins dimensions {:?} and {:?}", a.dims, b.dims)))?;
    let a = spread(c, node, a, &dims)?;
    let b = spread(c, node, b, &dims)?;
    let to = c.allot(node, &dims)?;
    c.push(Step::Binary(Binary { op, a: a.lines(), b: b.lines(), to: to.lines() }));
    Ok(to)
}

/// What two shapes are spread to: equal dimensions, or one of them 1, from the last on.
pub(super) fn common_dims(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let dim = |dims: &[usize], axis: usize| {
        (axis + dims.len()).checked_sub(rank).map_or(1, |axis| dims[axis])
    };
    let both = (0..rank).map(|axis| match (dim(a, axis), dim(b, axis)) {
        (1, other) | (other, 1) => Some(other),
        (one, other) => Some(one).filter(|_| one == other),
    });
    both.collect()
}

/// The place's numbers repeated to fill `dims`, which they can.
pub(super) fn spread(
    c: &mut Compiler<'_>,
    node: &Node,
    place: Place,
    dims: &[usize],
) -> Result<Place, Unsupported> {
    if place.len() == element_count(dims).unwrap_or(0) {
        return Ok(Place { dims: dims.to_vec(), ..place });
    }
    let to = c.allot(node, dims)?;
    let places = spread_places(&place.dims, dims);
    c.push(Step::Copies(Copies::new(place.range(), to.range(), &places)));
    Ok(to)
}

/// For each number of `to`, which one of `from` it is.
pub(super) fn spread_places(from: &[usize], to: &[usize]) -> Vec<usize> {
    let mut places = vec![0];
    let mut stride = 1;
    let behind = to.len() - from.len();
    for axis in (0..to.len()).rev() {
        let size = axis.checked_sub(behind).map_or(1, |axis| from[axis]);
        let step = if size == 1 { 0 } else { stride };
        stride *= size;
        places =
            (0..to[axis]).flat_map(|i| places.iter().map(move |place| place + i * step)).collect();
    }
    places
}
