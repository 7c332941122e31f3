//! Writes a contract into an ONNX file, every other byte of which stays as it was.
//!
//! A protobuf message is a run of fields, each a key, a form and a value, and unknown fields are
//! lost by whoever decodes and encodes again. So nothing is decoded here: top-level fields are
//! walked, the earlier contract's entries are left out, the new ones appended.

use crate::contract::PREFIX;
use crate::proto::StringStringEntryProto;
use crate::signature::Signature;
use crate::{Contract, InferenceError, ModelFile, Refusal};
use prost::Message;
use prost::encoding::{WireType, decode_key, decode_varint, encode_key, encode_varint};
use std::ops::Range;

/// `metadata_props` in `onnx.ModelProto`.
const METADATA_PROPS: u32 = 14;

/// The model with `contract` in its metadata, in place of any it had. Doing it twice changes
/// nothing.
///
/// Refused if the model cannot carry this contract: another number of features, golden rows of
/// another length, a state the graph does not have, an input or output this engine does not run.
pub fn stamp(file: &ModelFile, contract: &Contract) -> Result<Vec<u8>, InferenceError> {
    let signature = Signature::with_states(file, contract.states())?;
    contract.check_signature(&signature).map_err(|refusal| refusal.of(file.path()))?;
    splice(file.bytes(), &contract.entries()).map_err(|refusal| refusal.of(file.path()))
}

/// `bytes` without its `tickhawk.*` entries, with `entries` at the end.
pub(crate) fn splice(bytes: &[u8], entries: &[(&str, String)]) -> Result<Vec<u8>, Refusal> {
    let mut out = Vec::with_capacity(bytes.len() + 4096);
    let mut at = 0;
    while at < bytes.len() {
        let field = next_field(bytes, at)?;
        if !is_contract_entry(&field, bytes)? {
            out.extend_from_slice(&bytes[at..field.value.end]);
        }
        at = field.value.end;
    }
    for (key, value) in entries {
        let entry =
            StringStringEntryProto { key: Some((*key).to_owned()), value: Some(value.clone()) };
        encode_key(METADATA_PROPS, WireType::LengthDelimited, &mut out);
        encode_varint(entry.encoded_len() as u64, &mut out);
        out.extend_from_slice(&entry.encode_to_vec());
    }
    Ok(out)
}

/// One top-level field.
struct Field {
    number: u32,
    wire: WireType,
    /// Where its value stands, without the length before it.
    value: Range<usize>,
}

fn next_field(bytes: &[u8], start: usize) -> Result<Field, Refusal> {
    let damaged = |text: String| Refusal::Damaged(format!("{text} at byte {start}"));
    let mut rest = &bytes[start..];
    let (number, wire) = decode_key(&mut rest).map_err(|e| damaged(e.to_string()))?;
    let length = match wire {
        WireType::Varint => {
            let before = rest.len();
            decode_varint(&mut rest).map_err(|e| damaged(e.to_string()))?;
            let value = bytes.len() - before..bytes.len() - rest.len();
            return Ok(Field { number, wire, value });
        }
        WireType::SixtyFourBit => 8,
        WireType::ThirtyTwoBit => 4,
        WireType::LengthDelimited => {
            decode_varint(&mut rest).map_err(|e| damaged(e.to_string()))?
        }
        WireType::StartGroup | WireType::EndGroup => {
            return Err(damaged("a field in the group form, which ONNX does not use".into()));
        }
    };
    let from = bytes.len() - rest.len();
    match usize::try_from(length).ok().and_then(|length| from.checked_add(length)) {
        Some(to) if to <= bytes.len() => Ok(Field { number, wire, value: from..to }),
        _ => Err(damaged("a field longer than the file".into())),
    }
}

fn is_contract_entry(field: &Field, bytes: &[u8]) -> Result<bool, Refusal> {
    if field.number != METADATA_PROPS || field.wire != WireType::LengthDelimited {
        return Ok(false);
    }
    let entry = StringStringEntryProto::decode(&bytes[field.value.clone()])
        .map_err(|error| Refusal::Damaged(error.to_string()))?;
    Ok(entry.key().starts_with(PREFIX))
}
