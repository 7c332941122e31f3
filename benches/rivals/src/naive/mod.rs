//! The pipeline that a competent person writes first, from well-known crates: serde_json, BTreeMap,
//! windows recomputed, a channel, `ort` as its documentation shows it.

pub mod book;
pub mod client;
pub mod features;
pub mod message;
pub mod pipeline;

pub use pipeline::{Inline, Threaded};
