//! An exchange, what goes wrong with it, and its pace: what `serve` gives sockets to, and what fault
//! tests run in virtual time.

use crate::faults::{Effect, RestEffect, Welcome};
use crate::pace::{Pace, Places};
use crate::{ClientId, Exchange, FaultLine, Faults, Output, RestId, TextLevels, level_digest};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use tickhawk_market::UnixNanos;

/// How often somebody who waits for a subscriber is to look again.
const LOOK_NS: u64 = 20_000_000;

/// Playing begins when nobody has subscribed, or asked by REST, for so long, unless
/// [`Playback::quiet`] says otherwise: clients say one thing at a time.
const QUIET_NS: u64 = 400_000_000;

/// How long a flat-out tape waits for a REST request that is to come.
const ASKING_NS: u64 = 2_000_000_000;

/// How often it looks whether it came.
const HOLD_LOOK_NS: u64 = 1_000_000;

/// Venue time between two heartbeats looked for.
const IDLE_NS: u64 = 100_000_000;

/// Frames whose truths are remembered, so that one that was held back finds its own.
const RECENT: usize = 32;

/// Digests of the true books, by symbol, when a frame was made.
pub type Truths = Vec<(String, u64)>;

/// What is to be done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cue {
    /// Send this text.
    Frame {
        /// To whom.
        client: ClientId,
        /// What.
        text: String,
        /// The true books once it is applied; empty unless [`Playback::witness`] asked for them.
        truths: Truths,
    },
    /// Close with a goodbye.
    Close {
        /// Whom.
        client: ClientId,
        /// The WebSocket close code.
        code: u16,
        /// Why.
        reason: String,
    },
    /// Send this client nothing more, not even an answer to its pings, and tell it nothing.
    HalfOpen {
        /// Whom.
        client: ClientId,
    },
    /// Reset the connection.
    Reset {
        /// Whose.
        client: ClientId,
    },
    /// Answer a REST request.
    Reply {
        /// Which.
        rest: RestId,
        /// The HTTP status.
        status: u16,
        /// Seconds to tell in `Retry-After`.
        retry_after_s: Option<u32>,
        /// The body.
        body: String,
    },
    /// Nothing before this, unless a client says something.
    Wait {
        /// In nanoseconds of the caller's clock.
        until_ns: u64,
    },
    /// The tape is at its end, and everything was said.
    Ended,
}

/// A tape being played to clients. Times are nanoseconds of the caller's clock, from any start.
#[derive(Debug)]
pub struct Playback {
    exchange: Exchange,
    faults: Faults,
    pace: Pace,
    /// How long nobody may have said anything before playing begins.
    quiet_ns: u64,
    /// The caller's time and the tape's when playing began.
    began: Option<(u64, UnixNanos)>,
    /// When a client last said something.
    last_heard_ns: u64,
    /// Since when the tape waits for a REST request.
    held_since_ns: Option<u64>,
    stalls: BTreeMap<ClientId, Stall>,
    half_open: BTreeSet<ClientId>,
    slow: Vec<(u64, RestId, String)>,
    next_idle_ns: u64,
    cues: VecDeque<Cue>,
    /// Whether frames carry truths, and of how many levels.
    witness: Option<Option<usize>>,
    recent: VecDeque<(String, Truths)>,
    steps: u64,
    places: Places,
}

#[derive(Debug, Default)]
struct Stall {
    until_ns: u64,
    held: VecDeque<Cue>,
}

impl Playback {
    /// Plays once somebody subscribes.
    pub fn new(exchange: Exchange, faults: Faults, pace: Pace) -> Self {
        Self {
            exchange,
            faults,
            pace,
            quiet_ns: QUIET_NS,
            began: None,
            last_heard_ns: 0,
            held_since_ns: None,
            stalls: BTreeMap::new(),
            half_open: BTreeSet::new(),
            slow: Vec::new(),
            next_idle_ns: 0,
            cues: VecDeque::new(),
            witness: None,
            recent: VecDeque::new(),
            steps: 0,
            places: Places::default(),
        }
    }

    /// Lets playing begin only after so long a pause of the clients, and never after less than 400
    /// ms: who must say several things, and keeps a venue's pace in it, is heard out.
    pub fn quiet(mut self, ns: u64) -> Self {
        self.quiet_ns = ns.max(QUIET_NS);
        self
    }

    /// Lets frames carry the digests of the true books: of so many best levels a side, or of all.
    pub fn witness(mut self, levels: Option<usize>) -> Self {
        self.witness = Some(levels);
        self
    }

    /// The digests of the true books as they stand, if this is a witness.
    pub fn truths(&self) -> Truths {
        let Some(levels) = self.witness else { return Vec::new() };
        let symbols = self.exchange.symbols().into_iter();
        let digest = |symbol: String| Some((self.digest(&symbol, levels)?, symbol));
        symbols.filter_map(digest).map(|(digest, symbol)| (symbol, digest)).collect()
    }

    fn digest(&self, symbol: &str, levels: Option<usize>) -> Option<u64> {
        let Some(levels) = levels else { return self.exchange.truth_digest(symbol) };
        let (bids, asks) = self.exchange.truth(symbol)?;
        let of = |is_bid, side: TextLevels| {
            let best = side.into_iter().take(levels);
            best.fold(0u64, |sum, (price, qty)| {
                sum.wrapping_add(level_digest(is_bid, &price, &qty))
            })
        };
        Some(of(true, bids).wrapping_add(of(false, asks)))
    }

    /// Whether a client's pings are answered.
    pub fn answers(&self, client: ClientId) -> bool {
        !self.half_open.contains(&client)
    }

    /// The exchange, for its truth.
    pub fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// Records of the tape played.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Nothing more goes wrong from here on.
    pub fn calm(&mut self) {
        self.faults.calm();
    }

    /// What was injected since last asked.
    pub fn log(&mut self) -> Vec<FaultLine> {
        self.faults.log()
    }

    /// How many faults were injected.
    pub fn injected(&self) -> u64 {
        self.faults.injected()
    }

    /// Whether a new connection is let in.
    pub fn accepts(&mut self) -> bool {
        self.faults.connect() == Welcome::Accept
    }

    /// A client connected.
    pub fn connected(&mut self, client: ClientId, path: &str, now_ns: u64) {
        self.exchange.connected(client, path);
        self.collect(now_ns);
    }

    /// A client sent a text.
    pub fn received(&mut self, client: ClientId, text: &str, now_ns: u64) {
        self.last_heard_ns = now_ns;
        // Whoever is half open hears nothing, and is not heard.
        if !self.half_open.contains(&client) {
            self.exchange.received(client, text);
            self.collect(now_ns);
        }
    }

    /// A client is gone.
    pub fn disconnected(&mut self, client: ClientId) {
        self.exchange.disconnected(client);
        self.faults.forget(client);
        self.stalls.remove(&client);
        self.half_open.remove(&client);
    }

    /// Somebody GETs this path and query.
    pub fn rest(&mut self, rest: RestId, path: &str, now_ns: u64) {
        self.last_heard_ns = now_ns;
        match self.faults.rest() {
            RestEffect::Answer => self.exchange.rest(rest, path),
            RestEffect::Delay(ns) => self.slow.push((now_ns + ns, rest, path.to_owned())),
            RestEffect::Fail { status, retry_after_s } => {
                let body = format!("{{\"code\":-1,\"msg\":\"injected {status}\"}}");
                self.cues.push_back(Cue::Reply { rest, status, retry_after_s, body });
            }
        }
        self.collect(now_ns);
    }

    /// What is to be done next.
    pub fn poll(&mut self, now_ns: u64) -> Cue {
        loop {
            if let Some(cue) = self.cues.pop_front() {
                return cue;
            }
            self.release(now_ns);
            self.answer_slowly(now_ns);
            if !self.cues.is_empty() {
                continue;
            }
            match self.due_ns(now_ns) {
                Some(due_ns) if due_ns <= now_ns => {
                    self.steps += 1;
                    self.exchange.step();
                    if let Pace::Rate(per_s) = self.pace {
                        let is_silent = !self.exchange.has_output();
                        self.places.played(per_s, is_silent && self.exchange.has_subscriber());
                    }
                    self.collect(now_ns);
                }
                Some(due_ns) => {
                    let until_ns = due_ns.min(self.next_release_ns().unwrap_or(u64::MAX));
                    return Cue::Wait { until_ns };
                }
                None => {
                    return match self.next_release_ns() {
                        Some(until_ns) => Cue::Wait { until_ns },
                        None => Cue::Ended,
                    };
                }
            }
        }
    }

    /// When the next record is due; `None` at the end of the tape.
    fn due_ns(&mut self, now_ns: u64) -> Option<u64> {
        let at = self.exchange.next_at()?;
        let is_quiet = now_ns.saturating_sub(self.last_heard_ns) >= self.quiet_ns;
        if self.began.is_none() && !(self.exchange.has_subscriber() && is_quiet) {
            return Some(now_ns + LOOK_NS);
        }
        let (began_ns, first_at) = *self.began.get_or_insert((now_ns, at));
        let times = match self.pace {
            Pace::Times(times) => times,
            Pace::Rate(_) => {
                return Some(began_ns + self.places.next_ns(now_ns.saturating_sub(began_ns)));
            }
            Pace::Max => return Some(self.flat_out_due_ns(now_ns)),
        };
        let passed = now_ns.saturating_sub(began_ns) as f64 * times;
        if now_ns >= self.next_idle_ns {
            self.next_idle_ns = now_ns + (IDLE_NS as f64 / times) as u64;
            self.exchange.idle(first_at.nanos() + passed as u64);
            self.collect(now_ns);
        }
        let after = at.nanos().saturating_sub(first_at.nanos()) as f64 / times;
        Some(began_ns + after as u64)
    }

    /// Flat out the tape would be over before anybody had asked for a snapshot by REST: it waits
    /// for them a while.
    fn flat_out_due_ns(&mut self, now_ns: u64) -> u64 {
        if !self.exchange.expects_request() {
            self.held_since_ns = None;
            return now_ns;
        }
        let since_ns = *self.held_since_ns.get_or_insert(now_ns);
        if now_ns.saturating_sub(since_ns) > ASKING_NS { now_ns } else { now_ns + HOLD_LOOK_NS }
    }

    /// Takes what the exchange says through what goes wrong.
    fn collect(&mut self, now_ns: u64) {
        while let Some(output) = self.exchange.take() {
            match output {
                Output::Frame { client, text } => self.frame(client, text, now_ns),
                Output::Close { client, code, reason } => {
                    self.hand_over(client, Cue::Close { client, code, reason }, now_ns);
                }
                Output::Reply { rest, status, body } => {
                    self.cues.push_back(Cue::Reply { rest, status, retry_after_s: None, body });
                }
            }
        }
    }

    fn frame(&mut self, client: ClientId, text: String, now_ns: u64) {
        if self.half_open.contains(&client) {
            return;
        }
        let truths = self.truths();
        if self.witness.is_some() {
            self.recent.push_back((text.clone(), truths.clone()));
            if self.recent.len() > RECENT {
                self.recent.pop_front();
            }
        }
        for effect in self.faults.frame(client, text) {
            match effect {
                Effect::Deliver(text) => {
                    let own = self.recent.iter().rev().find(|(recent, _)| *recent == text);
                    let truths = own.map_or(&truths, |(_, own)| own).clone();
                    self.hand_over(client, Cue::Frame { client, text, truths }, now_ns);
                }
                Effect::Stall(ns) => {
                    let stall = self.stalls.entry(client).or_default();
                    stall.until_ns = stall.until_ns.max(now_ns + ns);
                }
                Effect::Reset => self.cues.push_back(Cue::Reset { client }),
                Effect::HalfOpen => {
                    self.half_open.insert(client);
                    self.stalls.remove(&client);
                    self.cues.push_back(Cue::HalfOpen { client });
                }
                Effect::Resnapshot => {
                    self.exchange.resnapshot();
                }
                Effect::Maintenance => self.exchange.maintenance(),
            }
        }
    }

    fn hand_over(&mut self, client: ClientId, cue: Cue, now_ns: u64) {
        match self.stalls.get_mut(&client) {
            Some(stall) if stall.until_ns > now_ns || !stall.held.is_empty() => {
                stall.held.push_back(cue);
            }
            _ => self.cues.push_back(cue),
        }
    }

    fn release(&mut self, now_ns: u64) {
        self.stalls.retain(|_, stall| {
            let over = stall.until_ns <= now_ns;
            if over {
                self.cues.append(&mut stall.held);
            }
            !over
        });
    }

    fn answer_slowly(&mut self, now_ns: u64) {
        let (due, slow) =
            std::mem::take(&mut self.slow).into_iter().partition(|(due_ns, ..)| *due_ns <= now_ns);
        self.slow = slow;
        let due: Vec<(u64, RestId, String)> = due;
        for (_, rest, path) in due {
            self.exchange.rest(rest, &path);
        }
        self.collect(now_ns);
    }

    fn next_release_ns(&self) -> Option<u64> {
        let stalls = self.stalls.values().map(|stall| stall.until_ns);
        stalls.chain(self.slow.iter().map(|(due_ns, ..)| *due_ns)).min()
    }
}
