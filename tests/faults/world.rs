//! A client and an exchange in virtual time: the session, the market step, the playback, and wires
//! between them with latencies of their own.

use crate::{
    heard::{Heard, Left},
    random::Random,
    trace::Kept,
};
use std::collections::{BTreeMap, HashMap, VecDeque};
use tickhawk_engine::{Input, MarketOptions, MarketStage, Silence, Want, WantKind};
use tickhawk_feature::{FeaturePlan, PlanOptions};
use tickhawk_feed::{
    Action, Ask, ConnectError, Ending, FetchId, LINKS, Plan, Session, SessionCounts,
};
use tickhawk_latency::Clock;
use tickhawk_market::{
    BookState, ConnectionId, DecimalText, InstrumentId, MonoNanos, Side, StaleCause, UnixNanos,
};
use tickhawk_simulator::{ClientId, Cue, Playback, RestId, Truths, level_digest};
use tickhawk_venue::Venue;

pub const MS: u64 = 1_000_000;
pub const SECOND: u64 = 1_000 * MS;

/// Virtual time between two looks of the session at the time.
const TICK: u64 = 20 * MS;

/// Virtual time between two timers of the market step.
const TIMER: u64 = 100 * MS;

/// After the tape, time goes on so long.
const AFTER: u64 = 2 * SECOND;

/// The silences that tests wait for: short, so that tapes can be. Venues that are pinged answer more
/// rarely than that.
const SILENCE: Silence = Silence {
    frame_ns: Some(3 * SECOND),
    heartbeat_ns: None,
    book_ns: None,
    resync_ns: Some(2 * SECOND),
};

/// Something on its way to the client.
enum Delivery {
    Frame { text: String, truths: Truths },
    Gone { ending: Ending },
    Reply { rest: RestId, status: u16, retry_after_s: Option<u64>, body: String },
}

/// One connection's way from the exchange.
struct Wire {
    connection: ConnectionId,
    latency_ns: u64,
    jitter_ns: u64,
    under_way: VecDeque<(u64, Delivery)>,
}

/// The whole of it.
pub struct World {
    pub market: MarketStage,
    pub options: MarketOptions,
    /// Every input so far.
    pub kept: Vec<Kept>,
    session: Session,
    pub playback: Playback,
    random: Random,
    now_ns: u64,
    next_timer_ns: u64,
    wires: BTreeMap<ClientId, Wire>,
    replies: VecDeque<(u64, Delivery)>,
    /// What each REST request under way asked for.
    asked: HashMap<u32, String>,
    clients: u32,
    /// The truth of each symbol as the last delivery told it.
    told: HashMap<String, u64>,
    digests: HashMap<(bool, i64, i64, u8, u8), u64>,
    pub left: Vec<Left>,
    pub stale: Vec<(InstrumentId, StaleCause)>,
    symbols: Vec<String>,
    latency_ns_max: u64,
    levels: usize,
    ended_ns: Option<u64>,
}

impl World {
    /// A client of `connections` links to what is played, whose books are held against so many true
    /// levels a side.
    pub fn new(
        (playback, symbols): (Playback, &[String]),
        venue: Venue,
        connections: u16,
        latency_ns_max: u64,
        levels: Option<usize>,
        seed: u64,
    ) -> Self {
        let plan = Plan {
            venue,
            symbols: symbols.to_vec(),
            connections,
            endpoint: None,
            rest: None,
            retry: true,
            end_on_close: false,
            seed,
        };
        let options = MarketOptions {
            symbols: Some(symbols.to_vec()),
            links: LINKS,
            shares_ids: venue.terms().shares_ids,
            silence: SILENCE,
            ..MarketOptions::new(venue)
        };
        let features = FeaturePlan::compile(&["queue_imbalance"], PlanOptions::default()).unwrap();
        Self {
            market: MarketStage::new(options.clone(), features, Clock::new()),
            options,
            kept: Vec::new(),
            session: Session::new(plan, 0),
            playback,
            random: Random::new(seed),
            now_ns: 0,
            next_timer_ns: TIMER,
            wires: BTreeMap::new(),
            replies: VecDeque::new(),
            asked: HashMap::new(),
            clients: 0,
            told: HashMap::new(),
            digests: HashMap::new(),
            left: Vec::new(),
            stale: Vec::new(),
            symbols: Vec::new(),
            latency_ns_max,
            levels: levels.unwrap_or(usize::MAX),
            ended_ns: None,
        }
    }

    /// One thing more happens; `false` once the tape is over and all is quiet.
    pub fn advance(&mut self) -> bool {
        self.act();
        self.deliver_what_is_due();
        match self.playback.poll(self.now_ns) {
            Cue::Frame { client, text, truths } => {
                self.send(client, Delivery::Frame { text, truths });
            }
            Cue::HalfOpen { .. } => {}
            Cue::Close { client, .. } => {
                self.send(client, Delivery::Gone { ending: Ending::Normal });
            }
            Cue::Reset { client } => {
                // What is under way is lost.
                if let Some(wire) = self.wires.get_mut(&client) {
                    wire.under_way.clear();
                }
                self.send(client, Delivery::Gone { ending: Ending::Broken });
            }
            Cue::Reply { rest, status, retry_after_s, body } => {
                let due_ns = self.now_ns + self.random.below(20 * MS);
                let retry_after_s = retry_after_s.map(u64::from);
                let reply = Delivery::Reply { rest, status, retry_after_s, body };
                self.replies.push_back((due_ns, reply));
            }
            Cue::Wait { until_ns } => self.pass(until_ns),
            Cue::Ended => {
                let ended_ns = *self.ended_ns.get_or_insert(self.now_ns);
                self.pass(self.now_ns + TICK);
                return self.now_ns < ended_ns + AFTER;
            }
        }
        true
    }

    /// Breaks every connection of a link, as a cut cable does. Whether there was one.
    pub fn kill(&mut self, link: u16) -> bool {
        let of_link = |wire: &Wire| wire.connection.0 % LINKS == link;
        let killed: Vec<_> = self
            .wires
            .iter()
            .filter(|(_, wire)| of_link(wire))
            .map(|(client, wire)| (*client, wire.connection))
            .collect();
        for (client, connection) in &killed {
            self.gone(*client, *connection, Ending::Broken);
        }
        !killed.is_empty()
    }

    /// These instruments are wanted from here on, and no others.
    pub fn want(&mut self, symbols: &[String]) {
        self.input(ConnectionId(0), Input::Wanted(symbols), &Truths::new());
        self.session.set_symbols(symbols.to_vec(), self.now_ns);
    }

    /// Whether every instrument's book is Live.
    pub fn all_live(&self, count: usize) -> bool {
        let reports = self.market.reports();
        reports.len() == count && reports.iter().all(|report| report.state == BookState::Live)
    }

    /// Whether every instrument's book is Live on this link too.
    pub fn is_ready(&self, link: u16) -> bool {
        self.market.is_ready(link)
    }

    /// Virtual time.
    pub fn now_ns(&self) -> u64 {
        self.now_ns
    }

    /// What the session counted.
    pub fn counts(&self) -> SessionCounts {
        self.session.counts()
    }

    /// Attempts to connect, requests and subscriptions made so far.
    pub fn efforts(&self) -> u64 {
        let counts = self.session.counts();
        counts.opened + counts.refused + counts.fetched + counts.resubscribed
    }

    fn act(&mut self) {
        while let Some(action) = self.session.take_action() {
            match action {
                Action::Connect { connection, url } => self.connect(connection, &url),
                Action::Send { connection, text } => {
                    if let Some(client) = self.client(connection) {
                        self.input(connection, Input::Sent(text.as_bytes()), &Truths::new());
                        self.playback.received(client, &text, self.now_ns);
                    }
                }
                Action::Ping { connection } => {
                    let client = self.client(connection);
                    if client.is_some_and(|client| self.playback.answers(client)) {
                        self.input(connection, Input::Alive, &Truths::new());
                    }
                }
                Action::Close { connection, .. } => {
                    if let Some(client) = self.client(connection) {
                        self.gone(client, connection, Ending::Broken);
                    }
                }
                Action::Fetch { fetch, url } => {
                    let path = url.splitn(4, '/').nth(3).unwrap_or_default();
                    self.playback.rest(RestId(fetch.0), &format!("/{path}"), self.now_ns);
                    self.asked.insert(fetch.0, url);
                }
                Action::End | Action::Fail(_) => panic!("nobody said it might: {action:?}"),
            }
        }
    }

    fn connect(&mut self, connection: ConnectionId, url: &str) {
        if !self.playback.accepts() {
            let error = ConnectError::Handshake {
                url: url.to_owned(),
                status: None,
                retry_after_s: None,
                detail: "reset".to_owned(),
            };
            self.session.refused(connection, error, self.now_ns);
            return;
        }
        let client = ClientId(self.clients);
        self.clients += 1;
        let latency_ns = self.random.below(self.latency_ns_max + 1);
        let jitter_ns = self.latency_ns_max / 2;
        let under_way = VecDeque::new();
        self.wires.insert(client, Wire { connection, latency_ns, jitter_ns, under_way });
        let path = url.splitn(4, '/').nth(3).unwrap_or_default();
        self.playback.connected(client, &format!("/{path}"), self.now_ns);
        self.input(connection, Input::Opened, &Truths::new());
        self.session.opened(connection, self.now_ns);
    }

    fn client(&self, connection: ConnectionId) -> Option<ClientId> {
        let mut wires = self.wires.iter();
        wires.find(|(_, wire)| wire.connection == connection).map(|(client, _)| *client)
    }

    fn gone(&mut self, client: ClientId, connection: ConnectionId, ending: Ending) {
        self.wires.remove(&client);
        self.playback.disconnected(client);
        self.input(connection, Input::Closed, &Truths::new());
        self.session.closed(connection, ending, self.now_ns);
    }

    fn send(&mut self, client: ClientId, delivery: Delivery) {
        let (now_ns, random) = (self.now_ns, &mut self.random);
        let Some(wire) = self.wires.get_mut(&client) else { return };
        let due_ns = now_ns + wire.latency_ns + random.below(wire.jitter_ns + 1);
        let last_ns = wire.under_way.back().map_or(0, |(due_ns, _)| *due_ns);
        wire.under_way.push_back((due_ns.max(last_ns), delivery));
    }

    /// What has arrived by now, in the order of arrival.
    fn deliver_what_is_due(&mut self) {
        loop {
            let due = |queue: &VecDeque<(u64, Delivery)>| queue.front().map(|(due_ns, _)| *due_ns);
            let wires = self.wires.iter();
            let first = wires.filter_map(|(client, wire)| Some((due(&wire.under_way)?, *client)));
            let first = first.min().filter(|(due_ns, _)| *due_ns <= self.now_ns);
            if let Some((due_ns, _)) = self.replies.front()
                && *due_ns <= self.now_ns
                && first.is_none_or(|(first_ns, _)| *due_ns <= first_ns)
            {
                let Some((_, reply)) = self.replies.pop_front() else { return };
                self.delivered(None, reply);
            } else if let Some((_, client)) = first {
                let Some(wire) = self.wires.get_mut(&client) else { return };
                let Some((_, delivery)) = wire.under_way.pop_front() else { return };
                self.delivered(Some(client), delivery);
            } else {
                return;
            }
            self.act();
        }
    }

    fn delivered(&mut self, client: Option<ClientId>, delivery: Delivery) {
        let connection = client.and_then(|client| Some(self.wires.get(&client)?.connection));
        match (delivery, client, connection) {
            (Delivery::Frame { text, truths }, _, Some(connection)) => {
                self.input(connection, Input::Frame(text.as_bytes()), &truths);
            }
            (Delivery::Gone { ending }, Some(client), Some(connection)) => {
                self.gone(client, connection, ending);
            }
            (Delivery::Reply { rest, status, retry_after_s, body }, ..) => {
                let answer = Ok((status, retry_after_s));
                let connection = self.session.fetched(FetchId(rest.0), answer, self.now_ns);
                if let Some(connection) = connection {
                    let truths = self.playback.truths();
                    let url = self.asked.remove(&rest.0);
                    let input = Input::RestReply {
                        url: url.as_deref(),
                        status: Some(status),
                        body: body.as_bytes(),
                    };
                    self.input(connection, input, &truths);
                }
            }
            _ => {}
        }
    }

    fn pass(&mut self, until_ns: u64) {
        let arrivals = self.wires.values().filter_map(|wire| wire.under_way.front());
        let next_ns = arrivals.chain(self.replies.front()).map(|(due_ns, _)| *due_ns).min();
        let until_ns = until_ns.min(next_ns.unwrap_or(u64::MAX)).min(self.now_ns + TICK);
        self.now_ns = until_ns.max(self.now_ns + 1);
        if self.now_ns >= self.next_timer_ns {
            self.next_timer_ns += TIMER;
            self.input(ConnectionId(0), Input::Timer, &Truths::new());
            for link in 0..LINKS {
                self.session.set_ready(link, self.market.is_ready(link));
            }
        }
        self.session.tick(self.now_ns);
    }

    /// One input of the market step, and what it makes of it held against the truth.
    fn input(&mut self, connection: ConnectionId, input: Input<'_>, truths: &Truths) {
        let mut heard = Heard::default();
        let is_reply = matches!(input, Input::RestReply { .. });
        let at = UnixNanos::new(1_700_000_000 * SECOND + self.now_ns);
        self.kept.push(Kept::new(connection, at, &input));
        self.market.step(connection, at, MonoNanos::default(), input, &mut heard);
        self.symbols.append(&mut heard.symbols);
        for (instrument, epoch, number, sequence) in heard.frames {
            let symbol = self.symbols[instrument.index()].clone();
            let digest = self.digest(instrument);
            let now = truths.iter().find(|(name, _)| *name == symbol).map(|(_, digest)| *digest);
            // What a REST reply brings lies between what was played and what has arrived; it is
            // judged by the next diff, which would not put a wrong level right.
            let is_true =
                is_reply || Some(digest) == now || Some(&digest) == self.told.get(&symbol);
            let step = self.playback.steps();
            self.left.push(Left { instrument, epoch, number, sequence, is_true, step });
        }
        for (symbol, digest) in truths {
            self.told.insert(symbol.clone(), *digest);
        }
        self.stale.append(&mut heard.stale);
        for Want { link, kind } in heard.wants {
            let ask = match kind {
                WantKind::Snapshot { symbol } => Ask::Snapshot { link, symbol },
                WantKind::Resubscribe { symbol, channel } => {
                    Ask::Resubscribe { link, symbol, channel }
                }
                WantKind::Reconnect { connection } => Ask::Reconnect { connection },
                WantKind::GiveUp { connection, channel } => Ask::GiveUp { connection, channel },
            };
            self.session.ask(ask, self.now_ns);
        }
    }

    fn digest(&mut self, instrument: InstrumentId) -> u64 {
        let book = self.market.book(instrument).expect("its frame has just left");
        let scale = book.scale();
        let mut sum = 0u64;
        for side in [Side::Bid, Side::Ask] {
            for level in book.levels(side).take(self.levels) {
                let (price, qty) = (level.price.units(), level.qty.units());
                let (price_decimals, qty_decimals) = (scale.price_decimals, scale.qty_decimals);
                let is_bid = side == Side::Bid;
                let key = (is_bid, price, qty, price_decimals, qty_decimals);
                let digest = *self.digests.entry(key).or_insert_with(|| {
                    let text = |units, decimals| DecimalText { units, decimals }.to_string();
                    level_digest(is_bid, &text(price, price_decimals), &text(qty, qty_decimals))
                });
                sum = sum.wrapping_add(digest);
            }
        }
        sum
    }
}
