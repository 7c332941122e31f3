//! Plays a tape to clients that join at the start and in the middle, and holds their books against
//! the truth.

use crate::follower::Follower;
use std::collections::BTreeMap;
use tickhawk_market::{Decimal, Request};
use tickhawk_simulator::{ClientId, Exchange, Output, RestId, TapeRecord, TextLevels};

/// How a client of a venue behaves.
pub struct Manners {
    pub slug: &'static str,
    /// Path (and query) it connects to.
    pub path: String,
    /// What it says once connected.
    pub says: Vec<String>,
    /// The path (and query) for a symbol's book, on venues with REST snapshots.
    pub rest: fn(&str) -> String,
}

/// A conversation in progress.
pub struct Hall {
    pub exchange: Exchange,
    pub clients: BTreeMap<ClientId, Follower>,
    pub replies: BTreeMap<RestId, (u16, String)>,
    asked: BTreeMap<RestId, (ClientId, String)>,
    slug: &'static str,
    rest: fn(&str) -> String,
}

impl Hall {
    pub fn new(manners: &Manners, tape: Vec<TapeRecord>) -> Self {
        Self {
            exchange: Exchange::new(manners.slug, Box::new(tape.into_iter())).unwrap(),
            clients: BTreeMap::new(),
            replies: BTreeMap::new(),
            asked: BTreeMap::new(),
            slug: manners.slug,
            rest: manners.rest,
        }
    }

    /// A client joins.
    pub fn join(&mut self, id: u32, manners: &Manners) -> ClientId {
        let id = ClientId(id);
        self.clients.insert(id, Follower::new(self.slug));
        self.exchange.connected(id, &manners.path);
        for text in &manners.says {
            self.clients.get_mut(&id).unwrap().sent(text);
            self.exchange.received(id, text);
        }
        self.hand_over();
        id
    }

    /// Hands over what the exchange says, and asks it what the clients want to know.
    pub fn hand_over(&mut self) {
        loop {
            while let Some(output) = self.exchange.take() {
                self.hand(output);
            }
            if !self.ask() {
                return;
            }
        }
    }

    fn hand(&mut self, output: Output) {
        match output {
            Output::Frame { client, text } => {
                self.clients.get_mut(&client).expect("a client that is here").frame(&text);
            }
            Output::Close { client, code, reason } => panic!("{client:?} closed: {code} {reason}"),
            Output::Reply { rest, status, body } => {
                if let Some((client, path)) = self.asked.remove(&rest) {
                    self.clients.get_mut(&client).unwrap().reply(&path, status, &body);
                }
                self.replies.insert(rest, (status, body));
            }
        }
    }

    /// What the exchange says to one text of one client.
    pub fn answers(&mut self, client: ClientId, text: &str) -> Vec<String> {
        self.exchange.received(client, text);
        let said = std::iter::from_fn(|| self.exchange.take());
        said.filter_map(|output| match output {
            Output::Frame { text, .. } => Some(text),
            _ => None,
        })
        .collect()
    }

    /// Takes REST replies and lets everything else go by.
    pub fn collect(&mut self) {
        while let Some(output) = self.exchange.take() {
            if let Output::Reply { rest, status, body } = output {
                self.replies.insert(rest, (status, body));
            }
        }
    }

    /// Asks for the snapshots the clients need; `false` if there are none.
    fn ask(&mut self) -> bool {
        let mut asked = false;
        for (&id, client) in &mut self.clients {
            for request in std::mem::take(&mut client.requests) {
                let Request::Snapshot(instrument) = request else {
                    panic!("{id:?} lost its way: {request:?}");
                };
                let path = (self.rest)(&client.symbol(instrument));
                let rest = RestId(self.asked.len() as u32 + self.replies.len() as u32);
                self.exchange.rest(rest, &path);
                self.asked.insert(rest, (id, path));
                asked = true;
            }
        }
        asked
    }

    /// Plays at most that many records; `false` at the end of the tape.
    pub fn play(&mut self, records: usize) -> bool {
        for _ in 0..records {
            if self.exchange.next_at().is_none() {
                return false;
            }
            self.exchange.step();
            self.hand_over();
        }
        self.exchange.next_at().is_some()
    }

    /// Every client has the true book of each of these symbols.
    #[track_caller]
    pub fn compare(&self, symbols: &[&str]) {
        for &symbol in symbols {
            let truth = self.exchange.truth(symbol);
            let truth = truth.unwrap_or_else(|| panic!("no true book of {symbol}"));
            for (id, client) in &self.clients {
                let book = client.book(symbol);
                let book = book.unwrap_or_else(|| panic!("{id:?} has no live book of {symbol}"));
                // Not assert_eq: it would print both books.
                assert!(book == plain(&truth), "{id:?} has another book of {symbol}");
                assert_eq!(client.digest(symbol), self.exchange.truth_digest(symbol), "{symbol}");
            }
        }
    }
}

/// Numbers in their shortest form.
pub fn plain((bids, asks): &(TextLevels, TextLevels)) -> (TextLevels, TextLevels) {
    let short = |text: &str| {
        let Decimal { mantissa, decimals, .. } = Decimal::parse(text.as_bytes()).unwrap();
        tickhawk_market::DecimalText { units: mantissa, decimals }.to_string()
    };
    let side = |levels: &TextLevels| {
        levels.iter().map(|(price, qty)| (short(price), short(qty))).collect()
    };
    (side(bids), side(asks))
}

/// A client from the start, one from a third of the tape and one from two thirds all end with the
/// true book.
#[track_caller]
pub fn check(manners: &Manners, tape: Vec<TapeRecord>, symbols: &[&str]) -> Hall {
    let third = tape.len() / 3;
    let mut hall = Hall::new(manners, tape);
    hall.join(0, manners);
    hall.play(third);
    hall.join(1, manners);
    hall.play(third);

    hall.join(2, manners);
    hall.play(usize::MAX);
    hall.compare(symbols);
    hall
}

/// The same over a real recording, whose true books must be those of independent software.
#[track_caller]
pub fn check_real(manners: &Manners, name: &str) -> Option<Hall> {
    let tape = crate::tapes::real(name)?;
    let golden = crate::tapes::golden(name);
    let symbols: Vec<&str> = golden.iter().map(|(symbol, _)| symbol.as_str()).collect();
    let hall = check(manners, tape, &symbols);
    for (symbol, (bids, asks)) in &golden {
        let (true_bids, true_asks) = plain(&hall.exchange.truth(symbol).unwrap());
        assert_eq!(true_bids[..bids.len()], bids[..], "{symbol}");
        assert_eq!(true_asks[..asks.len()], asks[..], "{symbol}");
    }
    Some(hall)
}
