//! Softmax and its like.

use super::super::compile::Compiler;
use super::super::graph::Node;
use super::super::plan::Step;
use super::super::rows::{Rows, Softmax};
use super::super::unsupported::Unsupported;
use super::{axis, give};

/// Before operator set 13 all dimensions from the axis on are one row.
pub(super) fn softmax(c: &mut Compiler<'_>, node: &Node) -> Result<(), Unsupported> {
    let from = c.place(node, 0)?;
    let flattens = c.graph.opset < 13;
    let axis = axis(node, node.int("axis", if flattens { 1 } else { -1 }), from.dims.len())?;
    let width = if flattens { from.dims[axis..].iter().product() } else { from.dims[axis] };
    if !flattens && axis + 1 != from.dims.len() {
        return Err(node.refuse("works on another axis than the last"));
    }
    let to = c.allot(node, &from.dims)?;
    let count = from.len() / width;
    let rows = Rows { count, width, from: from.lines(), to: to.lines() };
    c.push(Step::Softmax(Softmax { log: node.operator == "LogSoftmax", rows }));
    give(c, node, to)
}
