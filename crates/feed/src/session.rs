//! What a client does and when: connect, subscribe, ping, fetch, back off, hand over. No I/O.

mod wanted;

use crate::{
    ConnectError, FeedError,
    asks::{Ask, Asks, Due},
    backoff::Backoff,
    budget::Budget,
    fetches::{FetchError, FetchId, Fetches, Purpose},
    plan::Plan,
    slot::{Phase, Slot},
};
use std::collections::VecDeque;
use tickhawk_market::ConnectionId;
use tickhawk_venue::Terms;

/// How many links there are room for. A second one is a redundant copy, or takes over before the
/// venue ends the first.
pub const LINKS: u16 = 2;

/// Before a venue ends a connection by its age, another takes over: so long before, 15 minutes,
/// which leaves time for several attempts.
const HANDOVER_NS: u64 = 15 * 60 * SECOND_NS;

/// A connection that stayed open for so long was a good one: backing off starts afresh.
const GOOD_AFTER_NS: u64 = 10 * SECOND_NS;

const SECOND_NS: u64 = 1_000_000_000;

/// How long the last REST answers are waited for once every connection is closed for good.
const LAST_ANSWERS_NS: u64 = 10 * SECOND_NS;

/// Something to be done by whoever owns the sockets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Open this WebSocket.
    Connect {
        /// Its number.
        connection: ConnectionId,
        /// Where to.
        url: String,
    },
    /// Send this text.
    Send {
        /// By which connection.
        connection: ConnectionId,
        /// What.
        text: String,
    },
    /// Send a WebSocket ping.
    Ping {
        /// By which connection.
        connection: ConnectionId,
    },
    /// Close this WebSocket; [`Session::closed`] is to be called when it is.
    Close {
        /// Which.
        connection: ConnectionId,
        /// Why, for people.
        reason: &'static str,
    },
    /// GET this URL; [`Session::fetched`] is to be called with what came of it.
    Fetch {
        /// The request's number.
        fetch: FetchId,
        /// What to get.
        url: String,
    },
    /// Nothing more will come: the venue closed, and that was to end it.
    End,
    /// It cannot go on.
    Fail(FeedError),
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The venue said goodbye.
    Normal,
    /// Anything else.
    Broken,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionCounts {
    /// Connections opened.
    pub opened: u64,
    /// Connections that ended, whoever ended them.
    pub closed: u64,
    /// Attempts to connect that failed.
    pub refused: u64,
    /// Instruments asked for afresh by subscribing again.
    pub resubscribed: u64,
    /// REST requests made.
    pub fetched: u64,
    /// REST requests that were not answered, or not with what was asked.
    pub fetch_failures: u64,
    /// Times a link took over from another because of its age.
    pub handovers: u64,
}

/// A client's side of one venue. All times are nanoseconds of any clock that does not run
/// backwards; the same one in every call.
#[derive(Debug)]
pub struct Session {
    plan: Plan,
    terms: &'static Terms,
    slots: Vec<Slot>,
    wanted_links: [bool; LINKS as usize],
    ready_links: [bool; LINKS as usize],
    budget: Budget,
    fetches: Fetches,
    asks: Asks,
    /// Whether the first listings were answered, or are not going to be.
    has_begun: bool,
    /// Instruments to be taken on once their listings are answered.
    joining: Vec<String>,
    ever_opened: bool,
    over_since_ns: Option<u64>,
    ended: bool,
    counts: SessionCounts,
    actions: VecDeque<Action>,
}

impl Session {
    /// A session that begins with the venue's listings, then connects.
    pub fn new(plan: Plan, now_ns: u64) -> Self {
        let terms = plan.venue.terms();
        let mut slots = Vec::new();
        plan.place(terms, &plan.symbols, &mut slots);
        let mut session = Self {
            slots,
            wanted_links: [true, plan.connections > 1],
            ready_links: [false; LINKS as usize],
            budget: Budget::new(terms.connects),
            fetches: Fetches::new(terms.rest_gap_ms, plan.seed),
            asks: Asks::new(plan.seed),
            has_begun: false,
            joining: Vec::new(),
            ever_opened: false,
            over_since_ns: None,
            ended: false,
            counts: SessionCounts::default(),
            actions: VecDeque::new(),
            terms,
            plan,
        };
        for path in session.plan.metadata(None, &session.plan.symbols) {
            session.fetches.ask(Purpose::Listing, path, now_ns);
        }
        session.tick(now_ns);
        session
    }

    /// What to do next, in order.
    pub fn take_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// What was counted.
    pub fn counts(&self) -> SessionCounts {
        self.counts
    }

    /// Whether a connection that ends so is not opened again.
    pub fn is_end(&self, ending: Ending) -> bool {
        self.plan.end_on_close && ending == Ending::Normal
    }

    /// The WebSocket opened.
    pub fn opened(&mut self, connection: ConnectionId, now_ns: u64) {
        self.ever_opened = true;
        self.counts.opened += 1;
        if let Some(slot) = self.slot_mut(connection) {
            slot.opened(now_ns);
        }
        self.tick(now_ns);
    }

    /// The WebSocket could not be opened.
    pub fn refused(&mut self, connection: ConnectionId, error: ConnectError, now_ns: u64) {
        self.counts.refused += 1;
        let over = self.plan.end_on_close && self.ever_opened && error.nobody_listens();
        let Some(slot) = self.slot_mut(connection) else { return };
        if over {
            slot.phase = Phase::Ended;
        } else {
            slot.wait(error.pause_ns(), now_ns);
        }
        if !self.ever_opened && !self.plan.retry {
            self.actions.push_back(Action::Fail(FeedError::Connect(error)));
        }
        self.tick(now_ns);
    }

    /// One of the first frames of a connection: it may show that the venue speaks another version.
    pub fn heard(&mut self, connection: ConnectionId, frame: &[u8], now_ns: u64) {
        if let Some(slot) = self.slot_mut(connection) {
            slot.heard(frame);
        }
        self.tick(now_ns);
    }

    /// The WebSocket closed.
    pub fn closed(&mut self, connection: ConnectionId, ending: Ending, now_ns: u64) {
        self.counts.closed += 1;
        let ends = self.is_end(ending);
        let Some(slot) = self.slot_mut(connection) else { return };
        let (link, symbols) = (slot.link, std::mem::take(&mut slot.symbols));
        let was_good = now_ns.saturating_sub(slot.opened_ns) >= GOOD_AFTER_NS;
        if was_good {
            slot.backoff.reset();
        }
        if ends {
            slot.phase = Phase::Ended;
        } else {
            slot.wait(0, now_ns);
        }
        for symbol in &symbols {
            self.asks.forget(link, symbol);
        }
        if let Some(slot) = self.slot_mut(connection) {
            slot.symbols = symbols;
        }
        self.tick(now_ns);
    }

    /// A REST request was answered with this status, or was not answered.
    ///
    /// `retry_after_s` is what the venue asks to wait. Returns the connection whose market input
    /// the answer is, where it is one.
    pub fn fetched(
        &mut self,
        fetch: FetchId,
        answer: Result<(u16, Option<u64>), FetchError>,
        now_ns: u64,
    ) -> Option<ConnectionId> {
        let failed = !matches!(answer, Ok((200, _)));
        self.counts.fetch_failures += u64::from(failed);
        let answered = answer.is_ok();
        let purpose = self.fetches.done(fetch, answer, now_ns)?;
        let connection = match &purpose {
            Purpose::Listing => self.slots.first().map(|slot| slot.connection),
            Purpose::Snapshot { link, symbol } => {
                self.books_slot(*link, symbol).map(|slot| slot.connection)
            }
        };
        self.tick(now_ns);
        connection.filter(|_| answered)
    }

    /// The market step wants something.
    pub fn ask(&mut self, ask: Ask, now_ns: u64) {
        match ask {
            Ask::Reconnect { connection } => self.close(connection, "its stream broke"),
            Ask::GiveUp { connection, channel } => {
                if let Some(slot) = self.slot_mut(connection) {
                    slot.give_up_channel(channel);
                }
            }
            ask => self.asks.add(ask, now_ns),
        }
        self.tick(now_ns);
    }

    /// Whether every book that is right on some link is right on this one.
    pub fn set_ready(&mut self, link: u16, is_ready: bool) {
        if let Some(ready) = self.ready_links.get_mut(usize::from(link)) {
            *ready = is_ready;
        }
    }

    /// Time passes: call it at least every tenth of a second.
    pub fn tick(&mut self, now_ns: u64) {
        if self.ended {
            return;
        }
        self.take_on_what_is_listed();
        self.renew_old_links(now_ns);
        self.connect_what_is_due(now_ns);
        self.answer_asks(now_ns);
        let Self { fetches, actions, counts, plan, .. } = self;
        while let Some((fetch, path)) = fetches.due(now_ns) {
            counts.fetched += 1;
            actions.push_back(Action::Fetch { fetch, url: plan.rest_url(&path) });
        }
        for slot in &mut self.slots {
            slot.send_what_is_due(self.terms, now_ns, &mut self.actions);
        }
        self.end_if_over(now_ns);
    }

    fn connect_what_is_due(&mut self, now_ns: u64) {
        self.has_begun |= !self.fetches.awaits_listings();
        if !self.has_begun {
            return;
        }
        for slot in &mut self.slots {
            let wanted = self.wanted_links[usize::from(slot.link)] && !slot.symbols.is_empty();
            match slot.phase {
                Phase::Off if wanted => slot.phase = Phase::Waiting { until_ns: now_ns },
                Phase::Waiting { .. } if !wanted => slot.phase = Phase::Off,
                _ => {}
            }
            if slot.is_due(now_ns) && self.budget.take(now_ns) {
                slot.phase = Phase::Connecting;
                let (connection, url) = (slot.connection, slot.url.clone());
                self.actions.push_back(Action::Connect { connection, url });
            }
        }
    }

    fn answer_asks(&mut self, now_ns: u64) {
        for Due { link, symbol, ask } in self.asks.due(now_ns) {
            match ask {
                Ask::Snapshot { .. } => {
                    let Some(path) = self.plan.snapshot(&symbol) else { continue };
                    self.fetches.ask(Purpose::Snapshot { link, symbol }, path, now_ns);
                }
                Ask::Resubscribe { channel, .. } => {
                    let found = self.slots.iter_mut().find(|slot| slot.has_book(link, &symbol));
                    let Some(slot) = found.filter(|slot| slot.phase == Phase::Open) else {
                        continue;
                    };
                    self.counts.resubscribed += 1;
                    if !slot.resubscribe(&symbol, channel) {
                        let connection = slot.connection;
                        self.close(connection, "a book is to be had afresh");
                    }
                }
                Ask::Reconnect { .. } | Ask::GiveUp { .. } => {}
            }
        }
    }

    /// The link that grows old is relieved: by the other one, which is opened for it, or where both
    /// are wanted, by opening it anew while the other is right.
    fn renew_old_links(&mut self, now_ns: u64) {
        let Some(lifetime_ms) = self.terms.lifetime_ms else { return };
        let old_after_ns = (lifetime_ms * 1_000_000).saturating_sub(HANDOVER_NS);
        let old = self.slots.iter().find(|slot| {
            slot.phase == Phase::Open && now_ns.saturating_sub(slot.opened_ns) > old_after_ns
        });
        let Some((link, connection)) = old.map(|slot| (slot.link, slot.connection)) else { return };
        let other = usize::from(link ^ 1);
        let is_relieved = self.wanted_links[other] && self.ready_links[other];
        if self.plan.connections > 1 {
            if is_relieved {
                self.ready_links[usize::from(link)] = false;
                self.close(connection, "it grows old");
            }
        } else if is_relieved {
            self.counts.handovers += 1;
            self.wanted_links[usize::from(link)] = false;
            self.ready_links[usize::from(link)] = false;
            self.close_link(link);
        } else {
            self.wanted_links[other] = true;
        }
    }

    fn close_link(&mut self, link: u16) {
        let mine = self.slots.iter().filter(|slot| slot.link == link);
        let connections: Vec<_> = mine.map(|slot| slot.connection).collect();
        for connection in connections {
            self.close(connection, "another has taken over");
        }
    }

    fn close(&mut self, connection: ConnectionId, reason: &'static str) {
        let Some(slot) = self.slot_mut(connection) else { return };
        if slot.phase == Phase::Open {
            slot.phase = Phase::Closing;
            self.actions.push_back(Action::Close { connection, reason });
        }
    }

    /// The venue has closed every connection for good, and has answered what it was asked, or is
    /// not going to.
    fn end_if_over(&mut self, now_ns: u64) {
        let all_over = self.slots.iter().all(|slot| {
            let idle = !self.wanted_links[usize::from(slot.link)] || slot.symbols.is_empty();
            slot.phase == Phase::Ended || idle
        });
        let any_over = self.slots.iter().any(|slot| slot.phase == Phase::Ended);
        if !all_over || !any_over {
            self.over_since_ns = None;
            return;
        }
        let over_since_ns = *self.over_since_ns.get_or_insert(now_ns);
        let is_settled = self.fetches.is_idle() && self.asks.is_idle();
        if is_settled || now_ns.saturating_sub(over_since_ns) > LAST_ANSWERS_NS {
            self.ended = true;
            self.actions.push_back(Action::End);
        }
    }

    fn books_slot(&self, link: u16, symbol: &str) -> Option<&Slot> {
        self.slots.iter().find(|slot| slot.has_book(link, symbol))
    }

    fn slot_mut(&mut self, connection: ConnectionId) -> Option<&mut Slot> {
        self.slots.iter_mut().find(|slot| slot.connection == connection)
    }
}

impl Slot {
    fn wait(&mut self, pause_ns: u64, now_ns: u64) {
        let wait_ns = self.backoff.next_ns().max(pause_ns);
        self.closed();
        self.phase = Phase::Waiting { until_ns: now_ns.saturating_add(wait_ns) };
    }
}

/// Nothing asked for on reconnecting may come faster than this, however often.
pub(crate) fn reconnect_backoff(seed: u64) -> Backoff {
    Backoff::new(250_000_000, 30 * SECOND_NS, seed)
}
