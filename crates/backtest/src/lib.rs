//! From a recording to a judgement: what signals were worth, and what trading them would have made.
#![forbid(unsafe_code)]

pub mod trade;
