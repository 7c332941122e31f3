//! What may go wrong, and how often.

use crate::SimulatorError;
use std::fmt;
use std::str::FromStr;
use tickhawk_market::{Decimal, DecimalText};

/// Probabilities are whole numbers of 10^-9.
const DECIMALS: u8 = 9;
/// Certainty.
pub(super) const ALWAYS: u32 = 1_000_000_000;

/// A way in which a connection or a service goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultKind {
    /// A message is lost.
    Drop,
    /// A message comes twice.
    Double,
    /// A message comes after the next one of its connection.
    Reorder,
    /// A message ends early.
    Truncate,
    /// One character of a message is another.
    Corrupt,
    /// The checksum in a message is another; nothing happens to messages without one.
    Checksum,
    /// A connection is silent for 0.5 to 15 seconds, then goes on where it was.
    Stall,
    /// The TCP connection is reset.
    Reset,
    /// Nothing more comes by a connection, which stays open.
    HalfOpen,
    /// The venue sends fresh snapshots in mid-stream.
    Snapshot,
    /// A REST reply takes 0.1 to 3 seconds.
    RestSlow,
    /// A REST request is answered with 429, 418, 500 or 503.
    RestFail,
    /// A connection is refused.
    Refuse,
    /// The venue announces maintenance.
    Maintenance,
    /// From here on the venue's clock is off by up to 5 seconds either way.
    Clock,
}

impl FaultKind {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Drop,
        Self::Double,
        Self::Reorder,
        Self::Truncate,
        Self::Corrupt,
        Self::Checksum,
        Self::Stall,
        Self::Reset,
        Self::HalfOpen,
        Self::Snapshot,
        Self::RestSlow,
        Self::RestFail,
        Self::Refuse,
        Self::Maintenance,
        Self::Clock,
    ];

    /// The word plans and logs use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Double => "double",
            Self::Reorder => "reorder",
            Self::Truncate => "truncate",
            Self::Corrupt => "corrupt",
            Self::Checksum => "checksum",
            Self::Stall => "stall",
            Self::Reset => "reset",
            Self::HalfOpen => "half-open",
            Self::Snapshot => "snapshot",
            Self::RestSlow => "rest-slow",
            Self::RestFail => "rest-fail",
            Self::Refuse => "refuse",
            Self::Maintenance => "maintenance",
            Self::Clock => "clock",
        }
    }
}

/// What may go wrong and how often. Its text form is a list of `key=value`:
///
/// | key | what goes wrong | out of |
/// | --- | --- | --- |
/// | `drop` | a message is lost | messages to a client |
/// | `double` | it comes twice | messages |
/// | `reorder` | it comes after the next one | messages |
/// | `truncate` | it ends early, at a character's boundary | messages |
/// | `corrupt` | one character, mostly a digit, is another | messages |
/// | `checksum` | the last digit of its checksum is another | messages with a checksum |
/// | `stall` | the connection is silent for 0.5 to 15 s before it | messages |
/// | `reset` | the TCP connection is reset instead | messages |
/// | `half-open` | nothing comes any more, and nothing says so | messages |
/// | `snapshot` | fresh snapshots follow it, where the venue has them | messages |
/// | `maintenance` | an announcement follows it, where the venue has words | messages |
/// | `clock` | the venue's times are off by up to 5 s from here on | messages |
/// | `rest-slow` | the reply takes 0.1 to 3 s | REST requests |
/// | `rest-fail` | 429 or 418 with `Retry-After`, 500, 503 | REST requests |
/// | `refuse` | the connection is refused | connection attempts |
/// | `all` | each of the above that is not named | as above |
/// | `until` | a count: nothing goes wrong after so many messages to all clients | |
///
/// Values are probabilities from 0 to 1 with at most nine decimals. `none` and the empty text name
/// no fault.
///
/// ```
/// use tickhawk_simulator::FaultPlan;
///
/// let plan: FaultPlan = "drop=0.001,reset=0.0005,until=20000".parse()?;
/// assert_eq!(plan.to_string(), "drop=0.001,reset=0.0005,until=20000");
/// assert_eq!("none".parse::<FaultPlan>()?, FaultPlan::none());
/// # Ok::<(), tickhawk_simulator::SimulatorError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultPlan {
    billionths: [u32; FaultKind::ALL.len()],
    /// After how many messages nothing goes wrong any more.
    until: Option<u64>,
}

impl FaultPlan {
    /// Nothing goes wrong.
    pub fn none() -> Self {
        Self { billionths: [0; FaultKind::ALL.len()], until: None }
    }

    /// Reads the text form.
    ///
    /// # Errors
    /// [`SimulatorError::BadFaultPlan`], which names the key, if a key is unknown or named twice,
    /// or a value is not what its key takes.
    pub fn parse(text: &str) -> Result<Self, SimulatorError> {
        let mut plan = Self::none();
        let text = text.trim();
        if text.is_empty() || text == "none" {
            return Ok(plan);
        }
        let mut named = Vec::new();
        for pair in text.split(',') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (key, value) = (key.trim(), value.trim());
            if named.iter().any(|(seen, _)| *seen == key) {
                return Err(bad(key, "is named twice"));
            }
            named.push((key, value));
        }
        if let Some((key, value)) = named.iter().find(|(key, _)| *key == "all") {
            plan.billionths = [probability(key, value)?; FaultKind::ALL.len()];
        }
        for (key, value) in named {
            plan.set(key, value)?;
        }
        Ok(plan)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), SimulatorError> {
        match key {
            "all" => {}
            "until" => {
                let count = value.parse().map_err(|_| bad(key, "takes a count of messages"))?;
                self.until = Some(count);
            }
            _ => {
                let kind = FaultKind::ALL.into_iter().find(|kind| kind.as_str() == key);
                let kind = kind.ok_or_else(|| bad(key, "is no kind of fault"))?;
                self.billionths[kind as usize] = probability(key, value)?;
            }
        }
        Ok(())
    }

    pub(super) fn billionths(&self, kind: FaultKind) -> u32 {
        self.billionths[kind as usize]
    }

    pub(super) fn until(&self) -> u64 {
        self.until.unwrap_or(u64::MAX)
    }
}

fn probability(key: &str, value: &str) -> Result<u32, SimulatorError> {
    let units = Decimal::parse(value.as_bytes()).ok().and_then(|number| number.at(DECIMALS));
    let units = units.and_then(|units| u32::try_from(units).ok());
    let within = units.filter(|units| *units <= ALWAYS);
    within.ok_or_else(|| bad(key, "takes a probability from 0 to 1 of at most nine decimals"))
}

fn bad(key: &str, what: &'static str) -> SimulatorError {
    SimulatorError::BadFaultPlan { key: key.to_owned(), what }
}

impl FromStr for FaultPlan {
    type Err = SimulatorError;

    fn from_str(text: &str) -> Result<Self, SimulatorError> {
        Self::parse(text)
    }
}

impl fmt::Display for FaultPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = FaultKind::ALL.into_iter().filter(|kind| self.billionths(*kind) > 0);
        let mut parts: Vec<String> = kinds
            .map(|kind| {
                let units = i64::from(self.billionths(kind));
                format!("{}={}", kind.as_str(), DecimalText { units, decimals: DECIMALS })
            })
            .collect();
        parts.extend(self.until.map(|count| format!("until={count}")));
        if parts.is_empty() {
            return f.write_str("none");
        }
        f.write_str(&parts.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_lead_back() {
        for text in ["none", "drop=1", "drop=0.000000001,half-open=0.5,until=7"] {
            assert_eq!(FaultPlan::parse(text).unwrap().to_string(), text);
        }
        let all = FaultPlan::parse("drop=0, all=1e-3 ,clock=1").unwrap();
        assert_eq!(all.billionths(FaultKind::Drop), 0);
        assert_eq!(all.billionths(FaultKind::Clock), ALWAYS);
        assert_eq!(all.billionths(FaultKind::Refuse), ALWAYS / 1_000);
        assert_eq!(FaultPlan::parse(&all.to_string()), Ok(all));
    }

    #[test]
    fn errors_name_the_key() {
        for (text, wanted) in [
            ("dorp=0.1", "`dorp` is no kind of fault"),
            ("drop", "`drop` takes a probability"),
            ("drop=2", "`drop` takes a probability"),
            ("drop=-0.1", "`drop` takes a probability"),
            ("drop=0.0000000001", "`drop` takes a probability"),
            ("all=x", "`all` takes a probability"),
            ("drop=0,reset=0,drop=0", "`drop` is named twice"),
            ("until=-1", "`until` takes a count"),
        ] {
            let error = FaultPlan::parse(text).unwrap_err().to_string();
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }
}
