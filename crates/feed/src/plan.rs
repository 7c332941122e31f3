//! What a session is to keep up.

use crate::{session::LINKS, slot::Slot};
use tickhawk_market::ConnectionId;
use tickhawk_venue::{Dialect, Terms, Venue};

/// What a session is to keep up.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Whose books.
    pub venue: Venue,
    /// Which instruments, in the venue's own spelling.
    pub symbols: Vec<String>,
    /// 1, or 2 for the same subscription twice.
    pub connections: u16,
    /// Another WebSocket address than the venue's own, such as `ws://127.0.0.1:8080`. The venue's
    /// paths are put behind it, unless it has a path of its own.
    pub endpoint: Option<String>,
    /// Another REST address than the venue's own. Without one, an overridden endpoint is asked
    /// nothing by REST.
    pub rest: Option<String>,
    /// Go on trying when the first connection cannot be made.
    pub retry: bool,
    /// A connection that the venue closes normally is not opened again; when all are closed, that
    /// is the end.
    pub end_on_close: bool,
    /// Of the random part of waits.
    pub seed: u64,
}

impl Plan {
    /// What REST listings to ask for, to be told of these instruments; before anything was heard it
    /// is the venue's first dialect that says.
    pub(crate) fn metadata(&self, spoken: Option<Dialect>, symbols: &[String]) -> Vec<String> {
        match self.has_rest() {
            true => spoken.unwrap_or(Dialect::new(self.venue, "")).metadata(symbols),
            false => Vec::new(),
        }
    }

    /// The path of a REST snapshot; `None` if there is nobody to ask, or nothing to ask for.
    pub(crate) fn snapshot(&self, symbol: &str) -> Option<String> {
        Dialect::new(self.venue, "").snapshot(symbol).filter(|_| self.has_rest())
    }

    /// Whether books of this venue can be had at all.
    pub fn can_have_books(&self) -> bool {
        self.has_rest() || Dialect::new(self.venue, "").snapshot("X").is_none()
    }

    pub(crate) fn rest_url(&self, path: &str) -> String {
        let base = self.rest.as_deref().unwrap_or(self.venue.terms().rest);
        format!("{}{path}", base.trim_end_matches('/'))
    }

    fn has_rest(&self) -> bool {
        self.rest.is_some() || self.endpoint.is_none()
    }

    fn url(&self, terms: &Terms, path: &str) -> String {
        let base = self.endpoint.as_deref().unwrap_or(terms.ws);
        let after_scheme = base.split_once("://").map_or(base, |(_, rest)| rest);
        let has_path = after_scheme.trim_end_matches('/').contains(['/', '?']);
        match has_path {
            true => base.to_owned(),
            false => format!("{}{path}", base.trim_end_matches('/')),
        }
    }

    /// Puts instruments on the connections of every link and route: on those that have room, then on
    /// new ones. Connection `n` belongs to link `n % LINKS`.
    pub(crate) fn place(&self, terms: &'static Terms, symbols: &[String], slots: &mut Vec<Slot>) {
        let limit = terms.instruments_per_connection.max(1);
        for link in 0..LINKS {
            for route in terms.routes {
                let url = self.url(terms, route.path);
                let dialect = Dialect::new(self.venue, &url);
                let carried = symbols.iter().filter(|symbol| dialect.carries(route, symbol));
                let mut carried: Vec<_> = carried.cloned().collect();
                for slot in slots.iter_mut().filter(|slot| slot.is_of(link, route)) {
                    let room = limit.saturating_sub(slot.symbols.len()).min(carried.len());
                    let rest = carried.split_off(room);
                    slot.take_on(carried);
                    carried = rest;
                }
                for symbols in carried.chunks(limit) {
                    let before = slots.iter().filter(|slot| slot.link == link).count() as u16;
                    let number = link + LINKS * before;
                    let seed = self.seed ^ (u64::from(number) << 32);
                    let connection = ConnectionId(number);
                    let slot = Slot::new(connection, link, route, &url, dialect, symbols, seed);
                    slots.push(slot);
                }
            }
        }
    }
}
