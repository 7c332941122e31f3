//! Columns kept from run to run.

use super::columns::Turn;
use crate::native::simd::{self, LANES, Line};

/// The rings of all layers over a window that slides.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rings {
    lines: Vec<Line>,
    /// Rows of the window; zero if nothing is kept.
    rows: usize,
    /// Slots after which rings begin anew.
    turn: usize,
    /// The slot at which the last window began.
    start: usize,
    /// Whether there was a run since they were made or forgot.
    warm: bool,
}

impl Rings {
    /// That take so many numbers and turn after so many slots, for a window of `rows`.
    pub(crate) fn new(numbers: usize, turn: usize, rows: usize) -> Self {
        let lines = vec![Line::default(); numbers.div_ceil(LANES)];
        Self { lines, rows, turn, start: 0, warm: false }
    }

    pub(crate) fn forget(&mut self) {
        self.warm = false;
    }

    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&self.lines[..])
    }

    /// The numbers, and what has to be computed for a window with so many rows that the last one had
    /// not.
    pub(crate) fn turn(&mut self, new_rows: usize) -> (&mut [f32], Turn) {
        let turn = if self.warm && new_rows < self.rows {
            self.start = (self.start + new_rows) % self.turn;
            Turn { start: self.start, new: new_rows }
        } else {
            self.start = 0;
            Turn::WHOLE
        };
        self.warm = true;
        (simd::flat_mut(&mut self.lines), turn)
    }
}
