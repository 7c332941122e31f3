//! Why a graph is not compiled.

use std::fmt;

/// What the native engine does not run, and where it stands: such a model runs on ONNX Runtime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsupported {
    /// The operator, as in `Conv` or `ai.onnx.ml:SVMClassifier`; empty if it is not about one.
    pub operator: String,
    /// The node's name, else that of its first output; empty if it has neither.
    pub node: String,
    /// What about it is not supported.
    pub reason: String,
}

impl Unsupported {
    /// About the graph as a whole.
    pub(crate) fn graph(reason: impl Into<String>) -> Self {
        Self { operator: String::new(), node: String::new(), reason: reason.into() }
    }
}

impl std::error::Error for Unsupported {}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.operator.is_empty() {
            write!(f, "operator `{}` ", self.operator)?;
        }
        if !self.node.is_empty() {
            write!(f, "(node `{}`) ", self.node)?;
        }
        f.write_str(&self.reason)
    }
}
