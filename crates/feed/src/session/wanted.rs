//! Instruments taken on and given up while connections run.

use super::Session;
use crate::{
    fetches::Purpose,
    session::LINKS,
    slot::{Phase, Slot},
};

impl Session {
    /// These instruments are wanted from here on, and no others. Those given up are unsubscribed
    /// from at once. Of new ones the listings are asked for first, as at the start; then they go on
    /// connections that have room, and on new ones where none has. The others go on as they are.
    pub fn set_symbols(&mut self, symbols: Vec<String>, now_ns: u64) {
        let had = std::mem::take(&mut self.plan.symbols);
        let removed: Vec<_> = had.iter().filter(|symbol| !symbols.contains(symbol)).collect();
        let mut added: Vec<String> = Vec::new();
        for symbol in symbols.iter().filter(|symbol| !had.contains(symbol)) {
            if !added.contains(symbol) {
                added.push(symbol.clone());
            }
        }
        self.joining.retain(|symbol| !removed.contains(&symbol));
        for slot in &mut self.slots {
            slot.give_up(&removed);
        }
        for symbol in removed {
            for link in 0..LINKS {
                self.asks.forget(link, symbol);
            }
            self.fetches.forget(symbol);
        }
        let spoken = self.slots.iter().find(|slot| slot.phase == Phase::Open);
        for path in self.plan.metadata(spoken.map(Slot::dialect), &added) {
            self.fetches.ask(Purpose::Listing, path, now_ns);
        }
        self.joining.append(&mut added);
        self.plan.symbols = symbols;
        self.tick(now_ns);
    }

    /// New instruments whose listings are answered, or are not going to be, are subscribed to. What
    /// carries nothing after that is closed.
    pub(super) fn take_on_what_is_listed(&mut self) {
        if !self.joining.is_empty() {
            if self.fetches.awaits_listings() {
                return;
            }
            let joining = std::mem::take(&mut self.joining);
            self.plan.place(self.terms, &joining, &mut self.slots);
        }
        let is_idle = |slot: &&Slot| slot.phase == Phase::Open && slot.symbols.is_empty();
        let idle: Vec<_> = self.slots.iter().filter(is_idle).map(|slot| slot.connection).collect();
        for connection in idle {
            self.close(connection, "it carries nothing any more");
        }
    }
}
