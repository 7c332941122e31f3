//! The market stage: inputs to feature frames.

use crate::{
    Input, InstrumentReport, MarketCounts, MarketOptions, MarketSink, TickSource,
    instrument::Instrument,
};
use tickhawk_book::Book;
use tickhawk_feature::{FeatureFrame, FeaturePlan, FrameSource};
use tickhawk_latency::Clock;
use tickhawk_market::{
    BookKind, BookState, ConnectionId, Decimal, InstrumentId, Level, MonoNanos, Side, StaleCause,
    UnixNanos, Update, Updates,
};
use tickhawk_venue::{Counts, Decoder, Instruments, Venue};

/// Levels a side that any venue's checksum covers at most (OKX: 25).
const CHECKSUM_LEVELS_MAX: usize = 25;

/// Bytes and a receive time in, feature frames out.
#[derive(Debug)]
pub struct MarketStage {
    options: MarketOptions,
    plan: FeaturePlan,
    decoder: Decoder,
    clock: Clock,
    instruments: Vec<Instrument>,
    updates: Updates,
    touched: Vec<InstrumentId>,
    top: [Vec<Level>; 2],
    frame: FeatureFrame,
    crossed_messages_limit: u32,
    last_received_at: UnixNanos,
    counts: MarketCounts,
}

impl MarketStage {
    /// A stage that computes `plan` for every instrument of the venue it meets.
    pub fn new(options: MarketOptions, plan: FeaturePlan, clock: Clock) -> Self {
        let mut decoder = Decoder::new(options.venue, options.symbols.clone(), options.limits);
        let decimals = |tick: &Decimal| tick.decimals;
        let listed =
            options.tick_sizes.iter().map(|(symbol, tick)| (symbol.clone(), tick.decimals));
        let others = options.tick_size.as_ref().or(options.contract_tick_size.as_ref());
        decoder.expect_price_decimals(listed.collect(), others.map_or(0, decimals));
        let depth = plan.depth().max(1);
        let venue_limit = options.venue.crossed_messages_limit();
        Self {
            frame: FeatureFrame::new(&FrameSource::default(), plan.count()),
            crossed_messages_limit: options.crossed_messages_limit.unwrap_or(venue_limit).max(1),
            options,
            plan,
            decoder,
            clock,
            instruments: Vec::new(),
            updates: Updates::new(),
            touched: Vec::with_capacity(64),
            top: [vec![Level::default(); depth], vec![Level::default(); depth]],
            last_received_at: UnixNanos::default(),
            counts: MarketCounts::default(),
        }
    }

    /// Takes one input. `received_mono` is when it came to user space, by this stage's clock.
    pub fn step(
        &mut self,
        connection: ConnectionId,
        received_at: UnixNanos,
        received_mono: MonoNanos,
        input: Input<'_>,
        sink: &mut impl MarketSink,
    ) {
        let at = self.clamp(received_at);
        let mut updates = std::mem::take(&mut self.updates);
        updates.clear();
        self.decode(connection, input, &mut updates, sink);
        let decoded_mono = self.clock.now();
        // A book found wrong adds requests, and nothing else, behind what is being read.
        for index in 0..updates.updates.len() {
            self.apply(at, index, &mut updates, sink);
        }
        for request in updates.requests.drain(..) {
            sink.request(request);
        }
        self.updates = updates;
        self.make_frames(at, received_mono, decoded_mono, sink);
    }

    /// The venue's decoder: the instruments and what was seen.
    pub fn decoder_counts(&self) -> &Counts {
        self.decoder.counts()
    }

    /// The instruments named so far, by id.
    pub fn instruments(&self) -> &Instruments {
        self.decoder.instruments()
    }

    /// Whose messages it takes.
    pub fn venue(&self) -> Venue {
        self.options.venue
    }

    /// What was counted over all instruments.
    pub fn counts(&self) -> MarketCounts {
        self.counts
    }

    /// The features computed.
    pub fn plan(&self) -> &FeaturePlan {
        &self.plan
    }

    /// The clock it stamps by.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// One instrument's book; `None` before its first message.
    pub fn book(&self, id: InstrumentId) -> Option<&Book> {
        self.instruments.get(id.index()).map(|instrument| &instrument.book)
    }

    /// Every instrument, by id.
    pub fn reports(&self) -> Vec<InstrumentReport> {
        let named = self.decoder.instruments().iter();
        named
            .filter_map(|(id, entry)| Some(self.instruments.get(id.index())?.report(&entry.symbol)))
            .collect()
    }

    fn clamp(&mut self, received_at: UnixNanos) -> UnixNanos {
        if received_at < self.last_received_at {
            self.counts.clamped_receive_times += 1;
        } else {
            self.last_received_at = received_at;
        }
        self.last_received_at
    }

    #[inline]
    fn decode(
        &mut self,
        connection: ConnectionId,
        input: Input<'_>,
        updates: &mut Updates,
        sink: &mut impl MarketSink,
    ) {
        let named = self.decoder.instruments().len();
        let result = match input {
            Input::Frame(bytes) => self.decoder.frame(connection, bytes, updates),
            Input::RestReply { url, status, body } => {
                self.decoder.rest_reply(connection, url, status, body, updates)
            }
            Input::Sent(bytes) => {
                self.decoder.sent(connection, bytes, updates);
                Ok(())
            }
            Input::Opened => {
                self.decoder.opened(connection, updates);
                Ok(())
            }
            Input::Closed => {
                self.decoder.closed(connection, updates);
                Ok(())
            }
        };
        if let Err(error) = result {
            sink.malformed(connection, error);
        }
        for index in named..self.decoder.instruments().len() {
            self.add_instrument(InstrumentId(index as u32), sink);
        }
    }

    #[cold]
    #[inline(never)]
    fn add_instrument(&mut self, id: InstrumentId, sink: &mut impl MarketSink) {
        let symbol = self.decoder.instruments().get(id).symbol.as_str();
        let mut instrument = Instrument::new(&self.plan, self.options.book_limits);
        if let Some(tick_size) = self.options.contract_tick_size {
            instrument.set_tick(tick_size, TickSource::Contract);
        }
        let listed = self.options.tick_sizes.iter().find(|(name, _)| name == symbol);
        let configured = listed.map(|(_, tick_size)| *tick_size).or(self.options.tick_size);
        if let Some(tick_size) = configured {
            instrument.set_tick(tick_size, TickSource::Config);
        }
        sink.instrument(id, symbol);
        self.instruments.push(instrument);
    }

    #[inline]
    fn apply(
        &mut self,
        at: UnixNanos,
        index: usize,
        updates: &mut Updates,
        sink: &mut impl MarketSink,
    ) {
        match &updates.updates[index] {
            Update::Book(_) => self.apply_book(at, index, updates, sink),
            Update::Trade(trade) => {
                let instrument = &mut self.instruments[trade.instrument.index()];
                instrument.counts.trades += 1;
                instrument.features.on_trade(at, trade);
                sink.trade(at, trade);
            }
            Update::Ticker(ticker) => {
                self.instruments[ticker.instrument.index()].counts.tickers += 1;
            }
            Update::Scale { instrument, scale } => {
                let id = *instrument;
                let instrument = &mut self.instruments[id.index()];
                let was_stale = instrument.book.state() == BookState::Stale;
                instrument.set_scale(*scale);
                sink.scale(id, *scale);
                self.check_book_itself(id, was_stale, updates, sink);
            }
            Update::Metadata { instrument, metadata } => {
                if let Some(tick_size) = metadata.tick_size {
                    let instrument = &mut self.instruments[instrument.index()];
                    instrument.set_tick(tick_size, TickSource::Metadata);
                }
            }
            Update::Syncing(id) => self.instruments[id.index()].book.mark_syncing(),
            Update::Stale { instrument, cause } => {
                let id = *instrument;
                self.instruments[id.index()].counts.gaps +=
                    u64::from(*cause == StaleCause::Sequence);
                if *cause == StaleCause::Closed {
                    // Trades may be missed until the connection is back.
                    self.instruments[id.index()].features.restart_trades();
                }
                self.mark_stale(id, *cause, sink);
            }
        }
    }

    fn apply_book(
        &mut self,
        at: UnixNanos,
        index: usize,
        updates: &mut Updates,
        sink: &mut impl MarketSink,
    ) {
        let Update::Book(update) = &updates.updates[index] else { return };
        let id = update.instrument;
        let instrument = &mut self.instruments[id.index()];
        let was_stale = instrument.book.state() == BookState::Stale;
        instrument.book.apply(update, updates.changes_of(update));
        if update.kind == BookKind::Snapshot {
            instrument.live_since = at;
            instrument.crossed_messages = 0;
            instrument.features.restart();
        }
        instrument.exchange_at = update.exchange_at;
        instrument.sequence = update.sequence;
        sink.book_applied(at, update, &instrument.book);
        let checksum = update.checksum;
        self.check_book_itself(id, was_stale, updates, sink);
        if checksum.is_some_and(|checksum| !self.checksum_matches(id, checksum)) {
            self.found_wrong(id, StaleCause::Checksum, updates, sink);
        } else if self.crossed_too_long(id) {
            self.found_wrong(id, StaleCause::Crossed, updates, sink);
        }
        self.feed_features(id, at);
    }

    fn feed_features(&mut self, id: InstrumentId, at: UnixNanos) {
        let instrument = &mut self.instruments[id.index()];
        if instrument.book.state() != BookState::Live {
            return;
        }
        let [bids, asks] = &mut self.top;
        let bid_count = instrument.book.top(Side::Bid, bids);
        let ask_count = instrument.book.top(Side::Ask, asks);
        instrument.features.on_book(at, &bids[..bid_count], &asks[..ask_count]);
        if !instrument.touched {
            instrument.touched = true;
            self.touched.push(id);
        }
    }

    fn checksum_matches(&mut self, id: InstrumentId, checksum: u32) -> bool {
        let instrument = &mut self.instruments[id.index()];
        let count = self.decoder.checksum_levels().min(CHECKSUM_LEVELS_MAX);
        let mut bids = [Level::default(); CHECKSUM_LEVELS_MAX];
        let mut asks = [Level::default(); CHECKSUM_LEVELS_MAX];
        let bid_count = instrument.book.top(Side::Bid, &mut bids[..count]);
        let ask_count = instrument.book.top(Side::Ask, &mut asks[..count]);
        let (bids, asks) = (&bids[..bid_count], &asks[..ask_count]);
        let matches = self.decoder.checksum_matches(id, checksum, bids, asks);
        instrument.counts.checksum_ok += u64::from(matches);
        instrument.counts.checksum_bad += u64::from(!matches);
        matches
    }

    fn crossed_too_long(&mut self, id: InstrumentId) -> bool {
        let instrument = &mut self.instruments[id.index()];
        if !instrument.book.is_crossed() {
            instrument.crossed_messages = 0;
            return false;
        }
        instrument.crossed_messages += 1;
        instrument.crossed_messages >= self.crossed_messages_limit
    }

    /// The book itself goes Stale when it holds too many levels, or numbers that no longer fit.
    #[inline]
    fn check_book_itself(
        &mut self,
        id: InstrumentId,
        was_stale: bool,
        updates: &mut Updates,
        sink: &mut impl MarketSink,
    ) {
        let cause = self.instruments[id.index()].book.stale_cause().filter(|_| !was_stale);
        if let Some(cause) = cause {
            self.went_stale(id, cause, sink);
            self.decoder.suspect(id, updates);
        }
    }

    /// The book built from an unbroken sequence is wrong all the same: no more frames until the
    /// snapshot that is asked for. Asking adds a request to `updates`, and no update.
    #[cold]
    #[inline(never)]
    fn found_wrong(
        &mut self,
        id: InstrumentId,
        cause: StaleCause,
        updates: &mut Updates,
        sink: &mut impl MarketSink,
    ) {
        self.mark_stale(id, cause, sink);
        self.decoder.suspect(id, updates);
    }

    #[cold]
    #[inline(never)]
    fn mark_stale(&mut self, id: InstrumentId, cause: StaleCause, sink: &mut impl MarketSink) {
        if self.instruments[id.index()].book.mark_stale(cause) {
            self.went_stale(id, cause, sink);
        }
    }

    #[cold]
    #[inline(never)]
    fn went_stale(&mut self, id: InstrumentId, cause: StaleCause, sink: &mut impl MarketSink) {
        self.instruments[id.index()].counts.stale += 1;
        sink.stale(id, cause);
    }

    #[inline]
    fn make_frames(
        &mut self,
        at: UnixNanos,
        received_mono: MonoNanos,
        decoded_mono: MonoNanos,
        sink: &mut impl MarketSink,
    ) {
        for index in 0..self.touched.len() {
            let id = self.touched[index];
            let instrument = &mut self.instruments[id.index()];
            instrument.touched = false;
            if instrument.book.state() != BookState::Live {
                continue;
            }
            if instrument.book.is_crossed() {
                instrument.counts.withheld_crossed += 1;
                continue;
            }
            let Some(mid) = instrument.mid() else { continue };
            let epoch = instrument.book.epoch();
            let source = FrameSource {
                instrument: id,
                number: instrument.frame_count,
                epoch,
                received_at: at,
                exchange_at: instrument.exchange_at,
                sequence: instrument.sequence,
                restarted: instrument.frame_epoch != epoch,
                mid,
                book_age_ns: at.nanos() - instrument.live_since.nanos(),
                received_mono,
                decoded_mono,
                framed_mono: decoded_mono,
            };
            self.frame.set_source(&source);
            instrument.features.fill_frame(at, &mut self.frame);
            self.frame.set_framed_mono(self.clock.now());
            instrument.frame_epoch = epoch;
            instrument.frame_count += 1;
            self.counts.frames += 1;
            sink.frame(&self.frame);
        }
        self.touched.clear();
    }
}
