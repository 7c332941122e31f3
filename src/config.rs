//! The config: what was typed, and what is true.

mod origin;

pub use origin::Origin;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};
use tickhawk_book::BookLimits;
use tickhawk_engine::MarketOptions;
use tickhawk_feature::{IMBALANCE_BUCKETS, Microprice, PlanOptions, SPREADS, VpinOptions};
use tickhawk_inference::Engine;
use tickhawk_market::Decimal;
use tickhawk_signal::{ModelId, Policy, Tier};
use tickhawk_venue::Venue;

use crate::{
    challenger::ChallengerSection,
    cli::{ConfigArgs, ScoringArgs},
    ladder::{
        self, BreakerSection, FallbackSection, InferenceSection, LadderSections, RuleSection,
    },
    lanes::LaneSection,
    report::tick_text,
    tuning::{Tuning, TuningSection},
    watch::{self, Followed},
};

/// The config file as typed. `config.example.toml` shows every key with its default.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    #[serde(default)]
    model: ModelSection,
    #[serde(default)]
    features: FeatureSection,
    #[serde(default)]
    policy: PolicySection,
    #[serde(default)]
    book: BookSection,
    /// By the venue's own symbol.
    #[serde(default)]
    instruments: BTreeMap<String, InstrumentSection>,
    #[serde(default)]
    inference: InferenceSection,
    /// Who answers when the model does not.
    #[serde(default)]
    fallback: FallbackSection,
    #[serde(default)]
    rule: RuleSection,
    #[serde(default)]
    breaker: BreakerSection,
    /// Who scores beside the model.
    #[serde(default)]
    challenger: ChallengerSection,
    /// What is asked of the host.
    #[serde(default)]
    tuning: TuningSection,
    /// What `live` and `record` serve.
    #[serde(default)]
    lanes: Vec<LaneSection>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct ModelSection {
    /// The ONNX file; relative to the config's folder.
    path: Option<PathBuf>,
    /// What it runs on: `auto`, `native` or `onnxruntime`.
    engine: Option<String>,
    /// In its place several, the most accurate first: `live` takes the first that is fast enough.
    #[serde(default)]
    paths: Vec<PathBuf>,
    /// In its place, a model of a models folder, whose version in use `live` follows.
    watch: Option<PathBuf>,
    /// How often the folder is looked at.
    watch_interval_ms: Option<u64>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct FeatureSection {
    /// The plan, by name; the model's own list where there is a model.
    names: Option<Vec<String>>,
    /// Events a time window holds at most.
    window_capacity_events: Option<usize>,
    /// Stoikov's micro-price adjustments in ticks, a row per spread of 1 to 4 ticks, a column per
    /// tenth of imbalance.
    microprice_ticks: Option<Vec<Vec<f64>>>,
    /// Base units a volume bucket of `vpin` holds, as text: `"50"`.
    vpin_bucket_qty: Option<String>,
    /// Buckets `vpin` averages over.
    vpin_buckets: Option<u32>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct PolicySection {
    /// Score at which a decision is taken.
    enter: Option<f32>,
    /// Score below which it is left.
    exit: Option<f32>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct BookSection {
    /// Levels a side at most.
    levels_per_side: Option<usize>,
    /// Book messages in a row a book may stay crossed; the venue's own number without it.
    crossed_messages: Option<u32>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct InstrumentSection {
    /// One price step, as text: `"0.10"`.
    tick_size: Option<String>,
}

/// The config with every relation checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// The model, if one is named.
    pub model: Option<PathBuf>,
    /// If there is a choice of them: it and the others, the most accurate first.
    pub models: Vec<PathBuf>,
    /// In its place, a model of a models folder.
    pub watch: Option<Followed>,
    /// How often such a folder is looked at.
    watch_interval: Duration,
    /// Who named it.
    pub model_origin: Origin,
    /// What the model runs on.
    pub engine: Engine,
    /// Who said so.
    pub engine_origin: Origin,
    /// The feature plan, if one is named.
    pub features: Option<Vec<String>>,
    /// What the plan is compiled with.
    pub plan: PlanOptions,
    /// Thresholds.
    pub policy: Policy,
    /// As typed, for reports: enter, exit.
    pub thresholds: (f32, f32),
    /// Who named them: enter, exit.
    pub policy_origins: (Origin, Origin),
    /// How large books may grow.
    pub book_limits: BookLimits,
    /// Who said how large.
    pub book_origin: Origin,
    /// How long books may stay crossed.
    pub crossed_messages: Option<u32>,
    /// Who said how long.
    pub crossed_origin: Origin,
    /// Who said how many events windows hold.
    pub window_origin: Origin,
    /// How models are run, and who answers when the first does not.
    pub ladder: LadderSections,
    /// Who scores beside them.
    pub challenger: ChallengerSection,
    /// What is asked of the host.
    pub tuning: Tuning,
    /// Where the config file is: paths in it are relative to this.
    pub folder: PathBuf,
    /// Ticks by symbol.
    pub tick_sizes: Vec<(String, Decimal)>,
    /// The tick of all others.
    pub tick_size: Option<Decimal>,
    /// The lanes, as typed.
    pub lanes: Vec<LaneSection>,
    /// The features section, as typed.
    feature_section: FeatureSection,
}

/// Thresholds without a config: a decision is taken when the probabilities of up and down differ
/// by 0.2, and left when they differ by less than 0.05.
const DEFAULT_THRESHOLDS: (f32, f32) = (0.2, 0.05);

impl Config {
    /// Defaults, then the file, then the flags.
    pub fn resolve(args: &ConfigArgs, scoring: &ScoringArgs) -> Result<Self> {
        let (file, folder) = match &args.config {
            None => (ConfigFile::default(), PathBuf::new()),
            Some(path) => {
                let folder = path.parent().unwrap_or(Path::new("")).to_owned();
                (read(path)?, folder)
            }
        };
        let said_in = |said: bool| if said { Origin::File } else { Origin::Default };
        let thresholds = (
            file.policy.enter.unwrap_or(DEFAULT_THRESHOLDS.0),
            file.policy.exit.unwrap_or(DEFAULT_THRESHOLDS.1),
        );
        let levels_per_side = file.book.levels_per_side;
        if levels_per_side == Some(0) {
            bail!("config `book.levels_per_side` is 0: a book needs room for a level a side");
        }
        if file.book.crossed_messages == Some(0) {
            bail!("config `book.crossed_messages` is 0: 1 is the strictest");
        }
        let ModelSection { path, paths, watch, watch_interval_ms, engine: said } = &file.model;
        if [path.is_some(), !paths.is_empty(), watch.is_some()]
            .map(usize::from)
            .iter()
            .sum::<usize>()
            > 1
        {
            bail!("config `model`: wanted one of path, paths and watch, and found more");
        }
        let mut models: Vec<_> = paths.iter().map(|path| folder.join(path)).collect();
        let path = path.as_ref().map(|path| folder.join(path));
        let model_path = path.or_else(|| models.first().cloned());
        let watch_interval = watch::interval(*watch_interval_ms)?;
        let watch = watch.as_ref().filter(|_| scoring.model.is_none());
        let watch = watch.map(|path| Followed::new(&folder.join(path), watch_interval));
        let said = said.as_deref().map(|word| engine("model.engine", word));
        let engine = said.transpose()?;
        let origin = |flag: bool, file: bool| if flag { Origin::Flag } else { said_in(file) };
        let is_named = model_path.is_some() || watch.is_some();
        if scoring.model.is_some() {
            models.clear();
        }
        Ok(Self {
            model_origin: origin(scoring.model.is_some(), is_named),
            model: scoring.model.clone().or(model_path),
            models,
            watch: watch.transpose()?,
            watch_interval,
            engine_origin: origin(scoring.engine.engine.is_some(), engine.is_some()),
            engine: scoring.engine.engine.or(engine).unwrap_or_default(),
            plan: plan_options(&file.features)?,
            feature_section: file.features.clone(),
            features: file.features.names,
            policy: Policy::new(thresholds.0, thresholds.1).context("config `policy`")?,
            thresholds,
            policy_origins: (
                said_in(file.policy.enter.is_some()),
                said_in(file.policy.exit.is_some()),
            ),
            book_limits: levels_per_side
                .map_or(BookLimits::default(), |levels_per_side| BookLimits { levels_per_side }),
            book_origin: said_in(levels_per_side.is_some()),
            crossed_messages: file.book.crossed_messages,
            crossed_origin: said_in(file.book.crossed_messages.is_some()),
            window_origin: said_in(file.features.window_capacity_events.is_some()),
            tick_sizes: tick_sizes(&file.instruments)?,
            tick_size: args.tick_size,
            lanes: file.lanes,
            ladder: LadderSections {
                inference: file.inference,
                fallback: file.fallback,
                rule: file.rule,
                breaker: file.breaker,
            },
            challenger: file.challenger,
            tuning: Tuning::resolve(&file.tuning)?,
            folder,
        })
    }

    /// Takes the model of a models folder, named by a flag.
    pub fn follow(&mut self, path: &Path) -> Result<()> {
        self.watch = Some(Followed::new(path, self.watch_interval)?);
        self.models.clear();
        self.model_origin = Origin::Flag;
        Ok(())
    }

    /// A config file that resolves to this config, with the models of that run's record, the engines
    /// that run them, and that one lane.
    pub fn to_toml(
        &self,
        run: &str,
        models: &[(Tier, Engine)],
        lane: LaneSection,
    ) -> Result<String> {
        let tick_size = |tick: &Decimal| Some(tick_text(*tick));
        let instruments = self.tick_sizes.iter().map(|(symbol, tick)| {
            (symbol.clone(), InstrumentSection { tick_size: tick_size(tick) })
        });
        let primary = ladder::model_file(run, ModelId::first_of(Tier::Primary));
        let engine = |tier: Tier| {
            let found = models.iter().find(|(stands, _)| *stands == tier);
            found.map(|(_, engine)| engine.to_string())
        };
        let LadderSections { inference, fallback, rule, breaker } =
            ladder::recorded(&self.ladder, run, engine(Tier::Fallback));
        let file = ConfigFile {
            model: ModelSection {
                path: Some(primary),
                engine: engine(Tier::Primary),
                ..Default::default()
            },
            inference,
            fallback,
            rule,
            breaker,
            // These two leave no trace in what is recorded.
            challenger: ChallengerSection::default(),
            tuning: TuningSection::default(),
            features: self.feature_section.clone(),
            policy: PolicySection { enter: Some(self.thresholds.0), exit: Some(self.thresholds.1) },
            book: BookSection {
                levels_per_side: Some(self.book_limits.levels_per_side),
                crossed_messages: self.crossed_messages,
            },
            instruments: instruments.collect(),
            lanes: vec![lane],
        };
        toml::to_string(&file).context("writing the run's config")
    }

    /// What the market stage is built from.
    pub fn market_options(
        &self,
        venue: Venue,
        symbols: Option<Vec<String>>,
        contract_tick_size: Option<Decimal>,
    ) -> MarketOptions {
        MarketOptions {
            symbols,
            tick_sizes: self.tick_sizes.clone(),
            tick_size: self.tick_size,
            contract_tick_size,
            book_limits: self.book_limits,
            crossed_messages_limit: self.crossed_messages,
            ..MarketOptions::new(venue)
        }
    }
}

fn read(path: &Path) -> Result<ConfigFile> {
    let text =
        fs::read_to_string(path).with_context(|| format!("reading config `{}`", path.display()))?;
    toml::from_str(&text).with_context(|| format!("in config `{}`", path.display()))
}

/// An engine from its word; `key` is where it stands in the config.
pub fn engine(key: &str, word: &str) -> Result<Engine> {
    let wanted = || format!("config `{key}` is `{word}`: wanted auto, native or onnxruntime");
    Engine::parse(word).with_context(wanted)
}

fn tick_sizes(instruments: &BTreeMap<String, InstrumentSection>) -> Result<Vec<(String, Decimal)>> {
    let named = instruments
        .iter()
        .filter_map(|(symbol, section)| Some((symbol, section.tick_size.as_ref()?)));
    named
        .map(|(symbol, text)| {
            Ok((symbol.clone(), tick(&format!("instruments.{symbol}.tick_size"), text)?))
        })
        .collect()
}

/// A tick from its text; `key` is where it stands in the config.
pub fn tick(key: &str, text: &str) -> Result<Decimal> {
    match Decimal::parse(text.as_bytes()) {
        Ok(size) if size.mantissa > 0 => Ok(size),
        _ => bail!("config `{key}` is `{text}`: wanted a number above zero"),
    }
}

fn plan_options(section: &FeatureSection) -> Result<PlanOptions> {
    let mut options = PlanOptions::default();
    if let Some(capacity) = section.window_capacity_events {
        options.window_capacity = capacity;
    }
    if let Some(rows) = &section.microprice_ticks {
        options.microprice = Some(microprice(rows)?);
    }
    options.vpin = match (&section.vpin_bucket_qty, section.vpin_buckets) {
        (None, None) => None,
        (Some(text), Some(buckets)) => {
            let bucket = Decimal::parse(text.as_bytes())
                .with_context(|| format!("config `features.vpin_bucket_qty` is `{text}`"))?;
            Some(VpinOptions { bucket, buckets })
        }
        _ => bail!("config `features`: vpin_bucket_qty and vpin_buckets go together"),
    };
    Ok(options)
}

/// Spreads of 1 to 4 ticks, tenths of imbalance.
fn microprice(rows: &[Vec<f64>]) -> Result<Microprice> {
    let wanted = || {
        format!(
            "config `features.microprice_ticks`: wanted {SPREADS} rows of {IMBALANCE_BUCKETS} \
             finite numbers"
        )
    };
    let mut table = [[None; IMBALANCE_BUCKETS]; SPREADS];
    anyhow::ensure!(rows.len() == SPREADS, wanted());
    for (row, numbers) in table.iter_mut().zip(rows) {
        anyhow::ensure!(numbers.len() == IMBALANCE_BUCKETS, wanted());
        for (cell, number) in row.iter_mut().zip(numbers) {
            anyhow::ensure!(number.is_finite(), wanted());
            *cell = Some(*number);
        }
    }
    Ok(Microprice::from_table(table))
}
