//! The market stage: inputs to feature frames.

mod apply;
mod decoded;
mod names;
mod rehearse;
mod stale;
mod timer;

use crate::{
    Input, InstrumentReport, MarketCounts, MarketOptions, MarketSink,
    instrument::{Instrument, mid},
    link::{Link, LinkBook},
    rehearsal::Understudy,
    silence::Connections,
};
use tickhawk_book::Book;
use tickhawk_feature::{FeatureFrame, FeaturePlan, FrameSource};
use tickhawk_latency::Clock;
use tickhawk_market::{
    BookState, ConnectionId, InstrumentId, Level, MonoNanos, UnixNanos, Update, Updates,
};
use tickhawk_venue::{Counts, Decoder, Instruments, Venue};

/// Bytes and a receive time in, feature frames out.
#[derive(Debug)]
pub struct MarketStage {
    options: MarketOptions,
    plan: FeaturePlan,
    clock: Clock,
    /// One or two.
    links: Vec<Link>,
    instruments: Vec<Instrument>,
    connections: Connections,
    updates: Updates,
    /// Books found wrong by the input at hand, for the decoders of their links to ask for.
    suspects: Vec<(usize, InstrumentId)>,
    touched: Vec<InstrumentId>,
    top: [Vec<Level>; 2],
    frame: FeatureFrame,
    crossed_messages_limit: u32,
    last_received_at: UnixNanos,
    /// Inputs so far.
    inputs: u64,
    counts: MarketCounts,
    /// What decoders counted of inputs that were decoded before.
    counts_told: Counts,
    /// Who plays while nothing comes.
    understudy: Option<Box<Understudy>>,
}

/// The input at hand, as far as what is decoded from it must know.
#[derive(Clone, Copy, Debug)]
struct Source {
    link: usize,
    connection: ConnectionId,
    at: UnixNanos,
}

impl MarketStage {
    /// A stage that computes `plan` for every instrument of the venue it meets.
    ///
    /// # Panics
    /// If the links are neither one nor two.
    pub fn new(options: MarketOptions, plan: FeaturePlan, clock: Clock) -> Self {
        assert!(matches!(options.links, 1 | 2), "there are one or two links");
        let links = (0..options.links).map(|_| Link { decoder: decoder(&options), books: vec![] });
        let depth = plan.depth().max(1);
        Self {
            links: links.collect(),
            frame: FeatureFrame::new(&FrameSource::default(), plan.count()),
            crossed_messages_limit: options.crossed_messages(),
            options,
            plan,
            clock,
            instruments: Vec::new(),
            connections: Connections::default(),
            updates: Updates::new(),
            suspects: Vec::new(),
            touched: Vec::with_capacity(64),
            top: [vec![Level::default(); depth], vec![Level::default(); depth]],
            last_received_at: UnixNanos::default(),
            inputs: 0,
            counts: MarketCounts::default(),
            counts_told: Counts::default(),
            understudy: None,
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
        self.inputs += 1;
        match input {
            Input::Timer => return self.timer(at, sink),
            Input::Wanted(symbols) => return self.set_wanted(at, symbols, sink),
            Input::Decoded(step) => return self.take_step(at, received_mono, &step, sink),
            _ => {}
        }
        self.connections.note(connection, at, input.kind());
        let source = Source { link: self.link_of(connection), connection, at };
        let mut updates = std::mem::take(&mut self.updates);
        updates.clear();
        let named = self.instruments.len();
        self.decode(source, input, &mut updates, sink);
        // Only frames carry the stamp, and only changes of a book make frames.
        let is_book = |update: &Update| matches!(update, Update::Book(_));
        let decoded_mono = match updates.updates.iter().any(is_book) {
            true => self.clock.now(),
            false => received_mono,
        };
        self.take_updates(source, &mut updates, named, sink);
        self.make_frames(source, received_mono, decoded_mono, sink);
        if self.understudy.as_ref().is_some_and(|understudy| understudy.is_curious(self.inputs)) {
            self.learn(source, input, &updates);
        }
        self.updates = updates;
    }

    /// What the venue's decoders saw, over all links.
    pub fn decoder_counts(&self) -> Counts {
        let mut counts = self.counts_told;
        self.links.iter().for_each(|link| counts += *link.decoder.counts());
        counts
    }

    /// The instruments named so far, by id; where their book messages stand is told of link 0. None
    /// where inputs were decoded before.
    pub fn instruments(&self) -> &Instruments {
        self.links[0].decoder.instruments()
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

    /// One instrument's book, of the link that leads; `None` before its first message.
    pub fn book(&self, id: InstrumentId) -> Option<&Book> {
        let leading = self.leading_link(id)?;
        Some(&self.links[leading].books[id.index()].book)
    }

    /// Whether this link can stand alone without a hole: what is Live on some link is Live on this
    /// one, which, where ids are shared, has joined what is published; and something is Live.
    pub fn is_ready(&self, link: u16) -> bool {
        let Some(own) = self.links.get(usize::from(link)) else { return false };
        let all_live = |index: usize| {
            let live_somewhere = self.links.iter().any(|link| link.books[index].is_live());
            let last = self.instruments[index].published.sequence;
            let last = last.filter(|_| self.options.shares_ids);
            let joined = last.is_none_or(|last| own.books[index].standing().is_in_step(last));
            !live_somewhere || (own.books[index].is_live() && joined)
        };
        own.books.iter().any(LinkBook::is_live) && (0..self.instruments.len()).all(all_live)
    }

    /// Every instrument, by id.
    pub fn reports(&self) -> Vec<InstrumentReport> {
        let ids = (0..self.instruments.len()).map(|index| InstrumentId(index as u32));
        ids.filter_map(|id| self.report(id)).collect()
    }

    fn report(&self, id: InstrumentId) -> Option<InstrumentReport> {
        let instrument = self.instruments.get(id.index())?;
        let links = self.links.iter().enumerate();
        let links = links.map(|(index, link)| link.books[id.index()].report(index)).collect();
        Some(instrument.report(self.book(id)?, links))
    }

    /// The link that was published last, if its book is Live; else one whose book is, or that knows
    /// at least something.
    fn leading_link(&self, id: InstrumentId) -> Option<usize> {
        let leader = self.instruments.get(id.index())?.published.leader.unwrap_or(0);
        let state = |link: usize| self.links[link].books[id.index()].book.state();
        let others = || (0..self.links.len()).filter(|link| *link != leader);
        Some(match state(leader) {
            BookState::Live => leader,
            own => others()
                .find(|other| state(*other) == BookState::Live)
                .or_else(|| others().find(|_| own == BookState::Empty))
                .unwrap_or(leader),
        })
    }

    #[inline]
    fn link_of(&self, connection: ConnectionId) -> usize {
        usize::from(connection.0 % self.options.links)
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
        source: Source,
        input: Input<'_>,
        updates: &mut Updates,
        sink: &mut impl MarketSink,
    ) {
        let Source { link, connection, at } = source;
        let decoder = &mut self.links[link].decoder;
        let result = match input {
            Input::Frame(bytes) => decoder.frame(connection, bytes, updates),
            Input::RestReply { url, status, body } => {
                let result = decoder.rest_reply(connection, url, status, body, updates);
                if self.connections.is_closed(connection) {
                    // A snapshot that comes too late makes no book Live: no diffs will follow it.
                    decoder.closed(connection, updates);
                }
                result
            }
            Input::Sent(bytes) => {
                decoder.sent(connection, bytes, updates);
                Ok(())
            }
            Input::Opened => {
                decoder.opened(connection, updates);
                Ok(())
            }
            Input::Closed => {
                decoder.closed(connection, updates);
                Ok(())
            }
            Input::Alive | Input::Wanted(_) | Input::Timer | Input::Decoded(_) => Ok(()),
        };
        if let Err(error) = result {
            sink.malformed(connection, error);
        }
        if updates.heartbeat {
            self.connections.heartbeat(connection, at);
        }
        for index in self.instruments.len()..self.links[link].decoder.instruments().len() {
            let id = InstrumentId(index as u32);
            let symbol = self.links[link].decoder.instruments().get(id).symbol.clone();
            self.add_instrument(id, &symbol, sink);
        }
    }

    /// A function of its own, as [`MarketStage::apply_book`]: rehearsals are to run this very code.
    #[inline(never)]
    fn make_frames(
        &mut self,
        source: Source,
        received_mono: MonoNanos,
        decoded_mono: MonoNanos,
        sink: &mut impl MarketSink,
    ) {
        for index in 0..self.touched.len() {
            let id = self.touched[index];
            let instrument = &mut self.instruments[id.index()];
            // What this input published came by its own link.
            let book = &self.links[source.link].books[id.index()].book;
            instrument.touched = false;
            if book.state() != BookState::Live {
                continue;
            }
            if book.is_crossed() {
                instrument.counts.withheld_crossed += 1;
                continue;
            }
            let Some(mid) = mid(book, instrument.scale) else { continue };
            let published = &instrument.published;
            let frame_source = FrameSource {
                instrument: id,
                number: instrument.frame_count,
                epoch: published.epoch,
                received_at: source.at,
                exchange_at: published.exchange_at,
                sequence: published.sequence,
                restarted: instrument.frame_epoch != published.epoch,
                mid,
                book_age_ns: source.at.nanos() - published.live_since.nanos(),
                received_mono,
                decoded_mono,
                framed_mono: decoded_mono,
            };
            self.frame.set_source(&frame_source);
            instrument.features.fill_frame(source.at, &mut self.frame);
            self.frame.set_framed_mono(self.clock.now());
            instrument.frame_epoch = published.epoch;
            instrument.frame_count += 1;
            self.counts.frames += 1;
            sink.frame(&self.frame);
        }
        self.touched.clear();
    }
}

/// The decoder of one link. It knows the ticks that are known beforehand.
fn decoder(options: &MarketOptions) -> Decoder {
    let mut decoder = Decoder::new(options.venue, options.symbols.clone(), options.limits);
    let listed = options.tick_sizes.iter().map(|(symbol, tick)| (symbol.clone(), tick.decimals));
    decoder.expect_price_decimals(listed.collect(), options.price_decimals_of_others());
    decoder
}
