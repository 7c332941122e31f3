//! Gemm and MatMul.

use super::super::compile::{Compiler, Place};
use super::super::dense::{Dense, Layer};
use super::super::elementwise::{BinaryOp, Unary, UnaryOp};
use super::super::graph::Node;
use super::super::matmul::MatMul;
use super::super::plan::Step;
use super::super::tensor::Tensor;
use super::super::unsupported::Unsupported;
use super::{elementwise, give, rows, views};
use std::borrow::Cow;

/// A constant matrix to multiply with, and what is added.
pub(super) struct Matrix<'a> {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    /// Stored `[output][input]`.
    pub(super) transposed: bool,
    pub(super) weights: Cow<'a, [f32]>,
    pub(super) scale: f32,
    pub(super) bias: Option<Vec<f32>>,
}

pub(super) fn gemm(c: &mut Compiler<'_>, node: &Node) -> Result<(), Unsupported> {
    let input = c.place(node, 0)?;
    let (alpha, beta) = (node.float("alpha", 1.0), node.float("beta", 1.0));
    let transposed = node.int("transB", 0) != 0;
    let right_dims = c.dims(node, 1)?.to_vec();
    let (&[rows, inputs], &[k, n]) = (&input.dims[..], &right_dims[..]) else {
        return Err(node.refuse("multiplies what are not matrices"));
    };
    let (k, outputs) = if transposed { (n, k) } else { (k, n) };
    if k != inputs || node.int("transA", 0) != 0 {
        return Err(
            node.refuse(format!("multiplies {inputs} columns with {k} rows, or transposed"))
        );
    }
    let Ok(right) = c.floats(node, 1) else {
        return Err(node.refuse("multiplies with a matrix that is no constant"));
    };
    let weights = right.floats().unwrap_or_default().into();
    let mut matrix = Matrix { inputs, outputs, transposed, weights, scale: alpha, bias: None };
    if node.input(2).is_none() {
        return dense(c, node, input, rows, vec![rows, outputs], matrix);
    }
    if let Some(row) = c.constant(node, 2).and_then(|tensor| bias(&tensor, outputs, beta)) {
        matrix.bias = Some(row);
        return dense(c, node, input, rows, vec![rows, outputs], matrix);
    }
    // A whole matrix to add, or one that is computed.
    let product = push_dense(c, node, &input, rows, &[rows, outputs], &matrix, false)?;
    let mut summand = c.place(node, 2)?;
    if beta != 1.0 {
        let factor = Tensor::f32(&[], vec![beta]);
        let factor = c.write(&factor).map_err(|reason| node.refuse(reason))?;
        summand = elementwise::pair(c, node, BinaryOp::Mul, summand, factor)?;
    }
    let to = elementwise::pair(c, node, BinaryOp::Add, product, summand)?;
    give(c, node, to)
}

pub(super) fn mat_mul(c: &mut Compiler<'_>, node: &Node) -> Result<(), Unsupported> {
    let input = c.place(node, 0)?;
    let right = match c.floats(node, 1) {
        Ok(right) if right.dims.len() == 2 && !input.dims.is_empty() => right,
        _ => return product(c, node, input),
    };
    let (inputs, outputs) = (right.dims[0], right.dims[1]);
    let (found, before) = input.dims.split_last().map_or((1, &[][..]), |(k, rest)| (*k, rest));
    if found != inputs {
        return Err(node.refuse(format!("multiplies {found} columns with {inputs} rows")));
    }
    let rows = before.iter().product();
    let dims = [before, &[outputs]].concat();
    let weights = right.floats().unwrap_or_default().into();
    let matrix = Matrix { inputs, outputs, transposed: false, weights, scale: 1.0, bias: None };
    dense(c, node, input, rows, dims, matrix)
}

/// Of two matrices, or stacks of them, neither packed.
fn product(c: &mut Compiler<'_>, node: &Node, a: Place) -> Result<(), Unsupported> {
    let b = c.place(node, 1)?;
    let ([a_before @ .., m, k], [b_before @ .., rows, n]) = (&a.dims[..], &b.dims[..]) else {
        return Err(node.refuse("multiplies a single row"));
    };
    let (m, k, n) = (*m, *k, *n);
    let before = views::common_dims(a_before, b_before).filter(|_| *rows == k);
    let before =
        before.ok_or_else(|| node.refuse(format!("multiplies {:?} with {:?}", a.dims, b.dims)))?;
    let starts = |dims: &[usize], size: usize| -> Result<Vec<usize>, Unsupported> {
        let places = views::spread(node, dims, &before)?.places.unwrap_or_default();
        Ok(places.into_iter().map(|place| place * size).collect())
    };
    let batches = starts(a_before, m * k)?.into_iter().zip(starts(b_before, k * n)?).collect();
    let to = c.allot(node, &[&before[..], &[m, n]].concat())?;
    let (a, b, range) = (a.range(), b.lines(), to.lines());
    c.push(Step::MatMul(MatMul { a, b, to: range, batches, m, k, n }));
    give(c, node, to)
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

/// The layer, with what follows it and can be taken in: a bias, a batch normalisation, an
/// activation.
fn dense(
    c: &mut Compiler<'_>,
    node: &Node,
    input: Place,
    rows: usize,
    dims: Vec<usize>,
    mut matrix: Matrix<'_>,
) -> Result<(), Unsupported> {
    let mut last = node;
    if matrix.bias.is_none()
        && let Some((index, add)) = c.next(last)
        && add.operator == "Add"
        && let Some(row) = added(c, add, last, matrix.outputs, dims.len())
    {
        c.take(index);
        (matrix.bias, last) = (Some(row), add);
    }
    if let Some((index, norm)) = c.next(last)
        && norm.operator == "BatchNormalization"
        && norm.input(0) == last.outputs[0]
        && dims.len() == 2
        && let Ok((scale, shift)) = rows::scale_and_shift(c, norm)
        && scale.len() == matrix.outputs
    {
        c.take(index);
        last = norm;
        let bias = matrix.bias.take().unwrap_or_else(|| vec![0.0; matrix.outputs]);
        let bias =
            bias.iter().zip(&scale).zip(shift).map(|((bias, scale), shift)| bias * scale + shift);
        let bias = Some(bias.collect());
        let weights = (0..matrix.outputs).zip(&scale);
        let weights = weights
            .flat_map(|(n, scale)| {
                let matrix = &matrix;
                (0..matrix.inputs).map(move |k| matrix.weight(k, n) * scale)
            })
            .collect::<Vec<f32>>();
        matrix = Matrix { transposed: true, weights: weights.into(), scale: 1.0, bias, ..matrix };
    }
    let mut activation = None;
    if let Some((index, user)) = c.next(last)
        && let Ok(Some(op)) = elementwise::unary_op(c, user)
    {
        c.take(index);
        (activation, last) = (Some(op), user);
    }
    let relu = activation == Some(UnaryOp::Relu);
    let to = push_dense(c, last, &input, rows, &dims, &matrix, relu)?;
    if let Some(op) = activation.filter(|_| !relu) {
        c.push(Step::Unary(Unary { op, from: to.lines(), to: to.lines() }));
    }
    give(c, last, to)
}

impl Matrix<'_> {
    fn weight(&self, k: usize, n: usize) -> f32 {
        let place = if self.transposed { n * self.inputs + k } else { k * self.outputs + n };
        self.scale * self.weights[place]
    }
}

/// The layer alone.
pub(super) fn push_dense(
    c: &mut Compiler<'_>,
    node: &Node,
    input: &Place,
    rows: usize,
    dims: &[usize],
    matrix: &Matrix<'_>,
    relu: bool,
) -> Result<Place, Unsupported> {
    let bias = matrix.bias.as_ref();
    let to = c.allot(node, dims)?;
    let layer = Layer::pack(
        matrix.inputs,
        matrix.outputs,
        |k, n| matrix.weight(k, n),
        |n| bias.map_or(0.0, |bias| bias[n]),
    );
    let (from, range) = (input.range(), to.lines());
    c.push(Step::Dense(Dense { layer, relu, rows, from, to: range }));
    Ok(to)
}

/// The constant row that `add` adds to the layer's output.
fn added(
    c: &Compiler<'_>,
    add: &Node,
    layer: &Node,
    outputs: usize,
    rank: usize,
) -> Option<Vec<f32>> {
    let other = usize::from(add.input(0) == layer.outputs[0]);
    let tensor = c.constant(add, other)?;
    bias(&tensor, outputs, 1.0).filter(|_| tensor.dims.len() <= rank)
}
