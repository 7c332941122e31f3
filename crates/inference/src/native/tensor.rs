//! Constants of a graph: dimensions, and numbers that are really there.

use crate::proto::TensorProto;

/// The most numbers one value may have: 16 MiB of float32, far above what answers in microseconds.
pub(crate) const ELEMENTS_MAX: usize = 1 << 22;

/// A constant. Its data has exactly as many numbers as its dimensions say.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tensor {
    pub(crate) dims: Vec<usize>,
    pub(crate) data: Numbers,
}

/// Float64 is kept as float32: a graph that computes in float64 is refused where it is met. All
/// integers and truth values are int64.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Numbers {
    F32(Vec<f32>),
    I64(Vec<i64>),
}

impl Tensor {
    pub(crate) fn f32(dims: &[usize], data: Vec<f32>) -> Self {
        debug_assert_eq!(element_count(dims), Some(data.len()));
        Self { dims: dims.to_vec(), data: Numbers::F32(data) }
    }

    pub(crate) fn i64(dims: &[usize], data: Vec<i64>) -> Self {
        debug_assert_eq!(element_count(dims), Some(data.len()));
        Self { dims: dims.to_vec(), data: Numbers::I64(data) }
    }

    /// From the file, or why not.
    pub(crate) fn read(proto: &TensorProto) -> Result<Self, String> {
        let dims: Option<Vec<usize>> =
            proto.dims.iter().map(|dim| (*dim).try_into().ok()).collect();
        let claimed = dims.and_then(|dims| Some((element_count(&dims)?, dims)));
        let Some((count, dims)) = claimed else {
            return Err(format!("a tensor claims dimensions {:?}", proto.dims));
        };
        let data = numbers(proto)?;
        let held = data.len();
        if held != count {
            return Err(format!("a tensor claims {count} numbers and holds {held}"));
        }
        Ok(Self { dims, data })
    }

    pub(crate) fn len(&self) -> usize {
        self.data.len()
    }

    /// The numbers, if they are float32.
    pub(crate) fn floats(&self) -> Option<&[f32]> {
        if let Numbers::F32(values) = &self.data { Some(values) } else { None }
    }

    /// The numbers, if they are integers.
    pub(crate) fn integers(&self) -> Option<&[i64]> {
        if let Numbers::I64(values) = &self.data { Some(values) } else { None }
    }
}

impl Numbers {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::I64(values) => values.len(),
        }
    }

    /// The numbers at these places, which exist.
    pub(crate) fn pick(&self, places: impl Iterator<Item = usize>) -> Self {
        match self {
            Self::F32(values) => Self::F32(places.map(|place| values[place]).collect()),
            Self::I64(values) => Self::I64(places.map(|place| values[place]).collect()),
        }
    }
}

/// How many numbers there are, `None` beyond [`ELEMENTS_MAX`]. Where a dimension is zero the others
/// are held to that too.
pub(crate) fn element_count(dims: &[usize]) -> Option<usize> {
    let others = dims.iter().filter(|dim| **dim > 0);
    let product = others.copied().try_fold(1usize, usize::checked_mul);
    let product = product.filter(|count| *count <= ELEMENTS_MAX)?;
    Some(if dims.contains(&0) { 0 } else { product })
}

fn numbers(proto: &TensorProto) -> Result<Numbers, String> {
    let raw = proto.raw_data.as_deref().filter(|raw| !raw.is_empty());
    Ok(match proto.data_type() {
        1 => Numbers::F32(match raw {
            Some(raw) => fixed(raw, f32::from_le_bytes)?,
            None => proto.float_data.clone(),
        }),
        11 => Numbers::F32(match raw {
            Some(raw) => fixed(raw, |bytes| f64::from_le_bytes(bytes) as f32)?,
            None => proto.double_data.iter().map(|value| *value as f32).collect(),
        }),
        7 => Numbers::I64(match raw {
            Some(raw) => fixed(raw, i64::from_le_bytes)?,
            None => proto.int64_data.clone(),
        }),
        6 => Numbers::I64(match raw {
            Some(raw) => fixed(raw, |bytes| i64::from(i32::from_le_bytes(bytes)))?,
            None => proto.int32_data.iter().copied().map(i64::from).collect(),
        }),
        9 => Numbers::I64(match raw {
            Some(raw) => raw.iter().copied().map(i64::from).collect(),
            None => proto.int32_data.iter().copied().map(i64::from).collect(),
        }),
        other => return Err(format!("a tensor has element type {other}")),
    })
}

fn fixed<const N: usize, T>(raw: &[u8], read: impl Fn([u8; N]) -> T) -> Result<Vec<T>, String> {
    let (whole, rest) = raw.as_chunks::<N>();
    if rest.is_empty() {
        Ok(whole.iter().copied().map(read).collect())
    } else {
        Err(format!("a tensor of {N}-byte numbers holds {} bytes", raw.len()))
    }
}
