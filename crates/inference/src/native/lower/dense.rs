//! Gemm and MatMul.

use super::super::compile::{Compiler, Place};
use super::super::dense::{Dense, Layer};
use super::super::elementwise::{BinaryOp, Unary, UnaryOp};
use super::super::graph::Node;
use super::super::plan::Step;
use super::super::tensor::Tensor;
use super::super::unsupported::Unsupported;
use super::{elementwise, give};

/// A constant matrix to multiply with, and what is added.
struct Matrix<'a> {
    inputs: usize,
    outputs: usize,
    /// Stored `[output][input]`.
    transposed: bool,
    weights: &'a [f32],
    scale: f32,
    bias: Option<Vec<f32>>,
}

pub(super) fn gemm(c: &mut Compiler<'_>, node: &Node) -> Result<(), Unsupported> {
    let input = c.place(node, 0)?;
    let right = c.floats(node, 1)?;
    let (alpha, beta) = (node.float("alpha", 1.0), node.float("beta", 1.0));
    let transposed = node.int("transB", 0) != 0;
    if node.int("transA", 0) != 0 {
        return Err(node.refuse("transposes its input"));
    }
    let (&[rows, inputs], &[k, n]) = (&input.dims[..], &right.dims[..]) else {
        return Err(node.refuse("multiplies what are not matrices"));
    };
    let (k, outputs) = if transposed { (n, k) } else { (k, n) };
    if k != inputs {
        return Err(node.refuse(format!("multiplies {inputs} columns with {k} rows")));
    }
    let bias = match node.input(2) {
        Some(_) => Some(
            bias(&*c.floats(node, 2)?, outputs, beta)
                .ok_or_else(|| node.refuse("adds what is not a row"))?,
        ),
        None => None,
    };
    let weights = right.floats().unwrap_or_default();
    let matrix = Matrix { inputs, outputs, transposed, weights, scale: alpha, bias };
    dense(c, node, input, rows, vec![rows, outputs], matrix)
}

pub(super) fn mat_mul(c: &mut Compiler<'_>, node: &Node) -> Result<(), Unsupported> {
    let input = c.place(node, 0)?;
    let right = c.floats(node, 1)?;
    let &[k, outputs] = &right.dims[..] else {
        return Err(node.refuse("multiplies with what is not a matrix"));
    };
    let Some((&inputs, before)) = input.dims.split_last() else {
        return Err(node.refuse("multiplies a single number"));
    };
    if k != inputs {
        return Err(node.refuse(format!("multiplies {inputs} columns with {k} rows")));
    }
    let rows = before.iter().product();
    let dims = [before, &[outputs]].concat();
    let weights = right.floats().unwrap_or_default();
    let matrix = Matrix { inputs, outputs, transposed: false, weights, scale: 1.0, bias: None };
    dense(c, node, input, rows, dims, matrix)
}

/// A row to add, if all rows get the same one.
fn bias(tensor: &Tensor, outputs: usize, beta: f32) -> Option<Vec<f32>> {
    let values = tensor.floats()?;
    let row = match values.len() {
        1 => vec![values[0]; outputs],
        len if len == outputs && tensor.dims.last() == Some(&outputs) => values.to_vec(),
        _ => return None,
    };
    Some(row.into_iter().map(|value| value * beta).collect())
}

/// The layer, with the bias and the activation that follow it.
fn dense(
    c: &mut Compiler<'_>,
    node: &Node,
    input: Place,
    rows: usize,
    dims: Vec<usize>,
    mut matrix: Matrix<'_>,
) -> Result<(), Unsupported> {
    let mut last = node.clone();
    if matrix.bias.is_none()
        && let Some((index, add)) = c.next(&last)
        && add.operator == "Add"
        && let Some(row) = added(c, add, &last, &matrix, dims.len())
    {
        c.take(index);
        (matrix.bias, last) = (Some(row), add.clone());
    }
    let mut activation = None;
    if let Some((index, user)) = c.next(&last)
        && let Ok(Some(op)) = elementwise::unary_op(c, user)
    {
        c.take(index);
        (activation, last) = (Some(op), user.clone());
    }
    let Matrix { inputs, outputs, transposed, weights, scale, bias } = matrix;
    let weight = |k: usize, n: usize| {
        scale * if transposed { weights[n * inputs + k] } else { weights[k * outputs + n] }
    };
    let layer = Layer::pack(inputs, outputs, weight, |n| bias.as_ref().map_or(0.0, |bias| bias[n]));
    let to = c.allot(&last, &dims)?;
    let relu = activation == Some(UnaryOp::Relu);
    let (from, range) = (input.range(), to.lines());
    c.push(Step::Dense(Dense { layer, relu, rows, from, to: range }));
    if let Some(op) = activation.filter(|_| !relu) {
        c.push(Step::Unary(Unary { op, from: to.lines(), to: to.lines() }));
    }
    give(c, &last, to)
}

/// The constant row that `add` adds to the layer's output.
fn added(
    c: &Compiler<'_>,
    add: &Node,
    layer: &Node,
    matrix: &Matrix<'_>,
    rank: usize,
) -> Option<Vec<f32>> {
    debug_assert!(elementwise::binary_op(add) == Some(BinaryOp::Add));
    let other = usize::from(add.input(0) == layer.outputs[0]);
    let tensor = c.constant(add, other)?;
    bias(&tensor, matrix.outputs, 1.0).filter(|_| tensor.dims.len() <= rank)
}
