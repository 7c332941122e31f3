//! The decision policy: a threshold with hysteresis.

use serde::{Deserialize, Serialize};

/// What to hold, as the policy sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(i8)]
pub enum Decision {
    /// Expect down.
    Short = -1,
    /// Expect nothing.
    #[default]
    Flat = 0,
    /// Expect up.
    Long = 1,
}

/// Thresholds on the score, the same for both sides: a position is entered at `enter` and left
/// below `exit`. Between the two it is kept, so that a score that hovers at one threshold does not
/// flip the decision with every frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    enter: f32,
    exit: f32,
}

/// Thresholds that make no policy.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error(
    "thresholds enter {enter}, exit {exit}: wanted finite numbers with 0 <= exit <= enter and enter > 0"
)]
pub struct PolicyError {
    enter: f32,
    exit: f32,
}

impl Policy {
    /// Thresholds in units of the score: `0 <= exit <= enter`, `enter > 0`.
    ///
    /// # Errors
    /// If they are not so, or not finite.
    pub fn new(enter: f32, exit: f32) -> Result<Self, PolicyError> {
        let ordered = 0.0 <= exit && exit <= enter && enter > 0.0;
        if ordered && enter.is_finite() {
            return Ok(Self { enter, exit });
        }
        Err(PolicyError { enter, exit })
    }

    /// The decision that follows `held` at this score.
    #[inline]
    pub fn decide(&self, held: Decision, score: f32) -> Decision {
        if score >= self.enter {
            return Decision::Long;
        }
        if score <= -self.enter {
            return Decision::Short;
        }
        match held {
            Decision::Long if score >= self.exit => Decision::Long,
            Decision::Short if score <= -self.exit => Decision::Short,
            _ => Decision::Flat,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn thresholds_are_checked() {
        for (enter, exit) in [
            (0.0, 0.0),
            (0.1, 0.2),
            (0.2, -0.1),
            (f32::NAN, 0.1),
            (0.1, f32::NAN),
            (f32::INFINITY, 0.0),
        ] {
            assert!(Policy::new(enter, exit).is_err(), "{enter} {exit}");
        }
    }

    proptest! {
        #[test]
        fn is_antisymmetric(scores in prop::collection::vec(-1.0f32..1.0, 1..100)) {
            let policy = Policy::new(0.4, 0.1).unwrap();
            let (mut held, mut mirrored) = (Decision::Flat, Decision::Flat);
            for score in scores {
                held = policy.decide(held, score);
                mirrored = policy.decide(mirrored, -score);
                prop_assert_eq!(held as i8, -(mirrored as i8));
                prop_assert!(score.abs() < 0.4 || held as i8 as f32 == score.signum());
                prop_assert!(score.abs() >= 0.1 || held == Decision::Flat);
            }
        }
    }
}
