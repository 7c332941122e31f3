//! Instruments, their decimals and their ticks: what all links must agree on.

use super::{MarketStage, Source};
use crate::{
    MarketSink, TickSource,
    instrument::Instrument,
    link::{Link, LinkBook},
};
use std::num::NonZeroU64;
use tickhawk_market::{
    ConnectionId, Decimal, InstrumentId, Metadata, Scale, StaleCause, UnixNanos, Update, Updates,
};

impl MarketStage {
    /// An instrument was named for the first time.
    #[cold]
    #[inline(never)]
    pub(super) fn add_instrument(
        &mut self,
        id: InstrumentId,
        symbol: &str,
        sink: &mut impl MarketSink,
    ) {
        let listed = self.options.tick_sizes.iter().find(|(name, _)| name == symbol);
        let configured = listed.map(|(_, tick_size)| *tick_size).or(self.options.tick_size);
        sink.instrument(id, symbol);
        self.instruments.push(Instrument::new(symbol, &self.plan));
        for link in &mut self.links {
            link.books.push(LinkBook::new(self.options.book_limits));
        }
        if let Some(tick_size) = self.options.contract_tick_size {
            self.take_tick(id, tick_size, TickSource::Contract);
        }
        if let Some(tick_size) = configured {
            self.take_tick(id, tick_size, TickSource::Config);
        }
    }

    /// Other instruments are asked for. Books that no longer are go Stale; those that still are do not
    /// notice. New ones begin with their first message.
    #[cold]
    #[inline(never)]
    pub(super) fn set_wanted(
        &mut self,
        at: UnixNanos,
        symbols: &[String],
        sink: &mut impl MarketSink,
    ) {
        let mut updates = std::mem::take(&mut self.updates);
        for link in 0..self.links.len() {
            updates.clear();
            self.links[link].decoder.set_wanted(symbols, &mut updates);
            let source = Source { link, connection: ConnectionId(link as u16), at };
            self.take_updates(source, &mut updates, self.instruments.len(), sink);
        }
        self.updates = updates;
    }

    /// Names to the other link what this input's link named, from `named` on, so that ids and
    /// decimals are the same everywhere before the next input is decoded. What it told is added to
    /// `updates`, for who keeps them.
    #[cold]
    #[inline(never)]
    pub(super) fn share_names(
        &mut self,
        link: usize,
        named: usize,
        updates: &mut Updates,
        sink: &mut impl MarketSink,
    ) {
        let other = 1 - link;
        for index in named..self.instruments.len() {
            let id = InstrumentId(index as u32);
            let entry = self.links[link].decoder.instruments().get(id);
            let (symbol, own) = (entry.symbol.clone(), entry.metadata);
            let mut told = Updates::default();
            let other_id = self.links[other].decoder.name(&symbol, &mut told);
            assert_eq!(other_id, Some(id), "links name the same instruments in the same order");
            // A listing may have come by either link, or by both: what this input's link knows
            // stands, and the decimals of both ticks are carried everywhere.
            let listed = told.updates.iter().filter_map(|update| match update {
                Update::Metadata { metadata, .. } => Some(*metadata),
                _ => None,
            });
            for metadata in listed.chain((own != Metadata::default()).then_some(own)) {
                for link in &mut self.links {
                    link.decoder.take_metadata(id, metadata);
                }
                if let Some(tick_size) = metadata.tick_size {
                    self.take_tick(id, tick_size, TickSource::Metadata);
                }
                updates.updates.push(Update::Metadata { instrument: id, metadata });
            }
            if let Some(scale) = self.share_scale(id, sink) {
                updates.updates.push(Update::Scale { instrument: id, scale });
            }
        }
    }

    /// Lets every link's integers carry the decimals of the one that has most; these, if they are
    /// more than before.
    fn share_scale(&mut self, id: InstrumentId, sink: &mut impl MarketSink) -> Option<Scale> {
        let scale_of = |link: &Link| link.decoder.instruments().get(id).scale;
        let scale = self.links.iter().filter_map(scale_of).reduce(finer)?;
        for link in &mut self.links {
            link.decoder.raise_scale(id, scale);
        }
        let grows = scale != self.instruments[id.index()].scale;
        grows.then(|| {
            self.raise_scale(id, scale, sink);
            scale
        })
    }

    /// A link told what the venue says of the instrument.
    pub(super) fn take_metadata(&mut self, link: usize, id: InstrumentId, metadata: &Metadata) {
        for (index, other) in self.links.iter_mut().enumerate() {
            if index != link && id.index() < other.decoder.instruments().len() {
                other.decoder.take_metadata(id, *metadata);
            }
        }
        if let Some(tick_size) = metadata.tick_size {
            self.take_tick(id, tick_size, TickSource::Metadata);
        }
    }

    pub(super) fn take_tick(&mut self, id: InstrumentId, tick_size: Decimal, source: TickSource) {
        if self.instruments[id.index()].take_tick(tick_size, source) {
            self.apply_tick(id);
        }
    }

    fn apply_tick(&mut self, id: InstrumentId) {
        let instrument = &mut self.instruments[id.index()];
        let Some(units) = instrument.tick_units() else { return };
        instrument.features.set_tick(Some(units));
        for link in &mut self.links {
            link.book_mut(id).book.set_tick(NonZeroU64::new(units.unsigned_abs()));
        }
    }

    /// The instrument's integers carry at least these decimals from here on: everything that is
    /// held of it is multiplied up, on all links.
    #[cold]
    #[inline(never)]
    pub(super) fn raise_scale(
        &mut self,
        id: InstrumentId,
        scale: Scale,
        sink: &mut impl MarketSink,
    ) {
        if let Some(understudy) = &mut self.understudy {
            understudy.forget();
        }
        for link in &mut self.links {
            // One that has not named it yet hears of the decimals with the name.
            if id.index() < link.decoder.instruments().len() {
                link.decoder.raise_scale(id, scale);
            }
        }
        let scale = finer(self.instruments[id.index()].scale, scale);
        let was = self.book_states(id);
        for link in &mut self.links {
            link.book_mut(id).book.set_scale(scale);
        }
        let instrument = &mut self.instruments[id.index()];
        instrument.scale = scale;
        if !instrument.features.set_scale(scale) {
            for link in &mut self.links {
                link.book_mut(id).book.mark_stale(StaleCause::Overflow);
            }
        }
        self.apply_tick(id);
        sink.scale(id, scale);
        for (link, was) in was.into_iter().take(self.links.len()).enumerate() {
            self.check_book_itself(link, id, was, sink);
        }
    }
}

/// Decimals that hold the numbers of both.
fn finer(one: Scale, two: Scale) -> Scale {
    Scale {
        price_decimals: one.price_decimals.max(two.price_decimals),
        qty_decimals: one.qty_decimals.max(two.qty_decimals),
    }
}
