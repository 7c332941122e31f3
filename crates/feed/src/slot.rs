//! One connection: what it carries, where it stands, what it has yet to say.

use crate::{
    backoff::Backoff,
    session::{Action, reconnect_backoff},
};
use std::collections::VecDeque;
use tickhawk_market::ConnectionId;
use tickhawk_venue::{Dialect, Route, Terms};

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Not wanted.
    Off,
    /// To be opened, not before this.
    Waiting { until_ns: u64 },
    /// Being opened.
    Connecting,
    /// Open.
    Open,
    /// We have given it up.
    Closing,
    /// The venue closed it, and that was the end.
    Ended,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) connection: ConnectionId,
    pub(crate) link: u16,
    route: &'static Route,
    pub(crate) url: String,
    dialect: Dialect,
    pub(crate) symbols: Vec<String>,
    pub(crate) phase: Phase,
    pub(crate) backoff: Backoff,
    pub(crate) opened_ns: u64,
    has_switched: bool,
    outbox: VecDeque<String>,
    next_send_ns: u64,
    next_ping_ns: u64,
    next_control_ping_ns: u64,
}

impl Slot {
    pub(crate) fn new(
        connection: ConnectionId,
        link: u16,
        route: &'static Route,
        url: &str,
        dialect: Dialect,
        symbols: &[String],
        seed: u64,
    ) -> Self {
        Self {
            connection,
            link,
            route,
            url: url.to_owned(),
            dialect,
            symbols: symbols.to_vec(),
            phase: Phase::Off,
            backoff: reconnect_backoff(seed),
            opened_ns: 0,
            has_switched: false,
            outbox: VecDeque::new(),
            next_send_ns: 0,
            next_ping_ns: 0,
            next_control_ping_ns: 0,
        }
    }

    /// Whether this is where the book of that instrument and link comes from.
    pub(crate) fn has_book(&self, link: u16, symbol: &str) -> bool {
        self.link == link && self.route.books && self.symbols.iter().any(|name| name == symbol)
    }

    /// How its venue is spoken to, as far as is known.
    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Whether it is a connection of that link and route.
    pub(crate) fn is_of(&self, link: u16, route: &Route) -> bool {
        self.link == link && self.route == route
    }

    /// Carries these instruments too, which it has room for.
    pub(crate) fn take_on(&mut self, symbols: Vec<String>) {
        if self.phase == Phase::Open && !symbols.is_empty() {
            let mut texts = Vec::new();
            self.dialect.subscribe_more(self.route, &symbols, &mut texts);
            self.outbox.extend(texts);
        }
        self.symbols.extend(symbols);
    }

    /// Carries these instruments no more, as far as it did.
    pub(crate) fn give_up(&mut self, symbols: &[&String]) {
        let (given_up, kept) = std::mem::take(&mut self.symbols)
            .into_iter()
            .partition::<Vec<_>, _>(|symbol| symbols.contains(&symbol));
        self.symbols = kept;
        if self.phase == Phase::Open && !given_up.is_empty() {
            let mut texts = Vec::new();
            self.dialect.unsubscribe(self.route, &given_up, &mut texts);
            self.outbox.extend(texts);
        }
    }

    /// Ends a channel that the venue knows by this number.
    pub(crate) fn give_up_channel(&mut self, channel: u64) {
        let mut texts = Vec::new();
        if self.phase == Phase::Open && self.dialect.unsubscribe_channel(channel, &mut texts) {
            self.outbox.extend(texts);
        }
    }

    pub(crate) fn is_due(&self, now_ns: u64) -> bool {
        matches!(self.phase, Phase::Waiting { until_ns } if until_ns <= now_ns)
    }

    pub(crate) fn opened(&mut self, now_ns: u64) {
        self.phase = Phase::Open;
        self.has_switched = false;
        self.opened_ns = now_ns;
        self.next_send_ns = now_ns;
        (self.next_ping_ns, self.next_control_ping_ns) = (0, 0);
        self.subscribe();
    }

    /// Takes on the other version of the venue's protocol, once a connection: its answers to what
    /// was said in the first one may still be on their way.
    pub(crate) fn heard(&mut self, frame: &[u8]) {
        if !self.has_switched
            && let Some(dialect) = self.dialect.greeted(frame)
        {
            self.has_switched = true;
            self.dialect = dialect;
            self.subscribe();
        }
    }

    pub(crate) fn closed(&mut self) {
        self.outbox.clear();
    }

    pub(crate) fn resubscribe(&mut self, symbol: &str, channel: Option<u64>) -> bool {
        let mut texts = Vec::new();
        let can = self.dialect.resubscribe(symbol, channel, &mut texts);
        self.outbox.extend(texts);
        can
    }

    pub(crate) fn send_what_is_due(
        &mut self,
        terms: &Terms,
        now_ns: u64,
        actions: &mut VecDeque<Action>,
    ) {
        if self.phase != Phase::Open {
            return;
        }
        let gap_ns = terms.message_gap_ms * 1_000_000;
        while now_ns >= self.next_send_ns
            && let Some(text) = self.outbox.pop_front()
        {
            actions.push_back(Action::Send { connection: self.connection, text });
            self.next_send_ns = now_ns + gap_ns;
        }
        let connection = self.connection;
        if let Some(ping) = &terms.ping
            && is_due(&mut self.next_ping_ns, ping.every_ms, self.opened_ns, now_ns)
        {
            actions.push_back(Action::Send { connection, text: ping.text.to_owned() });
        }
        if let Some(every_ms) = terms.control_ping_ms
            && is_due(&mut self.next_control_ping_ns, every_ms, self.opened_ns, now_ns)
        {
            actions.push_back(Action::Ping { connection });
        }
    }

    fn subscribe(&mut self) {
        let mut texts = Vec::new();
        self.dialect.subscribe(self.route, &self.symbols, &mut texts);
        self.outbox = texts.into();
    }
}

/// Whether something that happens every so often is due, the first time so long after opening.
fn is_due(next_ns: &mut u64, every_ms: u64, opened_ns: u64, now_ns: u64) -> bool {
    let every_ns = every_ms * 1_000_000;
    *next_ns = (*next_ns).max(opened_ns + every_ns);
    let due = now_ns >= *next_ns;
    if due {
        *next_ns = now_ns + every_ns;
    }
    due
}
