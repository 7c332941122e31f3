//! Definitions on one book, or on two in a row.

use super::{Book, NaiveState};
use crate::book::BookFeature;
use tickhawk_market::Level;

fn price(level: &Level) -> i128 {
    i128::from(level.price.units())
}

fn qty(level: &Level) -> i128 {
    i128::from(level.qty.units())
}

/// Best bid plus best ask.
pub(super) fn doubled_mid(book: &Book) -> Option<i128> {
    Some(price(book.bids.first()?) + price(book.asks.first()?))
}

/// Cont, Kukanov and Stoikov's e at one level, a missing level at the worst price there is.
pub(super) fn flow(old: &Book, new: &Book, level: usize) -> i128 {
    let read = |side: &[Level], worst: i128| {
        side.get(level - 1).map_or((worst, 0), |level| (price(level), qty(level)))
    };
    let ((b, qb), (b_, qb_)) = (read(&new.bids, i128::MIN), read(&old.bids, i128::MIN));
    let ((a, qa), (a_, qa_)) = (read(&new.asks, i128::MAX), read(&old.asks, i128::MAX));
    let indicator = |holds: bool| i128::from(holds);
    indicator(b >= b_) * qb - indicator(b <= b_) * qb_ - indicator(a <= a_) * qa
        + indicator(a >= a_) * qa_
}

impl NaiveState {
    pub(super) fn book_value(&self, feature: BookFeature, book: &Book) -> Option<f64> {
        let both_sides = doubled_mid(book);
        let in_ticks = |numerator: i128, denominator: i128| -> Option<f64> {
            Some(numerator as f64 / (denominator * i128::from(self.tick?)) as f64)
        };
        let base_units =
            |units: i128| units as f64 / 10f64.powi(i32::from(self.scale.qty_decimals));
        match feature {
            BookFeature::Obi { levels } => {
                both_sides?;
                let bid: i128 = book.bids.iter().take(levels).map(qty).sum();
                let ask: i128 = book.asks.iter().take(levels).map(qty).sum();
                (bid + ask != 0).then(|| (bid - ask) as f64 / (bid + ask) as f64)
            }
            BookFeature::SpreadTicks => {
                in_ticks(price(book.asks.first()?) - price(book.bids.first()?), 1)
            }
            BookFeature::WeightedMidOffsetTicks => {
                let (bid, ask) = (book.bids.first()?, book.asks.first()?);
                let weight = qty(bid) + qty(ask);
                let weighted = qty(bid) * price(ask) + qty(ask) * price(bid);
                let difference = 2 * weighted - both_sides? * weight;
                (weight != 0).then(|| in_ticks(difference, 2 * weight))?
            }
            BookFeature::MicropriceOffsetTicks => self.microprice(book),
            BookFeature::BidDepth { ticks } => {
                Some(base_units(self.depth_units(&book.bids, ticks)?))
            }
            BookFeature::AskDepth { ticks } => {
                Some(base_units(self.depth_units(&book.asks, ticks)?))
            }
            BookFeature::BookSlope { levels } => {
                if price(book.asks.first()?) <= price(book.bids.first()?) {
                    return None;
                }
                let bid = self.slope(&book.bids, levels, both_sides?)?;
                let ask = self.slope(&book.asks, levels, both_sides?)?;
                Some((bid + ask) / 2.0)
            }
            BookFeature::BidPriceOffsetTicks { level } => {
                in_ticks(2 * price(book.bids.get(level - 1)?) - both_sides?, 2)
            }
            BookFeature::AskPriceOffsetTicks { level } => {
                in_ticks(2 * price(book.asks.get(level - 1)?) - both_sides?, 2)
            }
            BookFeature::BidQty { level } => Some(base_units(qty(book.bids.get(level - 1)?))),
            BookFeature::AskQty { level } => Some(base_units(qty(book.asks.get(level - 1)?))),
        }
    }

    fn depth_units(&self, side: &[Level], ticks: usize) -> Option<i128> {
        let (best, reach) = (price(side.first()?), ticks as i128 * i128::from(self.tick?));
        Some(side.iter().filter(|level| (price(level) - best).abs() <= reach).map(qty).sum())
    }

    fn slope(&self, side: &[Level], levels: usize, doubled_mid: i128) -> Option<f64> {
        let near = &side[..side.len().min(levels)];
        let tick = i128::from(self.tick?);
        let doubled_distance = |index: usize| (2 * price(&near[index]) - doubled_mid).abs();
        let cumulated = |index: usize| near[..=index].iter().map(qty).sum::<i128>() as f64;
        let mut sum = 0.0;
        for (index, level) in near.iter().enumerate() {
            let before = if index == 0 { 0 } else { doubled_distance(index - 1) };
            let step = (doubled_distance(index) - before) as f64 / (2 * tick) as f64;
            if step <= 0.0 || level.qty.units() <= 0 {
                return None;
            }
            let growth =
                if index == 0 { 1.0 } else { cumulated(index) / cumulated(index - 1) - 1.0 };
            sum += growth / step;
        }
        Some(sum / near.len() as f64)
    }

    fn microprice(&self, book: &Book) -> Option<f64> {
        let (bid, ask) = (book.bids.first()?, book.asks.first()?);
        let both = qty(bid) + qty(ask);
        let spread_ticks = (price(ask) - price(bid)) as f64 / self.tick? as f64;
        let row = (0..4).find(|row| (-0.5..0.5).contains(&(spread_ticks - f64::from(row + 1))))?;
        let bucket = (1..10).filter(|tenths| 10 * qty(bid) >= tenths * both).count();
        let table = self.options.microprice.as_ref()?.table();
        (both > 0).then(|| table[row as usize][bucket])?
    }
}
