//! Operators of `ai.onnx.ml`, as exporters of trees and linear models write them.

use super::super::compile::Compiler;
use super::super::graph::Node;
use super::super::plan::{Forest, Step};
use super::super::trees::TreeEnsemble;
use super::super::unsupported::Unsupported;
use super::give;
use crate::native::compile::Known;

/// One row of features in, one row of scores out.
pub(super) fn trees(c: &mut Compiler<'_>, node: &Node) -> Result<(), Unsupported> {
    let from = c.place(node, 0)?;
    let [1, features] = from.dims[..] else {
        return Err(node.refuse(format!("takes dimensions {:?}, wanted one row", from.dims)));
    };
    let named = |refused: Unsupported| node.refuse(refused.reason);
    let trees = TreeEnsemble::parse(&node.proto(), features).map_err(named)?;
    let to = c.allot(node, &[1, trees.columns()])?;
    let (from, place) = (from.range(), to.range());
    c.push(Step::Forest(Box::new(Forest { trees, from, to: place })));
    match node.operator.as_str() {
        // Its first output is the label, which nothing but the label's own readers may want.
        "ai.onnx.ml:TreeEnsembleClassifier" => c.bind(node, 1, Known::Place(to)),
        _ => give(c, node, to)?,
    }
    Ok(())
}
