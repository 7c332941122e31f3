//! What each operator becomes.

mod dense;
pub(super) mod elementwise;
mod ml;
pub(crate) mod rows;
pub(crate) mod views;

use super::compile::{Compiler, Known, Place};
use super::conv;
use super::graph::Node;
use super::recurrent;
use super::unsupported::Unsupported;

/// Steps for the node, and the places of its outputs; or the reason why there are none.
pub(crate) fn node(c: &mut Compiler<'_>, node: &Node) -> Result<(), Unsupported> {
    if conv::lower(c, node)? {
        return Ok(());
    }
    if let Some(op) = elementwise::unary_op(c, node)? {
        return elementwise::unary(c, node, op);
    }
    if let Some(op) = elementwise::binary_op(node) {
        return elementwise::binary(c, node, op);
    }
    if let Some(total) = rows::total(node) {
        return rows::reduce(c, node, total);
    }
    if let Some(view) = views::of(c, node)? {
        return views::give_view(c, node, view);
    }
    match node.operator.as_str() {
        "GRU" | "LSTM" => recurrent::lower(c, node),
        "Gemm" => dense::gemm(c, node),
        "MatMul" => dense::mat_mul(c, node),
        "Cast" => elementwise::cast(c, node),
        "Where" => elementwise::choose(c, node),
        "Concat" => views::concat(c, node),
        "Split" => views::split(c, node),
        "Softmax" | "LogSoftmax" => rows::softmax(c, node),
        "ai.onnx.ml:TreeEnsembleClassifier" | "ai.onnx.ml:TreeEnsembleRegressor" => {
            ml::trees(c, node)
        }
        "LayerNormalization" => rows::layer_norm(c, node),
        "BatchNormalization" => rows::batch_norm(c, node),
        "ai.onnx.ml:Scaler" => ml::scaler(c, node),
        "ai.onnx.ml:Normalizer" => ml::normalizer(c, node),
        "ai.onnx.ml:LinearClassifier" | "ai.onnx.ml:LinearRegressor" => ml::linear(c, node),
        "ai.onnx.ml:ZipMap" => ml::zip_map(c, node),
        _ => Err(node.refuse("is not supported")),
    }
}

/// An axis of a value of `rank` dimensions; negative ones count from the end.
pub(super) fn axis(node: &Node, value: i64, rank: usize) -> Result<usize, Unsupported> {
    let rank = i64::try_from(rank).unwrap_or(i64::MAX);
    let place = if value < 0 { value.saturating_add(rank) } else { value };
    let inside = (0..rank).contains(&place);
    let refused = || node.refuse(format!("has axis {value} for {rank} dimensions"));
    if inside { Ok(place as usize) } else { Err(refused()) }
}

/// The node's first output is that place.
fn give(c: &mut Compiler<'_>, node: &Node, place: Place) -> Result<(), Unsupported> {
    c.bind(node, 0, Known::Place(place));
    Ok(())
}
