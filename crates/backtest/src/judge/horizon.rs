//! How far ahead is looked.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A stretch of the future: of receive time, or of the instrument's book messages. Its text is as in
/// feature names: `100ms`, `10s`, `64u`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Horizon {
    /// Nanoseconds, from 1 to a day.
    Time(u64),
    /// Book messages, from 1 to a million.
    Events(u32),
}

/// The longest horizon, in nanoseconds: a day.
pub const HORIZON_MAX_NS: u64 = 86_400_000_000_000;

/// The longest horizon in book messages.
pub const HORIZON_MAX_EVENTS: u32 = 1_000_000;

/// A text that is no horizon. The cure is in its words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no horizon: wanted 1us to 86400s, such as 100ms or 10s, or 1u to 1000000u")]
pub struct HorizonError(String);

/// Units from the shortest, with nanoseconds of each.
const UNITS: [(&str, u64); 4] = [("ns", 1), ("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000)];

impl FromStr for Horizon {
    type Err = HorizonError;

    fn from_str(text: &str) -> Result<Self, HorizonError> {
        let refused = || HorizonError(text.to_owned());
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_| refused())?;
        if unit == "u" {
            let events = u32::try_from(number).map_err(|_| refused())?;
            let fits = (1..=HORIZON_MAX_EVENTS).contains(&events);
            return fits.then_some(Self::Events(events)).ok_or_else(refused);
        }
        let (_, each) = UNITS.into_iter().find(|(name, _)| *name == unit).ok_or_else(refused)?;
        let ns = number.checked_mul(each).filter(|ns| (1..=HORIZON_MAX_NS).contains(ns));
        ns.map(Self::Time).ok_or_else(refused)
    }
}

impl TryFrom<String> for Horizon {
    type Error = HorizonError;

    fn try_from(text: String) -> Result<Self, HorizonError> {
        text.parse()
    }
}

impl From<Horizon> for String {
    fn from(horizon: Horizon) -> Self {
        horizon.to_string()
    }
}

impl fmt::Display for Horizon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Events(events) => f.pad(&format!("{events}u")),
            Self::Time(ns) => f.pad(&time_text(*ns)),
        }
    }
}

/// Nanoseconds in the largest unit of which they are a whole number.
pub fn time_text(ns: u64) -> String {
    let mut whole = UNITS.into_iter().rev().filter(|(_, each)| ns.is_multiple_of(*each));
    let (unit, each) = whole.next().unwrap_or(UNITS[0]);
    format!("{}{unit}", ns / each)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn texts_and_back(ns in 1..=HORIZON_MAX_NS, events in 1..=HORIZON_MAX_EVENTS) {
            for horizon in [Horizon::Time(ns), Horizon::Events(events)] {
                prop_assert_eq!(horizon.to_string().parse::<Horizon>(), Ok(horizon));
            }
        }

        #[test]
        fn any_text_is_answered(text in ".{0,12}") {
            let _ = text.parse::<Horizon>();
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in ["", "s", "0s", "0u", "1.5s", "-1s", "1", "1m", "86401s", "1000001u", "1 s"] {
            assert!(text.parse::<Horizon>().is_err(), "{text}");
        }
        assert_eq!("1500us".parse(), Ok(Horizon::Time(1_500_000)));
        assert_eq!(Horizon::Time(3_000_000_000).to_string(), "3s");
    }
}
