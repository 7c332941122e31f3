//! A graph's inputs and outputs, as its file declares them.

use crate::proto::{DimensionProto, TypeProto, ValueInfoProto};
use std::fmt;

/// A graph's input or output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueInfo {
    /// Its name in the graph.
    pub name: String,
    /// What it holds.
    pub kind: ValueKind,
    /// Its dimensions; `None` where the file does not say.
    pub dims: Option<Vec<Dim>>,
}

/// What a graph's input or output holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// A tensor of this ONNX element type.
    Tensor(i32),
    /// A sequence of maps, as ZipMap makes, or one map.
    Maps,
    /// Anything else.
    Other,
}

/// One dimension of a tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dim {
    /// This many.
    Fixed(i64),
    /// Free; the name, if it has one, is only a name.
    Free(Option<String>),
}

/// ONNX's number for float32.
pub(crate) const FLOAT32: i32 = 1;

impl ValueInfo {
    pub(crate) fn of(proto: &ValueInfoProto) -> Self {
        let name = proto.name().to_owned();
        let Some(kind) = &proto.r#type else {
            return Self { name, kind: ValueKind::Other, dims: None };
        };
        let shape = kind.tensor.as_ref().and_then(|tensor| tensor.shape.as_ref());
        let dims = shape.map(|shape| shape.dim.iter().map(Dim::of).collect());
        Self { name, kind: ValueKind::of(kind), dims }
    }
}

impl ValueKind {
    fn of(proto: &TypeProto) -> Self {
        let element = proto.sequence.as_ref().and_then(|sequence| sequence.elem_type.as_ref());
        if let Some(tensor) = &proto.tensor {
            Self::Tensor(tensor.elem_type())
        } else if proto.map.is_some() || element.is_some_and(|element| element.map.is_some()) {
            Self::Maps
        } else {
            Self::Other
        }
    }
}

impl Dim {
    fn of(proto: &DimensionProto) -> Self {
        match proto.dim_value {
            Some(value) => Self::Fixed(value),
            None => Self::Free(proto.dim_param.clone().filter(|name| !name.is_empty())),
        }
    }
}

impl fmt::Display for ValueInfo {
    /// As in `probabilities float32[N, 3]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.kind)?;
        let Some(dims) = &self.dims else {
            return write!(f, " of unknown shape");
        };
        write!(f, "[")?;
        for (index, dim) in dims.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{dim}")?;
        }
        write!(f, "]")
    }
}

impl fmt::Display for ValueKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tensor(1) => "float32",
            Self::Tensor(2) => "uint8",
            Self::Tensor(3) => "int8",
            Self::Tensor(6) => "int32",
            Self::Tensor(7) => "int64",
            Self::Tensor(8) => "string",
            Self::Tensor(9) => "bool",
            Self::Tensor(10) => "float16",
            Self::Tensor(11) => "float64",
            Self::Tensor(16) => "bfloat16",
            Self::Tensor(other) => return write!(f, "element type {other}"),
            Self::Maps => "maps",
            Self::Other => "another kind of value",
        })
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(value) => write!(f, "{value}"),
            Self::Free(Some(name)) => write!(f, "{name}"),
            Self::Free(None) => write!(f, "?"),
        }
    }
}
