//! The attribute lists of one tree operator, as the file holds them.

use crate::native::unsupported::Unsupported;
use crate::proto::{AttributeProto, NodeProto};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// `onnx.TensorProto.DataType` of float32 and float64.
const FLOAT32: i32 = 1;
const FLOAT64: i32 = 11;

/// Attributes by name. An absent list is an empty one, as in ONNX Runtime.
pub(super) struct Attributes<'a> {
    operator: &'a str,
    by_name: BTreeMap<&'a str, &'a AttributeProto>,
}

impl<'a> Attributes<'a> {
    pub(super) fn of(node: &'a NodeProto) -> Result<Self, Unsupported> {
        let operator = node.op_type();
        let mut attributes = Self { operator, by_name: BTreeMap::new() };
        for attribute in &node.attribute {
            if attributes.by_name.insert(attribute.name(), attribute).is_some() {
                return Err(attributes.refuse(format!("two attributes `{}`", attribute.name())));
            }
        }
        Ok(attributes)
    }

    /// A refusal of this operator.
    pub(super) fn refuse(&self, reason: impl Into<String>) -> Unsupported {
        let operator = self.operator.to_owned();
        Unsupported { operator, node: String::new(), reason: reason.into() }
    }

    pub(super) fn int(&self, name: &str) -> Option<i64> {
        self.by_name.get(name).and_then(|attribute| attribute.i)
    }

    pub(super) fn ints(&self, name: &str) -> &'a [i64] {
        self.by_name.get(name).map_or(&[], |attribute| &attribute.ints)
    }

    pub(super) fn strings(&self, name: &str) -> impl ExactSizeIterator<Item = &'a [u8]> {
        let strings = self.by_name.get(name).map_or(&[][..], |attribute| &attribute.strings[..]);
        strings.iter().map(|text| &text[..])
    }

    /// A word such as `NONE`, which is `default` where the file has none.
    pub(super) fn word(&self, name: &str, default: &'static str) -> Cow<'a, str> {
        let found = self.by_name.get(name).and_then(|attribute| attribute.s.as_ref());
        found.map_or(Cow::Borrowed(default), |text| String::from_utf8_lossy(text))
    }

    /// The floats under `name`, or those of the tensor under `name_as_tensor`.
    ///
    /// A tensor of doubles is refused. ONNX Runtime reads one only if the operator's input is of
    /// doubles too, and then compares and sums in doubles; over float32 inputs it refuses as well.
    pub(super) fn floats(&self, name: &str) -> Result<Cow<'a, [f32]>, Unsupported> {
        let list = self.by_name.get(name).map_or(&[][..], |attribute| &attribute.floats[..]);
        let tensor_name = format!("{name}_as_tensor");
        let tensor = self.by_name.get(tensor_name.as_str()).and_then(|found| found.t.as_ref());
        let Some(tensor) = tensor else { return Ok(Cow::Borrowed(list)) };
        if !list.is_empty() {
            return Err(self.refuse(format!("both `{name}` and `{tensor_name}`")));
        }
        match tensor.data_type() {
            FLOAT32 => {}
            FLOAT64 => return Err(self.refuse(format!("`{tensor_name}` holds doubles"))),
            other => return Err(self.refuse(format!("`{tensor_name}` has number type {other}"))),
        }
        let values = match &tensor.raw_data {
            Some(raw) => {
                let (values, rest) = raw.as_chunks::<4>();
                if !rest.is_empty() {
                    return Err(self.refuse(format!("`{tensor_name}` ends within a number")));
                }
                Cow::Owned(values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
            }
            None => Cow::Borrowed(&tensor.float_data[..]),
        };
        if tensor.dims != [values.len() as i64] {
            let (dims, held) = (&tensor.dims, values.len());
            return Err(self.refuse(format!("`{tensor_name}` says {dims:?} and holds {held}")));
        }
        Ok(values)
    }
}
