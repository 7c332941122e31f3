//! Which windows a feature takes.

use crate::error::NameProblem;
use crate::window::Window;
use crate::{kyle, roll, volatility, zscore};

/// Kinds of windows and how short they may be; zero forbids the kind.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    /// Time windows are whole multiples of this...
    step_nanos: u64,
    /// ...from this on.
    min_nanos: u64,
    min_updates: u64,
    min_trades: u64,
    /// A window that would do.
    example: &'static str,
}

const MILLI: u64 = 1_000_000;
pub(crate) const BY_TIME: Span =
    Span { step_nanos: MILLI, min_nanos: MILLI, min_updates: 0, min_trades: 0, example: "1s" };
pub(crate) const BY_TIME_OR_UPDATES: Span = Span { min_updates: 1, ..BY_TIME };
pub(crate) const BY_TIME_OR_TRADES: Span = Span { min_trades: 1, ..BY_TIME };
pub(crate) const Z_SPAN: Span =
    Span { min_updates: zscore::MIN_PAST_VALUES, example: "60s", ..BY_TIME };
pub(crate) const GRID_SPAN: Span = Span {
    step_nanos: volatility::GRID_NANOS,
    min_nanos: 10 * volatility::GRID_NANOS,
    example: "10s",
    ..BY_TIME
};
pub(crate) const KYLE_SPAN: Span = Span {
    step_nanos: kyle::INTERVAL_NANOS,
    min_nanos: kyle::MIN_INTERVALS * kyle::INTERVAL_NANOS,
    example: "60s",
    ..BY_TIME
};
/// A pair takes three trades, the next one more.
pub(crate) const ROLL_SPAN: Span =
    Span { min_trades: roll::MIN_PAIRS + 2, example: "60s", ..BY_TIME };

impl Span {
    pub(crate) fn window(
        self,
        text: Option<&str>,
        window_capacity: usize,
    ) -> Result<Window, NameProblem> {
        let text = text.ok_or(NameProblem::WindowMissing { example: self.example })?;
        let window = Window::parse(text)?;
        let range = |allowed| Err(NameProblem::WindowRange { window: text.to_owned(), allowed });
        let (count, least) = match window {
            Window::Time { nanos } => {
                let steps = nanos / self.step_nanos;
                let fits = nanos >= self.min_nanos && nanos.is_multiple_of(self.step_nanos);
                // A window on a coarse grid holds one entry a step, and has the bound of every ring.
                let held = self.step_nanos == MILLI || steps <= window_capacity as u64;
                return if fits && held {
                    Ok(window)
                } else {
                    range(self.allowed(window_capacity))
                };
            }
            Window::Updates { count } => (count, self.min_updates),
            Window::Trades { count } => (count, self.min_trades),
        };
        if least == 0 {
            let allowed = self.kinds();
            return Err(NameProblem::WindowKind { window: text.to_owned(), allowed });
        }
        let most = window_capacity as u64 / 2;
        if (least..=most).contains(&count) {
            Ok(window)
        } else {
            range(format!("{least} to {most} (half of window_capacity)"))
        }
    }

    fn kinds(self) -> &'static str {
        match (self.min_updates > 0, self.min_trades > 0) {
            (true, _) => "time or book messages, `1s` or `64u`",
            (false, true) => "time or trades, `1s` or `32t`",
            (false, false) => "time only, `1s`",
        }
    }

    fn allowed(self, window_capacity: usize) -> String {
        let (least, step) = (self.min_nanos / MILLI, self.step_nanos / MILLI);
        let most = (self.step_nanos / MILLI).saturating_mul(window_capacity as u64);
        format!("a multiple of {step}ms from {least}ms to {most}ms")
    }
}
