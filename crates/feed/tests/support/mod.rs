//! A session, its time, and a venue that lets everyone in.

#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::BTreeMap;
use tickhawk_feed::{Action, ConnectError, Ending, FeedError, FetchId, Plan, Session};
use tickhawk_market::ConnectionId;
use tickhawk_venue::Venue;

pub const SECOND_NS: u64 = 1_000_000_000;

/// A session, its time, and a venue that lets everyone in.
pub struct Bench {
    pub session: Session,
    pub now_ns: u64,
    pub open: BTreeMap<ConnectionId, u64>,
    pub sent: Vec<(ConnectionId, String)>,
    pub fetched: Vec<String>,
    pub closes: Vec<(ConnectionId, &'static str)>,
    pub attempts: Vec<u64>,
    pub failed: Option<FeedError>,
    pub ended: bool,
    pub lets_in: bool,
    /// What was said on each connection since it opened.
    pub spoken: BTreeMap<ConnectionId, Vec<String>>,
    /// Whether requests are answered at once.
    pub answers: bool,
    unanswered: Vec<FetchId>,
}

pub fn plan(venue: Venue, symbols: &[&str]) -> Plan {
    Plan {
        venue,
        symbols: symbols.iter().map(|&symbol| symbol.to_owned()).collect(),
        connections: 1,
        endpoint: None,
        rest: None,
        retry: false,
        end_on_close: false,
        seed: 7,
    }
}

pub fn refused() -> ConnectError {
    ConnectError::Tcp {
        address: "127.0.0.1:1".to_owned(),
        detail: "refused".to_owned(),
        is_refused: true,
    }
}

impl Bench {
    pub fn new(plan: Plan) -> Self {
        Self::at(plan, true)
    }

    /// A bench whose venue lets people in, or not.
    pub fn at(plan: Plan, lets_in: bool) -> Self {
        let mut bench = Self {
            session: Session::new(plan, 0),
            now_ns: 0,
            open: BTreeMap::new(),
            sent: Vec::new(),
            fetched: Vec::new(),
            closes: Vec::new(),
            attempts: Vec::new(),
            failed: None,
            ended: false,
            lets_in,
            spoken: BTreeMap::new(),
            answers: true,
            unanswered: Vec::new(),
        };
        bench.act();
        bench
    }

    /// Does what the session wants: everything succeeds at once, unless nobody is let in.
    pub fn act(&mut self) {
        while let Some(action) = self.session.take_action() {
            match action {
                Action::Connect { connection, .. } => {
                    self.attempts.push(self.now_ns);
                    if self.lets_in {
                        self.open.insert(connection, self.now_ns);
                        self.spoken.insert(connection, Vec::new());
                        self.session.opened(connection, self.now_ns);
                    } else {
                        self.session.refused(connection, refused(), self.now_ns);
                    }
                }
                Action::Send { connection, text } => {
                    self.spoken.entry(connection).or_default().push(text.clone());
                    self.sent.push((connection, text));
                }
                Action::Ping { connection } => assert!(self.open.contains_key(&connection)),
                Action::Close { connection, reason } => {
                    self.closes.push((connection, reason));
                    self.close(connection, Ending::Broken);
                }
                Action::Fetch { fetch, url } => {
                    self.fetched.push(url);
                    match self.answers {
                        true => self.answer(fetch, 200),
                        false => self.unanswered.push(fetch),
                    }
                }
                Action::End => self.ended = true,
                Action::Fail(error) => self.failed = Some(error),
            }
        }
    }

    pub fn answer(&mut self, fetch: FetchId, status: u16) {
        self.session.fetched(fetch, Ok((status, None)), self.now_ns);
    }

    /// Answers what was not answered, and all that follows.
    pub fn answer_all(&mut self, status: u16) {
        self.answers = true;
        for fetch in std::mem::take(&mut self.unanswered) {
            self.answer(fetch, status);
        }
        self.act();
    }

    pub fn close(&mut self, connection: ConnectionId, ending: Ending) {
        assert!(self.open.remove(&connection).is_some(), "{connection:?} was open");
        self.spoken.remove(&connection);
        self.session.closed(connection, ending, self.now_ns);
    }

    pub fn pass(&mut self, ns: u64, step_ns: u64) {
        let until_ns = self.now_ns + ns;
        while self.now_ns < until_ns {
            self.now_ns += step_ns;
            self.session.tick(self.now_ns);
            self.act();
        }
    }
}
