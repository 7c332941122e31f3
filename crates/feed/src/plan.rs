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
    /// What REST listings to ask for.
    pub(crate) fn metadata(&self) -> Vec<String> {
        match self.has_rest() {
            true => Dialect::new(self.venue, "").metadata(&self.symbols),
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

    /// A slot a link, route and so many instruments as fit on a connection. Connection `n` belongs
    /// to link `n % LINKS`.
    pub(crate) fn slots(&self, terms: &'static Terms) -> Vec<Slot> {
        let mut slots = Vec::new();
        for link in 0..LINKS {
            let mut number = link;
            for route in terms.routes {
                let url = self.url(terms, route.path);
                let dialect = Dialect::new(self.venue, &url);
                let carried = self.symbols.iter().filter(|symbol| dialect.carries(route, symbol));
                let carried: Vec<_> = carried.cloned().collect();
                for symbols in carried.chunks(terms.instruments_per_connection.max(1)) {
                    let connection = ConnectionId(number);
                    let seed = self.seed ^ (u64::from(number) << 32);
                    let slot = Slot::new(connection, link, route, &url, dialect, symbols, seed);
                    slots.push(slot);
                    number += LINKS;
                }
            }
        }
        slots
    }
}
