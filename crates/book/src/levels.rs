//! Both tiers of a side as one descending list.

use core::fmt;

use tickhawk_market::Level;

use crate::ladder::Ladder;
use crate::{far, window};

/// The levels of one side, best first: window and far book merged.
#[derive(Clone)]
pub struct Levels<'a> {
    ladder: &'a Ladder,
    near: window::Descending<'a>,
    far: far::Descending<'a>,
    next_near: Option<(usize, i64)>,
    next_far: Option<(i64, i64)>,
}

impl<'a> Levels<'a> {
    #[inline]
    pub(crate) fn new(
        ladder: &'a Ladder,
        mut near: window::Descending<'a>,
        mut far: far::Descending<'a>,
    ) -> Self {
        Self { next_near: near.next(), next_far: far.next(), ladder, near, far }
    }
}

impl fmt::Debug for Levels<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

impl Iterator for Levels<'_> {
    type Item = Level;

    #[inline]
    fn next(&mut self) -> Option<Level> {
        if let Some((position, qty)) = self.next_near {
            let key = self.ladder.key_at(position);
            if self.next_far.is_none_or(|(far, _)| far < key) {
                self.next_near = self.near.next();
                return Some(self.ladder.level(key, qty));
            }
        }
        let (key, qty) = self.next_far?;
        self.next_far = self.far.next();
        Some(self.ladder.level(key, qty))
    }
}
