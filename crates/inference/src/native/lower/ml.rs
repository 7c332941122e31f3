//! Operators of `ai.onnx.ml`, as exporters of trees and linear models write them.

use super::super::compile::{Compiler, Known};
use super::super::elementwise::BinaryOp;
use super::super::elementwise::{Unary, UnaryOp};
use super::super::graph::Node;
use super::super::plan::{Forest, Step};
use super::super::rows::{RowsOp, Total};
use super::super::tensor::Tensor;
use super::super::trees::TreeEnsemble;
use super::super::unsupported::Unsupported;
use super::dense::{Matrix, push_dense};
use super::{elementwise, give, rows};

/// `(x - offset) * scale`, each one number or one a feature.
pub(super) fn scaler(c: &mut Compiler<'_>, node: &Node) -> Result<(), Unsupported> {
    let mut to = c.place(node, 0)?;
    for (op, name) in [(BinaryOp::Sub, "offset"), (BinaryOp::Mul, "scale")] {
        if let Some(values) = node.floats(name) {
            let values = Tensor::f32(&[values.len()], values.to_vec());
            let values = c.write(&values).map_err(|reason| node.refuse(reason))?;
            to = elementwise::pair(c, node, op, to, values)?;
        }
    }
    give(c, node, to)
}

pub(super) fn normalizer(c: &mut Compiler<'_>, node: &Node) -> Result<(), Unsupported> {
    let total = match node.string("norm").unwrap_or("MAX") {
        "MAX" => Total::Max,
        "L1" => Total::L1,
        "L2" => Total::L2,
        other => return Err(node.refuse(format!("has the norm `{other}`"))),
    };
    let from = c.place(node, 0)?;
    let width = from.dims.last().copied().unwrap_or(1);
    let to = rows::along(c, node, RowsOp::Normalise(total), &from, width)?;
    give(c, node, to)
}

/// The regressor gives its values, the classifier its labels and then its scores: of three classes
/// or more, since those of two are a matter of convention.
pub(super) fn linear(c: &mut Compiler<'_>, node: &Node) -> Result<(), Unsupported> {
    let input = c.place(node, 0)?;
    let classifies = node.operator == "ai.onnx.ml:LinearClassifier";
    let &[rows, inputs] = &input.dims[..] else {
        return Err(node.refuse("takes what is no matrix"));
    };
    let weights = node.floats("coefficients").unwrap_or_default();
    let bias = node.floats("intercepts").unwrap_or_default();
    let outputs = weights.len() / inputs;
    let fits = outputs > 0 && weights.len() == outputs * inputs && bias.len() <= outputs;
    if !fits || (!bias.is_empty() && bias.len() != outputs) {
        let (weights, bias) = (weights.len(), bias.len());
        let reason =
            format!("has {weights} coefficients and {bias} intercepts for {inputs} inputs");
        return Err(node.refuse(reason));
    }
    if classifies && (outputs < 3 || label_is_used(c, node)) {
        return Err(node.refuse("has fewer than three classes, or its label is used"));
    }
    let bias = Some(bias.to_vec()).filter(|bias| !bias.is_empty());
    let matrix =
        Matrix { inputs, outputs, transposed: true, weights: weights.into(), scale: 1.0, bias };
    let mut to = push_dense(c, node, &input, rows, &[rows, outputs], &matrix, false)?;
    match node.string("post_transform").unwrap_or("NONE") {
        "NONE" => {}
        "LOGISTIC" => {
            let op = UnaryOp::Sigmoid;
            c.push(Step::Unary(Unary { op, from: to.lines(), to: to.lines() }));
        }
        "SOFTMAX" => to = rows::along(c, node, RowsOp::Softmax, &to, outputs)?,
        other => return Err(node.refuse(format!("transforms by `{other}`"))),
    }
    c.bind(node, usize::from(classifies), Known::Place(to));
    Ok(())
}

/// One row of features in, one row of scores out.
pub(super) fn trees(c: &mut Compiler<'_>, node: &Node) -> Result<(), Unsupported> {
    let from = c.place(node, 0)?;
    let [1, features] = from.dims[..] else {
        return Err(node.refuse(format!("takes dimensions {:?}, wanted one row", from.dims)));
    };
    let classifies = node.operator == "ai.onnx.ml:TreeEnsembleClassifier";
    if classifies && label_is_used(c, node) {
        return Err(node.refuse("has a label that is used"));
    }
    let named = |refused: Unsupported| node.refuse(refused.reason);
    let trees = TreeEnsemble::parse(&node.proto(), features).map_err(named)?;
    let to = c.allot(node, &[1, trees.columns()])?;
    let (from, place) = (from.range(), to.range());
    c.push(Step::Forest(Box::new(Forest { trees, from, to: place })));
    c.bind(node, usize::from(classifies), Known::Place(to));
    Ok(())
}

/// Whether anything asks for the first output of a classifier.
pub(super) fn label_is_used(c: &Compiler<'_>, node: &Node) -> bool {
    let label = node.outputs.first().copied().flatten();
    label.is_some_and(|id| id == c.graph.output || c.graph.uses[id].0 > 0)
}

/// A map for each row is its numbers, if the classes are those of Tickhawk in its order: the names,
/// or integers that rise.
pub(super) fn zip_map(c: &mut Compiler<'_>, node: &Node) -> Result<(), Unsupported> {
    let names = node.strings("classlabels_strings").unwrap_or_default();
    let numbers = node.ints("classlabels_int64s").unwrap_or_default();
    let named = names.iter().map(|name| name.to_lowercase()).eq(["down", "flat", "up"]);
    let numbered = numbers.len() == 3 && numbers.is_sorted_by(|a, b| a < b);
    if !named && !numbered {
        return Err(node.refuse("has other classes than down, flat and up in this order"));
    }
    let place = c.place(node, 0)?;
    give(c, node, place)
}
