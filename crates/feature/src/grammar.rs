//! From a name to a feature.

use crate::book::{BookFeature, MAX_DEPTH};
use crate::error::{FeatureError, NameProblem};
use crate::nearest::nearest;
use crate::ofi::FlowLevels;
use crate::span::{
    BY_TIME, BY_TIME_OR_TRADES, BY_TIME_OR_UPDATES, GRID_SPAN, KYLE_SPAN, ROLL_SPAN, Span, Z_SPAN,
};
use crate::window::Window;

/// A feature with all its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Feature {
    Book(BookFeature),
    ZScore { base: BookFeature, window: Window },
    Ofi { levels: FlowLevels, window: Window },
    UpdateRate { window: Window },
    MidReturn { window: Window },
    RealisedVol { window: Window },
    EmaMidOffsetTicks { tau_nanos: u64 },
    KyleLambda { window: Window },
    TradeImbalance { window: Window },
    TradeCount { window: Window },
    TradeVolume { window: Window },
    TradeRate { window: Window },
    RollSpread { window: Window },
    Vpin,
}

impl Feature {
    /// Levels a side it reads.
    pub(crate) fn depth(self) -> usize {
        match self {
            Self::Book(feature) | Self::ZScore { base: feature, .. } => feature.depth(),
            Self::Ofi { levels: FlowLevels::One(level) | FlowLevels::UpTo(level), .. } => level,
            _ => 1,
        }
    }

    /// Whether it is unavailable while the tick size is unknown.
    pub(crate) fn needs_tick(self) -> bool {
        match self {
            Self::Book(feature) | Self::ZScore { base: feature, .. } => feature.needs_tick(),
            Self::EmaMidOffsetTicks { .. } | Self::KyleLambda { .. } => true,
            _ => false,
        }
    }
}

/// Names `prefix`, then a level if there are any, then `suffix`.
struct BookShape {
    prefix: &'static str,
    levels: Option<(usize, usize)>,
    suffix: &'static str,
    build: fn(usize) -> BookFeature,
}

const LEVELS: Option<(usize, usize)> = Some((1, MAX_DEPTH));

const fn plain(prefix: &'static str, build: fn(usize) -> BookFeature) -> BookShape {
    BookShape { prefix, levels: None, suffix: "", build }
}

const fn levelled(prefix: &'static str, build: fn(usize) -> BookFeature) -> BookShape {
    BookShape { prefix, levels: LEVELS, suffix: "", build }
}

const BOOK_SHAPES: &[BookShape] = &[
    levelled("obi_", |levels| BookFeature::Obi { levels }),
    plain("queue_imbalance", |_| BookFeature::Obi { levels: 1 }),
    plain("spread_ticks", |_| BookFeature::SpreadTicks),
    plain("weighted_mid_offset_ticks", |_| BookFeature::WeightedMidOffsetTicks),
    plain("microprice_offset_ticks", |_| BookFeature::MicropriceOffsetTicks),
    BookShape {
        levels: Some((1, MAX_DEPTH - 1)),
        ..levelled("bid_depth_", |ticks| BookFeature::BidDepth { ticks })
    },
    BookShape {
        levels: Some((1, MAX_DEPTH - 1)),
        ..levelled("ask_depth_", |ticks| BookFeature::AskDepth { ticks })
    },
    BookShape {
        levels: Some((2, MAX_DEPTH)),
        ..levelled("book_slope_", |levels| BookFeature::BookSlope { levels })
    },
    BookShape {
        suffix: "_offset_ticks",
        ..levelled("bid_price_", |level| BookFeature::BidPriceOffsetTicks { level })
    },
    BookShape {
        suffix: "_offset_ticks",
        ..levelled("ask_price_", |level| BookFeature::AskPriceOffsetTicks { level })
    },
    levelled("bid_qty_", |level| BookFeature::BidQty { level }),
    levelled("ask_qty_", |level| BookFeature::AskQty { level }),
];

/// Names with a window: `prefix`, then a level if `levelled`.
struct WindowShape {
    prefix: &'static str,
    levelled: bool,
    span: Span,
    build: fn(usize, Window) -> Feature,
}

const fn windowed(
    prefix: &'static str,
    span: Span,
    build: fn(usize, Window) -> Feature,
) -> WindowShape {
    WindowShape { prefix, levelled: false, span, build }
}

const WINDOW_SHAPES: &[WindowShape] = &[
    WindowShape {
        levelled: true,
        ..windowed("ofi_", BY_TIME_OR_UPDATES, |level, window| Feature::Ofi {
            levels: FlowLevels::One(level),
            window,
        })
    },
    WindowShape {
        levelled: true,
        ..windowed("ofi_sum_", BY_TIME_OR_UPDATES, |level, window| Feature::Ofi {
            levels: FlowLevels::UpTo(level),
            window,
        })
    },
    windowed("update_rate", BY_TIME, |_, window| Feature::UpdateRate { window }),
    windowed("mid_return", BY_TIME_OR_UPDATES, |_, window| Feature::MidReturn { window }),
    windowed("realised_vol", GRID_SPAN, |_, window| Feature::RealisedVol { window }),
    windowed("ema_mid_offset_ticks", BY_TIME, |_, window| Feature::EmaMidOffsetTicks {
        tau_nanos: window.nanos(),
    }),
    windowed("kyle_lambda", KYLE_SPAN, |_, window| Feature::KyleLambda { window }),
    windowed("trade_imbalance", BY_TIME_OR_TRADES, |_, window| Feature::TradeImbalance { window }),
    windowed("trade_count", BY_TIME, |_, window| Feature::TradeCount { window }),
    windowed("trade_volume", BY_TIME_OR_TRADES, |_, window| Feature::TradeVolume { window }),
    windowed("trade_rate", BY_TIME, |_, window| Feature::TradeRate { window }),
    windowed("roll_spread", ROLL_SPAN, |_, window| Feature::RollSpread { window }),
];

/// Reads one name. Windows by count reach at most half of `window_capacity` back.
pub(crate) fn parse(name: &str, window_capacity: usize) -> Result<Feature, FeatureError> {
    read(name, window_capacity).map_err(|problem| FeatureError::Name {
        name: name.to_owned(),
        problem,
        nearest: nearest(name),
    })
}

fn read(name: &str, window_capacity: usize) -> Result<Feature, NameProblem> {
    let (stem, window) = match name.split_once('@') {
        Some((stem, window)) => (stem, Some(window)),
        None => (name, None),
    };
    if stem == "vpin" {
        return no_window(window).map(|()| Feature::Vpin);
    }
    for shape in BOOK_SHAPES {
        if let Some(level) = middle(stem, shape.prefix, shape.suffix, shape.levels) {
            let feature = (shape.build)(level?);
            return no_window(window).map(|()| Feature::Book(feature));
        }
        let Some(base) = stem.strip_suffix("_z") else { continue };
        if let Some(level) = middle(base, shape.prefix, shape.suffix, shape.levels) {
            let base = (shape.build)(level?);
            let window = Z_SPAN.window(window, window_capacity)?;
            return Ok(Feature::ZScore { base, window });
        }
    }
    for shape in WINDOW_SHAPES {
        let levels = if shape.levelled { LEVELS } else { None };
        if let Some(level) = middle(stem, shape.prefix, "", levels) {
            let level = level?;
            let window = shape.span.window(window, window_capacity)?;
            return Ok((shape.build)(level, window));
        }
    }
    Err(NameProblem::Unknown)
}

/// The level between `prefix` and `suffix`, 0 if the names have none; `None` for another name.
fn middle(
    stem: &str,
    prefix: &str,
    suffix: &str,
    levels: Option<(usize, usize)>,
) -> Option<Result<usize, NameProblem>> {
    let text = stem.strip_prefix(prefix)?.strip_suffix(suffix)?;
    let Some((min, max)) = levels else { return text.is_empty().then_some(Ok(0)) };
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let level = text.parse().ok().filter(|level| (min..=max).contains(level));
    // `obi_05` would be a second name of `obi_5`.
    let level = level.filter(|_| !text.starts_with('0'));
    Some(level.ok_or_else(|| NameProblem::Level { level: text.to_owned(), min, max }))
}

fn no_window(window: Option<&str>) -> Result<(), NameProblem> {
    match window {
        Some(window) => Err(NameProblem::WindowSurplus { window: window.to_owned() }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expected: &str) {
        let error = parse(name, 1 << 16).expect_err(name).to_string();
        let (problem, _) = error.split_once("; nearest known: ").expect("names alternatives");
        assert_eq!(problem, format!("feature `{name}`: {expected}"));
    }

    #[test]
    fn refusals_say_what_is_wrong() {
        check("obi_0", "its level 0 is outside 1 to 50");
        check("obi_51", "its level 51 is outside 1 to 50");
        check("obi_05", "its level 05 is outside 1 to 50");
        check("bid_depth_50", "its level 50 is outside 1 to 49");
        check("book_slope_1", "its level 1 is outside 2 to 50");
        check("obi_99999999999999999999", "its level 99999999999999999999 is outside 1 to 50");
        check("obi", "no feature has this name");
        check("", "no feature has this name");
        check("OBI_5", "no feature has this name");
        check(" obi_5", "no feature has this name");
        check("ofi_1", "it needs a window, as in `@1s`");
        check("obi_5_z", "it needs a window, as in `@60s`");
        check("obi_5@1s", "it takes no window, but has `@1s`");
        check("vpin@1s", "it takes no window, but has `@1s`");
        let syntax = |window: &str| {
            format!(
                "`{window}` is no window; write `500ms`, `1s`, `64u` (book messages) or `32t` (trades)"
            )
        };
        check("ofi_1@", &syntax(""));
        check("ofi_1@1m", &syntax("1m"));
        check("ofi_1@0s", &syntax("0s"));
        check("ofi_1@1s@1s", &syntax("1s@1s"));
        check("ofi_1@1000ms", "`1000ms` is written `1s`");
        check("ofi_1@86401s", "its window `86401s` must be at most 86400s");
        check(
            "ofi_1@32t",
            "`32t` is not the kind of window it takes: time or book messages, `1s` or `64u`",
        );
        check(
            "trade_volume@64u",
            "`64u` is not the kind of window it takes: time or trades, `1s` or `32t`",
        );
        check("trade_count@32t", "`32t` is not the kind of window it takes: time only, `1s`");
        check("ofi_1@32769u", "its window `32769u` must be 1 to 32768 (half of window_capacity)");
        check("obi_5_z@29u", "its window `29u` must be 30 to 32768 (half of window_capacity)");
        check("roll_spread@11t", "its window `11t` must be 12 to 32768 (half of window_capacity)");
        check(
            "realised_vol@1050ms",
            "its window `1050ms` must be a multiple of 100ms from 1000ms to 6553600ms",
        );
        check(
            "realised_vol@7000s",
            "its window `7000s` must be a multiple of 100ms from 1000ms to 6553600ms",
        );
        check(
            "kyle_lambda@9s",
            "its window `9s` must be a multiple of 1000ms from 10000ms to 65536000ms",
        );
    }

    #[test]
    fn refusals_name_the_nearest() {
        for (name, likeliest) in [
            ("obi5", "obi_5"),
            ("spread_tick", "spread_ticks"),
            ("realized_vol@10s", "realised_vol@10s"),
            ("ofi_sums_3@1s", "ofi_sum_5@1s"),
            ("bid_price_3_offset", "bid_price_1_offset_ticks"),
            ("trade_imbalence@1s", "trade_imbalance@1s"),
            ("obi_7_zscore@60s", "obi_5_z@60s"),
        ] {
            let Err(FeatureError::Name { nearest, .. }) = parse(name, 1 << 16) else {
                panic!("{name} is a name");
            };
            assert_eq!((nearest[0].as_str(), nearest.len()), (likeliest, 3), "{name}");
        }
    }

    #[test]
    fn names_become_features() {
        let second = Window::Time { nanos: 1_000_000_000 };
        for (name, feature) in [
            ("queue_imbalance", Feature::Book(BookFeature::Obi { levels: 1 })),
            (
                "ask_price_12_offset_ticks",
                Feature::Book(BookFeature::AskPriceOffsetTicks { level: 12 }),
            ),
            ("ofi_3@1s", Feature::Ofi { levels: FlowLevels::One(3), window: second }),
            ("ofi_sum_3@1s", Feature::Ofi { levels: FlowLevels::UpTo(3), window: second }),
            (
                "bid_qty_2_z@64u",
                Feature::ZScore {
                    base: BookFeature::BidQty { level: 2 },
                    window: Window::Updates { count: 64 },
                },
            ),
            ("vpin", Feature::Vpin),
        ] {
            assert_eq!(parse(name, 1 << 16), Ok(feature));
        }
    }
}
