//! From a recording to a judgement: what a model's signals foretold of prices, for how long, what is
//! left of it once latency is paid, and what trading them would have made.
//!
//! Contract: everything here is cold and runs on one thread. It follows an inline run of the two
//! steps that live trading uses ([`tickhawk_engine::Follower`]) and sees what they tell, in their
//! order; it never tells them anything. Memory grows with the recording up to a limit that is checked
//! and named when it is reached. The same input and seed give the same bytes: no clock is read, no
//! hash map's order shows, and randomness is ChaCha's.
//!
//! What it refuses to do: hand a step anything of the future, let a label cross the end of what its
//! book was known to be, or drop a row without counting it.
#![forbid(unsafe_code)]

mod chance;
pub mod judge;
pub mod lookahead;
pub mod page;
pub mod tape;
pub mod trade;
