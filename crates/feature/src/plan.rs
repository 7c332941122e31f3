//! Which features, in which order: the schema.

use crate::error::{FeatureError, NameProblem};
use crate::grammar::{self, Feature};
use crate::microprice::Microprice;
use crate::vpin::VpinOptions;
use sha2::{Digest, Sha256};

/// The most features a plan, a frame and its validity mask hold.
pub const MAX_FEATURES: usize = 128;

/// Events a time window holds unless told otherwise: 65,536 in a minute is eleven hundred a second,
/// about what the busiest instruments send.
const WINDOW_CAPACITY: usize = 65_536;

/// Ring sizes beyond this break the bounds that the exact sums rest on.
const MAX_WINDOW_CAPACITY: usize = 1 << 20;

/// What names do not say.
#[derive(Clone, Debug)]
pub struct PlanOptions {
    /// Events a time window holds, a power of two from 64 to 1,048,576; the oldest drop out early
    /// beyond that, and are counted. A book message takes 8 bytes and 8 more for each series of flows
    /// or past values, a change of the mid and a trade 32 each.
    pub window_capacity: usize,
    /// The table of `microprice_offset_ticks`, which has no value without.
    pub microprice: Option<Microprice>,
    /// How `vpin` cuts volume; without, the name is refused.
    pub vpin: Option<VpinOptions>,
}

impl Default for PlanOptions {
    fn default() -> Self {
        Self { window_capacity: WINDOW_CAPACITY, microprice: None, vpin: None }
    }
}

/// A checked list of features. Cheap to share: one plan serves any number of instruments.
#[derive(Clone, Debug)]
pub struct FeaturePlan {
    names: Vec<String>,
    pub(crate) features: Vec<Feature>,
    pub(crate) options: PlanOptions,
}

impl FeaturePlan {
    /// Reads names, in the order their values will have.
    pub fn compile(names: &[impl AsRef<str>], options: PlanOptions) -> Result<Self, FeatureError> {
        check_options(&options)?;
        match names.len() {
            0 => return Err(FeatureError::Empty),
            count if count > MAX_FEATURES => return Err(FeatureError::TooMany { count }),
            _ => {}
        }
        let names: Vec<String> = names.iter().map(|name| name.as_ref().to_owned()).collect();
        let mut features = Vec::with_capacity(names.len());
        for (second, name) in names.iter().enumerate() {
            let feature = grammar::parse(name, options.window_capacity)?;
            if feature == Feature::Vpin && options.vpin.is_none() {
                let (problem, nearest) = (NameProblem::VpinOptions, vec!["vpin".to_owned()]);
                return Err(FeatureError::Name { name: name.clone(), problem, nearest });
            }
            if let Some(first) = names[..second].iter().position(|known| known == name) {
                return Err(FeatureError::Duplicate { name: name.clone(), first, second });
            }
            features.push(feature);
        }
        Ok(Self { names, features, options })
    }

    /// The names, in order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// How many features there are.
    pub fn count(&self) -> usize {
        self.features.len()
    }

    /// The names as a compact JSON array, the text that [`schema`](Self::schema) hashes. Names have
    /// no letter that JSON would escape.
    pub fn schema_json(&self) -> String {
        let quoted: Vec<String> = self.names.iter().map(|name| format!("\"{name}\"")).collect();
        format!("[{}]", quoted.join(","))
    }

    /// SHA-256 of [`schema_json`](Self::schema_json).
    pub fn schema(&self) -> [u8; 32] {
        Sha256::digest(self.schema_json().as_bytes()).into()
    }

    /// Levels a side that [`on_book`](crate::FeatureState::on_book) needs; at least 1, because a
    /// frame carries the mid.
    pub fn depth(&self) -> usize {
        self.features.iter().map(|feature| feature.depth()).max().unwrap_or(1)
    }

    /// Whether any feature is unavailable while the tick size is unknown.
    pub fn needs_tick(&self) -> bool {
        self.features.iter().any(|feature| feature.needs_tick())
    }
}

fn check_options(options: &PlanOptions) -> Result<(), FeatureError> {
    let capacity = options.window_capacity;
    if !capacity.is_power_of_two() || !(64..=MAX_WINDOW_CAPACITY).contains(&capacity) {
        return Err(FeatureError::WindowCapacity { capacity });
    }
    options.vpin.map_or(Ok(()), |vpin| vpin.check())
}

/// The features used when neither a model nor a configuration names any. All get a value on an
/// ordinary market within a minute; those that may stay without one (a Roll spread, a z-score of a
/// spread that never changes) and those that need options are left out.
pub fn default_features() -> &'static [&'static str] {
    &[
        "queue_imbalance",
        "obi_3",
        "obi_5",
        "obi_10",
        "spread_ticks",
        "weighted_mid_offset_ticks",
        "bid_qty_1",
        "ask_qty_1",
        "bid_depth_10",
        "ask_depth_10",
        "book_slope_10",
        "ofi_1@1s",
        "ofi_3@64u",
        "ofi_sum_5@1s",
        "ofi_sum_5@10s",
        "update_rate@1s",
        "trade_imbalance@1s",
        "trade_imbalance@10s",
        "trade_imbalance@32t",
        "trade_count@1s",
        "trade_volume@1s",
        "trade_volume@10s",
        "trade_rate@10s",
        "mid_return@500ms",
        "mid_return@1s",
        "mid_return@5s",
        "realised_vol@10s",
        "ema_mid_offset_ticks@1s",
        "ema_mid_offset_ticks@5s",
        "obi_5_z@60s",
        "queue_imbalance_z@60s",
        "kyle_lambda@60s",
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickhawk_market::Decimal;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn the_schema_is_a_fixed_hash() {
        let plan = FeaturePlan::compile(&["obi_5", "spread_ticks"], PlanOptions::default());
        let plan = plan.unwrap();
        assert_eq!(plan.schema_json(), r#"["obi_5","spread_ticks"]"#);
        // printf '%s' '["obi_5","spread_ticks"]' | sha256sum
        assert_eq!(
            hex(&plan.schema()),
            "bcf127d18bbce3040ab689b9f203b8c8583fae18832a79e753bd389a98db034f"
        );
        let turned = FeaturePlan::compile(&["spread_ticks", "obi_5"], PlanOptions::default());
        assert_ne!(turned.unwrap().schema(), plan.schema());
    }

    #[test]
    fn depth_and_tick_are_what_the_features_need() {
        for (name, depth, tick) in [
            ("obi_7", 7, false),
            ("bid_depth_10", 11, true),
            ("ofi_sum_4@1s", 4, false),
            ("ask_qty_9_z@60s", 9, false),
            ("trade_count@1s", 1, false),
            ("kyle_lambda@60s", 1, true),
            ("ema_mid_offset_ticks@1s", 1, true),
            ("bid_price_3_offset_ticks", 3, true),
        ] {
            let plan = FeaturePlan::compile(&[name], PlanOptions::default()).unwrap();
            assert_eq!((plan.depth(), plan.needs_tick()), (depth, tick), "{name}");
        }
    }

    #[test]
    fn the_default_set_compiles() {
        let plan = FeaturePlan::compile(default_features(), PlanOptions::default()).unwrap();
        assert_eq!((plan.count(), plan.depth()), (32, 11));
    }

    #[test]
    fn plans_are_refused() {
        let options = PlanOptions::default;
        let none: [&str; 0] = [];
        let refused = |names: &[&str], options| FeaturePlan::compile(names, options).unwrap_err();
        assert_eq!(refused(&none, options()).to_string(), "a plan needs at least one feature");
        assert_eq!(
            refused(&["obi_1", "obi_2", "obi_1"], options()).to_string(),
            "feature `obi_1` is named twice, at positions 0 and 2"
        );
        assert_eq!(
            refused(&["obi_1"; 129], options()).to_string(),
            "129 features, and a frame holds at most 128"
        );
        assert_eq!(
            refused(&["vpin"], options()).to_string(),
            "feature `vpin`: it needs a bucket volume in the plan's options; nearest known: `vpin`"
        );
        for window_capacity in [0, 63, 100, 1 << 21] {
            let error = refused(&["obi_1"], PlanOptions { window_capacity, ..options() });
            assert_eq!(error, FeatureError::WindowCapacity { capacity: window_capacity });
        }
        let zero = Decimal::parse(b"0").unwrap();
        let vpin = Some(VpinOptions { bucket: zero, buckets: 50 });
        let error = refused(&["obi_1"], PlanOptions { vpin, ..options() });
        assert!(matches!(error, FeatureError::Vpin { .. }));
    }
}
