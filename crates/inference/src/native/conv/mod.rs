//! Convolutions, pools and what stands between them, over windows that slide.
//!
//! [`Columns`] is a list of layers that keep time apart from all else: `build` and `rearrange` put it
//! together from values of the graph ([`View`]), `kernel` and `lanewise` compute, and `columns` says
//! which columns of time are new.

mod build;
mod columns;
mod kernel;
mod lanewise;
mod lower;
mod rearrange;
mod rings;
mod step;
mod taps;
mod view;
mod window;

pub(crate) use columns::{Columns, Source, Turn};
pub(crate) use lower::node as lower;
pub(crate) use rings::Rings;
pub(crate) use step::{ColumnsStep, Slide};
pub(crate) use view::View;
