//! Lanes: which venue's instruments a market thread and an inference thread serve together.

use crate::{
    cli::live::{FeedArgs, Pins},
    config::Config,
};
use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use tickhawk_engine::{Cores, MarketOptions, Silence, allowed_cores};
use tickhawk_feed::{LINKS, Plan};
use tickhawk_market::Decimal;
use tickhawk_venue::Venue;

/// A book that is not right while its connection is open is asked for again after so long.
const RESYNC_MS: u64 = 5_000;

/// A lane as typed.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LaneSection {
    /// Whose books.
    venue: Option<String>,
    /// Which instruments, in the venue's own spelling.
    symbols: Option<Vec<String>>,
    /// 1, or 2 for the same subscription twice.
    connections: Option<u16>,
    /// Another WebSocket address than the venue's.
    endpoint: Option<String>,
    /// Another REST address than the venue's.
    rest: Option<String>,
    /// A PEM file of certificate authorities to trust too.
    ca: Option<PathBuf>,
    /// Cores of the market and the inference thread; an empty list leaves them to the host.
    cores: Option<Vec<usize>>,
    /// Whether the market thread never sleeps.
    busy_poll: Option<bool>,
    /// A connection without any frame for so long is dead; 0 for never.
    frame_silence_ms: Option<u64>,
    /// A connection without a heartbeat for so long is dead; 0 for never.
    heartbeat_silence_ms: Option<u64>,
    /// A book that used to change and has not for so long is stale; 0 for never.
    book_silence_ms: Option<u64>,
    /// A book that is not right is asked for again after so long; 0 for never.
    resync_ms: Option<u64>,
    /// The tick of every instrument not named under `instruments`.
    tick_size: Option<String>,
}

/// A lane with every relation checked.
#[derive(Clone, Debug)]
pub struct Lane {
    /// Whose books.
    pub venue: Venue,
    /// Which instruments.
    pub symbols: Vec<String>,
    /// 1 or 2.
    pub connections: u16,
    /// Another WebSocket address.
    pub endpoint: Option<String>,
    /// Another REST address.
    pub rest: Option<String>,
    /// Authorities to trust too.
    pub ca: Option<PathBuf>,
    /// Where the threads are pinned.
    pub cores: Option<Cores>,
    /// Whether the market thread never sleeps.
    pub busy_poll: bool,
    /// How long silence may last.
    pub silence: Silence,
    /// The tick of instruments not named in the config.
    pub tick_size: Option<Decimal>,
}

impl Lane {
    /// The lanes of the config; flags name the only one, or change it.
    pub fn resolve(config: &Config, args: &FeedArgs) -> Result<Vec<Self>> {
        let mut sections = config.lanes.clone();
        let says_which = args.venue.venue.is_some() || args.venue.symbols.is_some();
        if sections.len() > 1 && (says_which || args.endpoint.is_some() || args.cores.is_some()) {
            bail!(
                "the config has {} lanes: --venue, --symbols, --endpoint and --cores go with one",
                sections.len()
            );
        }
        if sections.is_empty() {
            sections.push(LaneSection::default());
        }
        let count = sections.len();
        let resolve = |(index, section)| {
            Self::new(config, section, args, index).with_context(|| match count {
                1 => "in the lane".to_owned(),
                _ => format!("in config `lanes` number {}", index + 1),
            })
        };
        sections.into_iter().enumerate().map(resolve).collect()
    }

    fn new(config: &Config, section: LaneSection, args: &FeedArgs, index: usize) -> Result<Self> {
        let venue = match (args.venue.venue, &section.venue) {
            (Some(venue), _) => venue,
            (None, Some(slug)) => slug.parse()?,
            (None, None) => bail!("no venue\nhint: say it with `--venue SLUG`"),
        };
        let symbols = args.venue.symbols.clone().or(section.symbols).unwrap_or_default();
        ensure!(!symbols.is_empty(), "no instrument\nhint: say which with `--symbols A,B`");
        ensure!(
            symbols.iter().all(|symbol| !symbol.trim().is_empty()),
            "a symbol is empty: wanted names such as BTCUSDT, parted by commas"
        );
        let connections = args.connections.or(section.connections).unwrap_or(1);
        ensure!((1..=LINKS).contains(&connections), "`connections` is {connections}: 1 or 2");
        let cores = match (args.cores, &section.cores) {
            (Some(Pins::None), _) => None,
            (Some(Pins::Cores(cores)), _) => Some(cores),
            (None, Some(cores)) => listed_cores(cores)?,
            (None, None) => Some(last_cores(index)?),
        };
        let terms = venue.terms();
        let or = |typed: Option<u64>, usual: Option<u64>| match typed.or(usual) {
            None | Some(0) => None,
            Some(ms) => Some(ms.saturating_mul(1_000_000)),
        };
        let silence = Silence {
            frame_ns: or(section.frame_silence_ms, Some(terms.frame_silence_ms)),
            heartbeat_ns: or(section.heartbeat_silence_ms, terms.heartbeat_silence_ms),
            book_ns: or(section.book_silence_ms, terms.book_silence_ms),
            resync_ns: or(section.resync_ms, Some(RESYNC_MS)),
        };
        let tick_size = match (config.tick_size, &section.tick_size) {
            (Some(tick_size), _) => Some(tick_size),
            (None, Some(text)) => Some(crate::config::tick("tick_size", text)?),
            (None, None) => None,
        };
        let lane = Self {
            venue,
            symbols,
            connections,
            endpoint: args.endpoint.clone().or(section.endpoint),
            rest: args.rest.clone().or(section.rest),
            ca: args.ca.clone().or(section.ca),
            cores,
            busy_poll: args.busy_poll || section.busy_poll.unwrap_or(false),
            silence,
            tick_size,
        };
        ensure!(
            lane.plan(args, 0).can_have_books(),
            "{venue} sends no snapshot by its stream\nhint: give `--rest URL` with `--endpoint`"
        );
        Ok(lane)
    }

    /// What the feed is to keep up.
    pub fn plan(&self, args: &FeedArgs, seed: u64) -> Plan {
        Plan {
            venue: self.venue,
            symbols: self.symbols.clone(),
            connections: self.connections,
            endpoint: self.endpoint.clone(),
            rest: self.rest.clone(),
            retry: args.retry,
            end_on_close: args.exit_on_close,
            seed,
        }
    }

    /// What the market stage is built from.
    pub fn market_options(&self, config: &Config, contract_tick: Option<Decimal>) -> MarketOptions {
        MarketOptions {
            tick_size: self.tick_size,
            links: LINKS,
            shares_ids: self.venue.terms().shares_ids,
            silence: self.silence,
            ..config.market_options(self.venue, Some(self.symbols.clone()), contract_tick)
        }
    }

    /// As a section that resolves to this lane again, for a run's record.
    pub fn section(&self) -> LaneSection {
        let ms = |ns: Option<u64>| Some(ns.unwrap_or_default() / 1_000_000);
        LaneSection {
            venue: Some(self.venue.slug().to_owned()),
            symbols: Some(self.symbols.clone()),
            connections: Some(self.connections),
            endpoint: self.endpoint.clone(),
            rest: self.rest.clone(),
            ca: self.ca.clone(),
            cores: Some(self.cores.map_or(Vec::new(), |cores| vec![cores.market, cores.inference])),
            busy_poll: Some(self.busy_poll),
            frame_silence_ms: ms(self.silence.frame_ns),
            heartbeat_silence_ms: ms(self.silence.heartbeat_ns),
            book_silence_ms: ms(self.silence.book_ns),
            resync_ms: ms(self.silence.resync_ns),
            tick_size: self.tick_size.map(crate::report::tick_text),
        }
    }

    /// What `tickhawk check` prints of it: key, value.
    pub fn values(&self) -> Vec<(&'static str, String)> {
        let ms = |ns: Option<u64>| ns.map_or("never".to_owned(), |ns| (ns / 1_000_000).to_string());
        let cores = self.cores.map_or("the host's choice".to_owned(), |cores| {
            format!("{}, {}", cores.market, cores.inference)
        });
        vec![
            ("venue", self.venue.slug().to_owned()),
            ("symbols", self.symbols.join(",")),
            ("connections", self.connections.to_string()),
            ("endpoint", self.endpoint.clone().unwrap_or("the venue's".to_owned())),
            ("rest", self.rest.clone().unwrap_or("the venue's".to_owned())),
            ("cores", cores),
            ("busy_poll", self.busy_poll.to_string()),
            ("frame_silence_ms", ms(self.silence.frame_ns)),
            ("heartbeat_silence_ms", ms(self.silence.heartbeat_ns)),
            ("book_silence_ms", ms(self.silence.book_ns)),
            ("resync_ms", ms(self.silence.resync_ns)),
        ]
    }
}

fn listed_cores(cores: &[usize]) -> Result<Option<Cores>> {
    match *cores {
        [] => Ok(None),
        [market, inference] if market != inference => Ok(Some(Cores { market, inference })),
        _ => bail!("`cores`: wanted two different core numbers, or an empty list for none"),
    }
}

/// The last two cores this process may use, counted back by two a lane: the first ones serve the
/// host's interrupts on most machines.
fn last_cores(lane: usize) -> Result<Cores> {
    let allowed = allowed_cores();
    let end = allowed.len().checked_sub(2 * lane).filter(|end| *end >= 2);
    match end.map(|end| &allowed[end - 2..end]) {
        Some([market, inference]) => Ok(Cores { market: *market, inference: *inference }),
        _ => bail!(
            "two cores a lane are not to be had: this process may use {}\nhint: `--cores none` \
             (or `cores = []`) leaves the threads to the host",
            allowed.len()
        ),
    }
}
