//! Faults, seeded: what lies between an exchange and its clients when things go wrong.
//!
//! Contract: no sockets, no clock; the same seed, plan and calls give the same faults. Each kind
//! draws from its own stream of chance, so turning one on leaves the others where they were. What
//! was injected is told by [`Faults::log`].
//!
//! ```
//! use tickhawk_simulator::{ClientId, Effect, FaultPlan, Faults};
//!
//! let mut faults = Faults::new(FaultPlan::parse("double=1,until=1")?, 7);
//! let frame = |text: &str| Effect::Deliver(text.to_owned());
//! assert_eq!(faults.frame(ClientId(0), "a".into()), [frame("a"), frame("a")]);
//! assert_eq!(faults.frame(ClientId(0), "b".into()), [frame("b")]);
//! assert_eq!(
//!     faults.log()[0].to_string(),
//!     r#"{"fault":"double","client":0,"message":0,"detail":""}"#
//! );
//! # Ok::<(), tickhawk_simulator::SimulatorError>(())
//! ```

mod damage;
mod plan;

pub use plan::{FaultKind, FaultPlan};

use crate::chance::Chance;
use crate::exchange::ClientId;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;

/// Most lines kept for [`Faults::log`]; the oldest go first.
const LOG_LIMIT: usize = 65_536;

/// Streams of chance of this seed that belong to nobody else begin here.
const STREAMS: u64 = 1 << 41;

const MILLISECOND: u64 = 1_000_000;

/// Something that is to happen to a client, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It gets this text message.
    Deliver(String),
    /// Nothing more goes to it for so many nanoseconds; then all goes on in order.
    Stall(u64),
    /// Its TCP connection is reset.
    Reset,
    /// Nothing is ever sent to it again, and its connection stays open.
    HalfOpen,
    /// The exchange sends fresh snapshots ([`crate::Exchange::resnapshot`]).
    Resnapshot,
    /// The exchange announces maintenance ([`crate::Exchange::maintenance`]).
    Maintenance,
}

/// What happens to a connection attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Welcome {
    /// It is accepted.
    Accept,
    /// It is refused.
    Refuse,
}

/// What happens to a REST request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestEffect {
    /// It is answered.
    Answer,
    /// It is answered after so many nanoseconds.
    Delay(u64),
    /// It fails.
    Fail {
        /// The HTTP status: 429, 418, 500 or 503.
        status: u16,
        /// Seconds to tell in `Retry-After`, with 429 and 418.
        retry_after_s: Option<u32>,
    },
}

/// One fault that was injected. Its text is a line of JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultLine {
    /// What went wrong.
    pub kind: FaultKind,
    /// Whose connection it was; `None` for connection attempts and REST requests.
    pub client: Option<ClientId>,
    /// How many messages to all clients came before.
    pub message: u64,
    /// How it went wrong, where there is more to say.
    pub detail: String,
}

impl fmt::Display for FaultLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, client, message, detail } = self;
        let client = client.map_or("null".to_owned(), |client| client.0.to_string());
        // Details are our own words: nothing in them needs an escape.
        write!(
            f,
            r#"{{"fault":"{}","client":{client},"message":{message},"detail":"{detail}"}}"#,
            kind.as_str()
        )
    }
}

/// What is kept of a client.
#[derive(Clone, Debug, Default)]
struct Line {
    half_open: bool,
    /// A message that goes after the next one.
    held: Option<String>,
}

/// The injector.
#[derive(Clone, Debug)]
pub struct Faults {
    plan: FaultPlan,
    /// By kind: whether it happens.
    chances: Vec<Chance>,
    /// By kind: how.
    manners: Vec<Chance>,
    lines: BTreeMap<ClientId, Line>,
    messages: u64,
    shift_ms: i64,
    log: VecDeque<FaultLine>,
    injected: u64,
}

impl Faults {
    /// An injector by that plan.
    pub fn new(plan: FaultPlan, seed: u64) -> Self {
        let kinds = FaultKind::ALL.len() as u64;
        let streams = |first: u64| -> Vec<Chance> {
            (first..first + kinds).map(|stream| Chance::new(seed, stream)).collect()
        };
        Self {
            plan,
            chances: streams(STREAMS),
            manners: streams(STREAMS + kinds),
            lines: BTreeMap::new(),
            messages: 0,
            shift_ms: 0,
            log: VecDeque::new(),
            injected: 0,
        }
    }

    /// What happens to a message on its way to a client: mostly one [`Effect::Deliver`], nothing
    /// if it is lost.
    pub fn frame(&mut self, client: ClientId, text: String) -> Vec<Effect> {
        let struck = self.strike_frame();
        let held = self.lines.entry(client).or_default();
        if held.half_open {
            self.messages += 1;
            return Vec::new();
        }
        let mut effects = Vec::new();
        if struck.contains(&FaultKind::Reset) {
            held.held = None;
            self.note(FaultKind::Reset, Some(client), String::new());
            effects.push(Effect::Reset);
        } else if struck.contains(&FaultKind::HalfOpen) {
            held.held = None;
            held.half_open = true;
            self.note(FaultKind::HalfOpen, Some(client), String::new());
            effects.push(Effect::HalfOpen);
        } else {
            self.deliver(client, text, &struck, &mut effects);
        }
        self.messages += 1;
        effects
    }

    /// No more faults from here on; what was broken before stays so.
    pub fn calm(&mut self) {
        self.plan = FaultPlan::none();
    }

    /// What happens to a connection attempt.
    pub fn connect(&mut self) -> Welcome {
        if self.strikes(FaultKind::Refuse) {
            self.note(FaultKind::Refuse, None, String::new());
            return Welcome::Refuse;
        }
        Welcome::Accept
    }

    /// What happens to a REST request.
    pub fn rest(&mut self) -> RestEffect {
        let (fails, slow) = (self.strikes(FaultKind::RestFail), self.strikes(FaultKind::RestSlow));
        if fails {
            let chance = self.manner(FaultKind::RestFail);
            let status = [429, 418, 500, 503][chance.below(4) as usize];
            let retry_after_s = (status < 500).then(|| 1 + chance.below(3) as u32);
            self.note(FaultKind::RestFail, None, format!("status {status}"));
            return RestEffect::Fail { status, retry_after_s };
        }
        if slow {
            let ms = 100 + self.manner(FaultKind::RestSlow).below(2_901);
            self.note(FaultKind::RestSlow, None, format!("{ms} ms"));
            return RestEffect::Delay(ms * MILLISECOND);
        }
        RestEffect::Answer
    }

    /// The client disconnected: what was held for it goes.
    pub fn forget(&mut self, client: ClientId) {
        self.lines.remove(&client);
    }

    /// What was injected since last asked (the last 65,536 of it).
    pub fn log(&mut self) -> Vec<FaultLine> {
        self.log.drain(..).collect()
    }

    /// How many faults were injected so far.
    pub fn injected(&self) -> u64 {
        self.injected
    }

    /// Chance for how a fault of that kind happens, apart from whether, since not every one that
    /// is struck comes to it.
    fn manner(&mut self, kind: FaultKind) -> &mut Chance {
        &mut self.manners[kind as usize]
    }

    fn is_over(&self) -> bool {
        self.messages >= self.plan.until()
    }

    /// Whether a fault of that kind happens now.
    fn strikes(&mut self, kind: FaultKind) -> bool {
        let billionths = self.plan.billionths(kind);
        if billionths == 0 || self.is_over() {
            return false;
        }
        self.chances[kind as usize].below(u64::from(plan::ALWAYS)) < u64::from(billionths)
    }

    /// The kinds that happen to this message. Every kind draws for every message, so that what
    /// one does never moves another.
    fn strike_frame(&mut self) -> Vec<FaultKind> {
        use FaultKind::{Refuse, RestFail, RestSlow};
        let of_messages = |kind: &FaultKind| !matches!(kind, Refuse | RestFail | RestSlow);
        let kinds = FaultKind::ALL.into_iter().filter(of_messages);
        kinds.filter(|kind| self.strikes(*kind)).collect()
    }

    fn note(&mut self, kind: FaultKind, client: Option<ClientId>, detail: String) {
        self.injected += 1;
        if self.log.len() == LOG_LIMIT {
            self.log.pop_front();
        }
        self.log.push_back(FaultLine { kind, client, message: self.messages, detail });
    }

    /// The faults of a message whose connection stands.
    fn deliver(
        &mut self,
        client: ClientId,
        text: String,
        struck: &[FaultKind],
        effects: &mut Vec<Effect>,
    ) {
        let struck = |kind| struck.contains(&kind);
        if struck(FaultKind::Stall) {
            let ms = 500 + self.manner(FaultKind::Stall).below(14_501);
            self.note(FaultKind::Stall, Some(client), format!("{ms} ms"));
            effects.push(Effect::Stall(ms * MILLISECOND));
        }
        let text = self.with_times(client, text, struck(FaultKind::Clock));
        let before = self.lines.get_mut(&client).and_then(|line| line.held.take());
        if struck(FaultKind::Drop) {
            self.note(FaultKind::Drop, Some(client), String::new());
        } else {
            let text = self.damaged(client, text, &struck);
            if struck(FaultKind::Reorder) && before.is_none() {
                self.note(FaultKind::Reorder, Some(client), String::new());
                self.lines.entry(client).or_default().held = Some(text);
            } else {
                if struck(FaultKind::Double) {
                    self.note(FaultKind::Double, Some(client), String::new());
                    effects.push(Effect::Deliver(text.clone()));
                }
                effects.push(Effect::Deliver(text));
            }
        }
        effects.extend(before.map(Effect::Deliver));
        for (kind, effect) in [
            (FaultKind::Snapshot, Effect::Resnapshot),
            (FaultKind::Maintenance, Effect::Maintenance),
        ] {
            if struck(kind) {
                self.note(kind, Some(client), String::new());
                effects.push(effect);
            }
        }
    }

    /// The text with the venue's clock as it is by now.
    fn with_times(&mut self, client: ClientId, text: String, moves: bool) -> String {
        if moves {
            let drawn = self.manner(FaultKind::Clock).below(10_000) as i64 - 5_000;
            // Zero would be no fault.
            self.shift_ms = if drawn >= 0 { drawn + 1 } else { drawn };
            self.note(FaultKind::Clock, Some(client), format!("{} ms", self.shift_ms));
        }
        if self.shift_ms == 0 || self.is_over() {
            return text;
        }
        damage::shifted(&text, self.shift_ms)
    }

    fn damaged(
        &mut self,
        client: ClientId,
        mut text: String,
        struck: &impl Fn(FaultKind) -> bool,
    ) -> String {
        if struck(FaultKind::Checksum)
            && let Some(bad) = damage::with_bad_checksum(&text, self.manner(FaultKind::Checksum))
        {
            self.note(FaultKind::Checksum, Some(client), String::new());
            text = bad;
        }
        if struck(FaultKind::Corrupt)
            && let Some((bad, at)) = damage::corrupted(&text, self.manner(FaultKind::Corrupt))
        {
            self.note(FaultKind::Corrupt, Some(client), format!("at byte {at}"));
            text = bad;
        }
        if struck(FaultKind::Truncate) && !text.is_empty() {
            text = damage::truncated(&text, self.manner(FaultKind::Truncate));
            self.note(FaultKind::Truncate, Some(client), format!("to {} bytes", text.len()));
        }
        text
    }
}

#[cfg(test)]
mod tests;
