//! Ensembles written here as attribute lists, run by every kernel, by a walk over the lists, and
//! by ONNX Runtime.

mod hostile;
mod lists;
mod runtime;

mod walks;

use super::TreeEnsemble;
use crate::native::isa::Isa;
use lists::{Draw, Lists};

/// The ensemble with the kernels of `isa`.
fn with_isa(mut ensemble: TreeEnsemble, isa: Isa) -> TreeEnsemble {
    ensemble.set_isa(isa);
    ensemble
}
