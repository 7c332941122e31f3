//! The built-in engine: an ONNX graph compiled at load to a straight line of kernels.

pub(crate) mod isa;
pub(crate) mod math;
pub(crate) mod simd;
