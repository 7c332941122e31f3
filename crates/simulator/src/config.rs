//! What a synthetic market is made of.

use crate::SimulatorError;
use tickhawk_market::UnixNanos;

/// One year.
const DURATION_NS_MAX: u64 = 366 * 86_400 * 1_000_000_000;
/// The start of the year 2200.
const START_NS_MAX: u64 = 7_258_118_400_000_000_000;

/// One instrument: its number formats and the size of its market.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SymbolSpec {
    /// The name as the venue writes it: `BTCUSDT`, `BTC/USD`, `BTC-USDT`.
    pub symbol: String,
    /// Decimals of a price unit, 0 to 12.
    pub price_decimals: u8,
    /// Decimals of a quantity unit, 0 to 12.
    pub qty_decimals: u8,
    /// One price step in price units: 10 at two decimals is a tick of 0.10.
    pub tick: i64,
    /// One quantity step in quantity units.
    pub lot: i64,
    /// Where the market starts and is drawn back to, in price units; at least 2,000 ticks and at
    /// most 10^16 units.
    pub start_price: i64,
    /// The size of an ordinary order in lots, 1 to 10^12.
    pub order_lots: i64,
    /// Levels a side the book hovers around, 50 to 20,000.
    pub levels: u32,
    /// Order events (limit orders and cancels) a second on average, 1 to 100,000. Market orders
    /// come on top, about one for every twenty.
    pub events_per_second: u32,
}

impl SymbolSpec {
    /// An instrument of 400 levels a side, with a tick and a lot of one unit. Change what should
    /// differ.
    pub fn new(
        symbol: &str,
        price_decimals: u8,
        qty_decimals: u8,
        start_price: i64,
        order_lots: i64,
        events_per_second: u32,
    ) -> Self {
        Self {
            symbol: symbol.to_owned(),
            price_decimals,
            qty_decimals,
            tick: 1,
            lot: 1,
            start_price,
            order_lots,
            levels: 400,
            events_per_second,
        }
    }

    /// The price of that many ticks, in price units.
    pub(crate) fn price_units(&self, ticks: i64) -> i64 {
        ticks * self.tick
    }

    /// The quantity of that many lots, in quantity units.
    pub(crate) fn qty_units(&self, lots: i64) -> i64 {
        // Only the volume of years of trading could reach the limit.
        lots.saturating_mul(self.lot)
    }

    fn check(&self) -> Result<(), SimulatorError> {
        let known = |c: char| c.is_ascii_alphanumeric() || "-/_.:".contains(c);
        if self.symbol.is_empty() || self.symbol.len() > 32 || !self.symbol.chars().all(known) {
            return Err(SimulatorError::BadSymbol(self.symbol.clone()));
        }
        let within = |field, found: i128, low: i128, high: i128, range| {
            if (low..=high).contains(&found) {
                return Ok(());
            }
            Err(SimulatorError::OutOfRange { symbol: self.symbol.clone(), field, found, range })
        };
        within("price_decimals", self.price_decimals.into(), 0, 12, "0 to 12")?;
        within("qty_decimals", self.qty_decimals.into(), 0, 12, "0 to 12")?;
        within("tick", self.tick.into(), 1, 1_000_000_000, "1 to 10^9")?;
        within("lot", self.lot.into(), 1, 1_000_000_000, "1 to 10^9")?;
        let price_min = i128::from(self.tick) * 2_000;
        let price_range = "2,000 ticks to 10^16 units";
        within("start_price", self.start_price.into(), price_min, 10i128.pow(16), price_range)?;
        within("order_lots", self.order_lots.into(), 1, 1_000_000_000_000, "1 to 10^12")?;
        let order_units = i128::from(self.order_lots) * i128::from(self.lot);
        within("order_lots", order_units, 1, 10i128.pow(13), "at most 10^13 quantity units")?;
        within("levels", self.levels.into(), 50, 20_000, "50 to 20,000")?;
        within("events_per_second", self.events_per_second.into(), 1, 100_000, "1 to 100,000")
    }
}

/// A market: its instruments, its seed, and the connection it is watched through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketConfig {
    /// The instruments, in the order indices name them.
    pub symbols: Vec<SymbolSpec>,
    /// Same seed and configuration, same bytes.
    pub seed: u64,
    /// Exchange time at which the connection opens.
    pub start: UnixNanos,
    /// How long the recording is.
    pub duration_ns: u64,
    /// Multiplies every symbol's `events_per_second`, in thousandths: 1000 leaves it, and 0
    /// counts as 1.
    pub intensity_permille: u32,
    /// The least time from exchange to receiver.
    pub latency_ns: u64,
    /// Mean of the exponential jitter on top; one message in five hundred gets forty times it.
    pub jitter_ns: u64,
    /// How far the receiver's clock is ahead of the exchange's; real recorders have been seen more
    /// than a second behind (negative).
    pub clock_offset_ns: i64,
    /// Levels a side of a REST snapshot (Binance), 1000 there as a rule; 0 counts as 1.
    pub snapshot_levels: u32,
    /// Whether OKX frames carry real checksums; `false` writes 0, as the venue has done since
    /// June 2026.
    pub okx_checksum: bool,
    /// Whether the once-a-day oddities happen once in the middle of the recording: an OKX sequence
    /// that restarts lower, a Bybit snapshot in mid-stream.
    pub rare_events: bool,
}

impl MarketConfig {
    /// A minute of these symbols from 2025-01-01 00:00:00 UTC over a 4 ms line.
    pub fn new(symbols: Vec<SymbolSpec>, seed: u64) -> Self {
        Self {
            symbols,
            seed,
            start: UnixNanos::new(1_735_689_600_000_000_000),
            duration_ns: 60_000_000_000,
            intensity_permille: 1000,
            latency_ns: 4_000_000,
            jitter_ns: 300_000,
            clock_offset_ns: 0,
            snapshot_levels: 1000,
            okx_checksum: true,
            rare_events: true,
        }
    }

    pub(crate) fn check(&self) -> Result<(), SimulatorError> {
        if self.symbols.is_empty() {
            return Err(SimulatorError::NoSymbols);
        }
        for (index, spec) in self.symbols.iter().enumerate() {
            spec.check()?;
            // Binance's streams name symbols in lower case, so case does not tell them apart.
            let same = |other: &SymbolSpec| other.symbol.eq_ignore_ascii_case(&spec.symbol);
            if self.symbols[..index].iter().any(same) {
                return Err(SimulatorError::RepeatedSymbol(spec.symbol.clone()));
            }
        }
        let start_ns = self.start.nanos();
        let offset_fits = self.clock_offset_ns.unsigned_abs() <= 3_600_000_000_000;
        let delay_fits = self.latency_ns <= 60_000_000_000 && self.jitter_ns <= 1_000_000_000;
        let early = start_ns < 7_200_000_000_000;
        let late = start_ns > START_NS_MAX || self.duration_ns > DURATION_NS_MAX;
        if early || late || !offset_fits || !delay_fits {
            return Err(SimulatorError::BadTime { start_ns, duration_ns: self.duration_ns });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(change: impl Fn(&mut MarketConfig), expected: Result<(), &str>) {
        let spec = SymbolSpec::new("BTCUSDT", 2, 3, 6_000_000, 100, 600);
        let mut config = MarketConfig::new(vec![spec], 1);
        change(&mut config);
        let got = config.check().map_err(|error| error.to_string());
        match (got, expected) {
            (Ok(()), Ok(())) => {}
            (Err(error), Err(part)) => assert!(error.contains(part), "{error}"),
            (got, expected) => panic!("{got:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn refuses_what_it_cannot_run() {
        check(|_| (), Ok(()));
        check(|config| config.symbols.clear(), Err("at least one symbol"));
        check(|config| config.symbols[0].symbol = "a\"b".to_owned(), Err("is not 1 to 32"));
        check(|config| config.symbols[0].symbol.clear(), Err("is not 1 to 32"));
        check(|config| config.symbols[0].tick = 0, Err("`tick` of symbol `BTCUSDT` is 0"));
        check(|config| config.symbols[0].start_price = 1_999, Err("`start_price`"));
        check(|config| config.symbols[0].levels = 49, Err("`levels`"));
        check(|config| config.symbols[0].qty_decimals = 13, Err("`qty_decimals`"));
        check(|config| config.symbols[0].order_lots = 10i64.pow(13), Err("`order_lots`"));
        check(|config| config.start = UnixNanos::new(5), Err("beyond what fits"));
        check(|config| config.duration_ns = u64::MAX, Err("beyond what fits"));
        check(|config| config.clock_offset_ns = i64::MIN, Err("beyond what fits"));
        let twice = |config: &mut MarketConfig| {
            let mut again = config.symbols[0].clone();
            again.symbol.make_ascii_lowercase();
            config.symbols.push(again);
        };
        check(twice, Err("named twice"));
    }
}
