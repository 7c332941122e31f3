//! What each book message left behind, and running sums over the newest of them.
//!
//! ```text
//!   rows   . . o o o o o o o o h        a ring: a row a message, when it came and a cell a series
//!              ^       ^       ^
//!              tail A  tail B  head     one tail a window; a running sum for each series it is of
//! ```
//!
//! All series that change with the book stand in one row, and all that look equally far back share
//! one tail: a message writes one row and, once a window, reads one that leaves it, however long the
//! windows are. Sums are of integers: what is added and taken out again leaves nothing behind.

use crate::book::{BookFeature, Top};
use crate::measure::{Growth, Measure};
use crate::ofi::{FlowLevels, Flows};
use crate::window::{Window, place};
use crate::zscore::{self, Moments};
use core::hint::black_box;

/// What a cell of a row is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Series {
    /// What the message changed, in quantity units.
    Flow(FlowLevels),
    /// The feature's value, quantised. It is summed up once it is past: when the next message came.
    Reading(BookFeature),
}

/// The sums that plans ask for: the windows, and for each the series that it sums up.
#[derive(Clone, Debug, Default)]
pub(crate) struct RowsPlan {
    series: Vec<Series>,
    windows: Vec<(Window, Vec<usize>)>,
}

/// Where a sum stands: the window, and which of those it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SumPlace {
    pub(crate) window: usize,
    sum: usize,
}

impl RowsPlan {
    /// The flows among the series.
    pub(crate) fn flows(&self) -> impl Iterator<Item = FlowLevels> {
        self.series.iter().filter_map(|series| match series {
            Series::Flow(levels) => Some(*levels),
            Series::Reading(_) => None,
        })
    }

    /// Where a window stands, added if it is new.
    pub(crate) fn window(&mut self, window: Window) -> usize {
        self.windows.iter().position(|(known, _)| *known == window).unwrap_or_else(|| {
            self.windows.push((window, Vec::new()));
            self.windows.len() - 1
        })
    }

    /// Where the sum of a series over a window stands, added if it is new.
    pub(crate) fn sum(&mut self, series: Series, window: Window) -> SumPlace {
        let column = place(&mut self.series, series);
        let window = self.window(window);
        let sum = place(&mut self.windows[window].1, column);
        SumPlace { window, sum }
    }
}

/// The cell of a message that has no value of its series, or none that fits.
const MISSING: i64 = i64::MIN;

/// When no row came: later than every horizon.
const NEVER: u64 = u64::MAX;

/// One window.
#[derive(Clone, Debug)]
struct Tail {
    window: Window,
    /// Nanoseconds of a window by time; of one by count more than there are.
    nanos: u64,
    /// The most rows it holds.
    most: u64,
    /// The number of its oldest row.
    oldest: u64,
    /// When that one came; [`NEVER`] without one.
    oldest_at: u64,
    sums: Vec<Sum>,
}

/// The cells of one series in one window.
#[derive(Clone, Debug)]
struct Sum {
    column: usize,
    is_reading: bool,
    /// Cells without a value.
    missing: u64,
    moments: Moments,
}

impl Sum {
    #[inline]
    fn add(&mut self, cell: i64) {
        if cell == MISSING {
            self.missing += 1;
        } else if self.is_reading {
            self.moments.add(cell);
        } else {
            self.moments.add_first(cell);
        }
    }

    #[inline]
    fn remove(&mut self, cell: i64) {
        if cell == MISSING {
            self.missing -= 1;
        } else if self.is_reading {
            self.moments.remove(cell);
        } else {
            self.moments.remove_first(cell);
        }
    }
}

/// The cells of all rows, one after the other; a row begins with its receive time.
#[derive(Clone, Debug)]
struct Cells {
    cells: Box<[i64]>,
    width: usize,
    /// Rows less one; a power of two less one.
    mask: u64,
}

impl Cells {
    #[inline]
    fn row(&self, number: u64) -> &[i64] {
        &self.cells[(number & self.mask) as usize * self.width..][..self.width]
    }

    #[inline]
    fn row_mut(&mut self, number: u64) -> &mut [i64] {
        &mut self.cells[(number & self.mask) as usize * self.width..][..self.width]
    }
}

impl Tail {
    /// Lets the oldest row go. The newest of all has no reading in the sums yet.
    #[inline]
    fn leave_oldest(&mut self, cells: &Cells, head: u64) {
        let row = cells.row(self.oldest);
        let is_newest = self.oldest + 1 == head;
        for sum in &mut self.sums {
            if !(is_newest && sum.is_reading) {
                sum.remove(row[1 + sum.column]);
            }
        }
        self.oldest += 1;
        self.oldest_at = if is_newest { NEVER } else { cells.row(self.oldest)[0] as u64 };
    }

    fn clear(&mut self) {
        (self.oldest, self.oldest_at) = (0, NEVER);
        for sum in &mut self.sums {
            (sum.missing, sum.moments) = (0, Moments::default());
        }
    }
}

/// The rows of an epoch and the windows over them.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    cells: Cells,
    series: Vec<Series>,
    /// Messages, that is rows, so far.
    head: u64,
    tails: Vec<Tail>,
    overflows: u64,
}

impl Rows {
    /// A ring of `capacity` rows if any window is by time, else of as many as the longest needs.
    pub(crate) fn new(plan: &RowsPlan, capacity: usize) -> Self {
        let slots_of = |window: &Window| match window {
            Window::Time { .. } => capacity,
            Window::Updates { count } | Window::Trades { count } => {
                (*count as usize).next_power_of_two()
            }
        };
        let slots = plan.windows.iter().map(|(window, _)| slots_of(window)).max().unwrap_or(1);
        let sum = |&column: &usize| Sum {
            column,
            is_reading: matches!(plan.series[column], Series::Reading(_)),
            missing: 0,
            moments: Moments::default(),
        };
        let tail = |(window, columns): &(Window, Vec<usize>)| {
            let (nanos, most) = match *window {
                Window::Time { nanos } => (nanos, slots as u64),
                Window::Updates { count } | Window::Trades { count } => (u64::MAX, count),
            };
            let sums = columns.iter().map(sum).collect();
            Tail { window: *window, nanos, most, oldest: 0, oldest_at: NEVER, sums }
        };
        let width = 1 + plan.series.len();
        Self {
            cells: Cells {
                cells: vec![0; slots * width].into_boxed_slice(),
                width,
                mask: slots as u64 - 1,
            },
            series: plan.series.clone(),
            head: 0,
            tails: plan.windows.iter().map(tail).collect(),
            overflows: 0,
        }
    }

    /// Lets go what windows by time have left behind by `at`.
    #[inline]
    pub(crate) fn advance(&mut self, at: u64) {
        for tail in &mut self.tails {
            let Some(horizon) = at.checked_sub(tail.nanos) else { continue };
            while tail.oldest_at <= horizon && tail.oldest < self.head {
                tail.leave_oldest(&self.cells, self.head);
            }
        }
    }

    /// Takes the message just set on `top`, and what it changed if there was one before it.
    /// [`advance`](Self::advance) first: a full window drops its oldest row, and one by time counts
    /// that.
    #[inline]
    pub(crate) fn push(&mut self, at: u64, top: &Top, flows: Option<&Flows>, measure: &Measure) {
        for tail in &mut self.tails {
            if self.head - tail.oldest == tail.most {
                tail.leave_oldest(&self.cells, self.head);
                self.overflows += u64::from(matches!(tail.window, Window::Time { .. }));
            }
            if tail.oldest == self.head {
                tail.oldest_at = at;
            } else {
                let past = self.cells.row(self.head - 1);
                for sum in tail.sums.iter_mut().filter(|sum| sum.is_reading) {
                    sum.add(past[1 + sum.column]);
                }
            }
        }
        let row = self.cells.row_mut(self.head);
        row[0] = at as i64;
        for (cell, series) in row[1..].iter_mut().zip(&self.series) {
            let value = match *series {
                Series::Flow(levels) => flows.and_then(|flows| flows.of(levels)),
                Series::Reading(feature) => zscore::reading(feature, top, measure),
            };
            *cell = value.unwrap_or(MISSING);
        }
        for sum in self.tails.iter_mut().flat_map(|tail| &mut tail.sums) {
            if !sum.is_reading {
                sum.add(row[1 + sum.column]);
            }
        }
        self.head += 1;
    }

    /// Looks at the rows that the next message will need.
    pub(crate) fn touch(&self) {
        for number in self.tails.iter().map(|tail| tail.oldest).chain([self.head]) {
            let row = self.cells.row(number);
            black_box((row[0], row[self.cells.width - 1]));
        }
    }

    /// The window that stands there.
    #[inline]
    pub(crate) fn window(&self, window: usize) -> Window {
        self.tails[window].window
    }

    /// Messages in a window.
    #[inline]
    pub(crate) fn count(&self, window: usize) -> u64 {
        self.head - self.tails[window].oldest
    }

    /// The summed flow in quantity units; `None` while a message in the window has none that fits.
    #[inline]
    pub(crate) fn flow(&self, place: SumPlace) -> Option<i128> {
        let sum = &self.tails[place.window].sums[place.sum];
        (sum.missing == 0).then_some(sum.moments.sum)
    }

    /// The newest message's reading against those before it in the window.
    #[inline]
    pub(crate) fn zscore(&self, place: SumPlace) -> Option<f64> {
        let tail = &self.tails[place.window];
        let sum = &tail.sums[place.sum];
        let newest = self.cells.row(self.head.checked_sub(1)?)[1 + sum.column];
        let past = (self.head - 1).saturating_sub(tail.oldest) - sum.missing;
        (newest != MISSING).then(|| zscore::score(past, sum.moments, newest))?
    }

    /// Messages that left a window by time before theirs, because the ring was full.
    pub(crate) fn overflows(&self) -> u64 {
        self.overflows
    }

    /// Forgets every row.
    pub(crate) fn clear(&mut self) {
        self.head = 0;
        self.tails.iter_mut().for_each(Tail::clear);
    }

    /// Forgets the readings in ticks: a new tick size makes them another quantity.
    #[cold]
    pub(crate) fn forget_ticks(&mut self) {
        self.replace(|series, cell| match series {
            Series::Reading(feature) if feature.needs_tick() => None,
            _ => Some(cell),
        });
    }

    /// Multiplies all that is held up. What does not fit then is missing.
    #[cold]
    pub(crate) fn rescale(&mut self, growth: Growth) {
        self.replace(|series, cell| match series {
            Series::Flow(_) => cell.checked_mul(growth.qty),
            Series::Reading(feature) if feature.is_quantity() => {
                cell.checked_mul(growth.qty).and_then(zscore::within)
            }
            Series::Reading(_) => Some(cell),
        });
    }

    /// Replaces every cell with a value that a window holds, and adds up anew.
    fn replace(&mut self, new: impl Fn(Series, i64) -> Option<i64>) {
        let oldest = self.tails.iter().map(|tail| tail.oldest).min().unwrap_or(self.head);
        // The newest message's readings are no window's yet.
        for number in oldest.min(self.head.saturating_sub(1))..self.head {
            for (cell, series) in self.cells.row_mut(number)[1..].iter_mut().zip(&self.series) {
                if *cell != MISSING {
                    *cell = new(*series, *cell).unwrap_or(MISSING);
                }
            }
        }
        for tail in &mut self.tails {
            for sum in &mut tail.sums {
                (sum.missing, sum.moments) = (0, Moments::default());
                let end = self.head - u64::from(sum.is_reading && self.head > 0);
                for number in tail.oldest..end {
                    sum.add(self.cells.row(number)[1 + sum.column]);
                }
            }
        }
    }
}
