//! The ladder of tiers: which models score, by when, and what answers when they do not.

use crate::{
    books::hex,
    config::Config,
    model::prove::{OverBudget, Proven, Terms, prove},
    replay, report,
};
use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tickhawk_engine::{BreakerOptions, DecisionStage, Haste, Isolated, Scorer, TierOptions};
use tickhawk_feature::FeaturePlan;
use tickhawk_inference::{Model, ModelFile, RuntimeOptions, WorkerCommand, WorkerOptions};
use tickhawk_latency::Clock;
use tickhawk_market::Decimal;
use tickhawk_signal::{ModelId, Policy, Tier};

/// The model that answers when the primary does not, as typed.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct FallbackSection {
    /// The ONNX file; relative to the config's folder.
    pub path: Option<PathBuf>,
    /// What it runs on: `auto`, `native` or `onnxruntime`.
    engine: Option<String>,
    /// How long one of its answers may take.
    budget_us: Option<f64>,
    /// Repeat its score while no feature moved further than this.
    epsilon: Option<f32>,
    /// Its own threshold to take a decision.
    enter: Option<f32>,
    /// Its own threshold to leave one.
    exit: Option<f32>,
}

/// The threshold that answers when no model does, as typed.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSection {
    /// The feature that is its score.
    feature: Option<String>,
    /// Value at which a decision is taken.
    enter: Option<f32>,
    /// Value below which it is left.
    exit: Option<f32>,
}

/// When a tier is left alone, as typed.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BreakerSection {
    /// Failures in a row that open it.
    failures: Option<u32>,
    /// Late answers of the last 64 that it bears.
    late_of_64: Option<u32>,
    /// How long it stays open.
    pause_ms: Option<u64>,
    /// Good answers in a row that close it.
    probes: Option<u32>,
}

/// How models are run, as typed.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct InferenceSection {
    /// How long one answer of the primary may take.
    budget_us: Option<f64>,
    /// Repeat the primary's score while no feature moved further than this.
    epsilon: Option<f32>,
    /// Frames taken off the ring together, live.
    max_batch: Option<usize>,
    /// Where the primary runs, live: `thread` or `process`.
    isolation: Option<String>,
    /// Processes that share the instruments out among them.
    workers: Option<usize>,
}

/// What the config says of tiers.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct LadderSections {
    /// How models are run.
    #[serde(default)]
    pub inference: InferenceSection,
    /// The second model.
    #[serde(default)]
    pub fallback: FallbackSection,
    /// The last resort.
    #[serde(default)]
    pub rule: RuleSection,
    /// When a tier is left alone.
    #[serde(default)]
    pub breaker: BreakerSection,
}

/// Frames taken together at most: what a ring of 1,024 fills with while a slow model answers once.
const MAX_BATCH_LIMIT: usize = 64;

/// The tiers of a run, loaded and proven, and the features of its frames.
pub struct Ladder {
    tiers: Vec<TierOptions>,
    /// The primary's features, then what other tiers need besides.
    pub plan: FeaturePlan,
    /// The tick the primary's contract names.
    pub tick_size: Option<Decimal>,
    /// What signals call the models.
    pub names: ModelNames,
}

impl Ladder {
    /// Loads what the config names, to run in this process.
    pub fn load(config: &Config) -> Result<Self> {
        let in_thread = |model| Ok(Scorer::Model(Box::new(model)));
        Self::load_as(config, replay::load_model(config)?, in_thread)
    }

    /// As [`Ladder::load`], with one feature more in the frames, if no tier has it. It alters nothing
    /// of what tiers are given, nor of what they wait for.
    pub fn load_beside(config: &Config, feature: &str) -> Result<Self> {
        let mut ladder = Self::load(config)?;
        if !ladder.plan.names().iter().any(|name| name == feature) {
            let names = [ladder.plan.names(), &[feature.to_owned()]].concat();
            ladder.plan = FeaturePlan::compile(&names, config.plan.clone())?;
        }
        Ok(ladder)
    }

    /// As [`Ladder::load`]; of several models the first that is fast enough is the primary, and it
    /// runs in processes of its own if the config says so.
    pub fn load_live(config: &Config) -> Result<Self> {
        Self::load_as(config, fast_enough(config)?, |model| config.ladder.inference.scorer(model))
    }

    fn load_as(
        config: &Config,
        primary: Model,
        scorer: impl FnOnce(Model) -> Result<Scorer>,
    ) -> Result<Self> {
        if let Some(names) = &config.features {
            primary.check_features(names)?;
        }
        let LadderSections { inference, fallback, rule, .. } = &config.ladder;
        let breaker = breaker(&config.ladder.breaker)?;
        let tick_size = primary.contract().tick_size();
        let names = ModelNames::default();
        names.add(ModelId::first_of(Tier::Primary), ModelName::of(&primary));
        let primary = scorer(primary)?;
        let mut tiers = vec![TierOptions {
            budget_ns: budget_ns("inference.budget_us", inference.budget_us)?,
            epsilon: epsilon("inference.epsilon", inference.epsilon)?,
            ..TierOptions::new(primary, config.policy)
        }];
        if let Some(path) = &fallback.path {
            let path = &config.folder.join(path);
            let engine = fallback.engine.as_deref();
            let engine = engine.map(|word| crate::config::engine("fallback.engine", word));
            let engine = engine.transpose()?.unwrap_or(config.engine);
            let options = RuntimeOptions { engine, ..RuntimeOptions::default() };
            let model = Model::load(path, &options).context("the fallback")?;
            names.add(ModelId::first_of(Tier::Fallback), ModelName::of(&model));
            let policy = policy("fallback", fallback.enter, fallback.exit, config.thresholds)?;
            tiers.push(TierOptions {
                budget_ns: budget_ns("fallback.budget_us", fallback.budget_us)?,
                epsilon: epsilon("fallback.epsilon", fallback.epsilon)?,
                ..TierOptions::new(Scorer::Model(Box::new(model)), policy)
            });
        }
        if let Some(feature) = &rule.feature {
            let policy = policy("rule", rule.enter, rule.exit, config.thresholds)?;
            names.add(ModelId::first_of(Tier::Rule), ModelName::of_rule(feature, config)?);
            tiers.push(TierOptions::new(Scorer::Rule(feature.clone()), policy));
        }
        tiers.iter_mut().for_each(|tier| tier.breaker = breaker);
        let plan = FeaturePlan::compile(&plan_names(&tiers), config.plan.clone())?;
        Ok(Self { tiers, plan, tick_size, names })
    }

    /// The second step of a run.
    pub fn stage(self, haste: Haste, clock: Clock) -> Result<DecisionStage> {
        Ok(DecisionStage::tiered(self.tiers, self.plan.names(), haste, clock)?)
    }

    /// Each tier in a few words, for the first line of a run.
    pub fn describe(&self) -> String {
        let words = self.tiers.iter().map(|tier| match &tier.scorer {
            Scorer::Model(model) => {
                format!("model {}", report::model_text(model))
            }
            Scorer::Isolated(isolated) => {
                let (model, count) = (isolated.model(), isolated.counts().count());
                let word = if count == 1 { "process" } else { "processes" };
                format!("model {} in {count} {word}", report::model_text(model))
            }
            Scorer::Rule(feature) => format!("rule {feature}"),
        });
        words.collect::<Vec<_>>().join(", then ")
    }

    /// How long one answer of the primary may take, in nanoseconds.
    pub fn budget_ns(&self) -> Option<u64> {
        self.tiers[0].budget_ns
    }

    /// Its models with the rung they stand on.
    pub fn models(&self) -> impl Iterator<Item = (Tier, &Model)> {
        let models = self.tiers.iter().filter_map(|tier| tier.scorer.model());
        [Tier::Primary, Tier::Fallback].into_iter().zip(models)
    }
}

/// The model that the config names or, of several, the first whose p99 here is within the budget.
fn fast_enough(config: &Config) -> Result<Model> {
    if config.models.is_empty() {
        return replay::load_model(config);
    }
    let budget_ns = budget_ns("inference.budget_us", config.ladder.inference.budget_us)?;
    ensure!(
        budget_ns.is_some(),
        "config `model.paths` is a choice, and `inference.budget_us` does not say by what"
    );
    let options = RuntimeOptions { engine: config.engine, ..RuntimeOptions::default() };
    let terms = Terms { incumbent: None, budget_ns, options };
    for path in &config.models {
        match prove(&ModelFile::read(path)?, &terms) {
            Ok(Proven { model, .. }) => return Ok(model),
            Err(error) if error.is::<OverBudget>() => eprintln!("not taken: {error}"),
            Err(error) => return Err(error),
        }
    }
    bail!("none of the models in config `model.paths` is within `inference.budget_us`")
}

/// Processes at most: each spins on a core while frames come.
const WORKERS_MAX: usize = 64;

impl InferenceSection {
    /// The model where the section says: in this process, or in such of its own, which are started.
    pub fn scorer(&self, model: Model) -> Result<Scorer> {
        match self.isolation.as_deref().unwrap_or("thread") {
            "thread" => Ok(Scorer::Model(Box::new(model))),
            "process" => self.isolate(model),
            word => bail!("config `inference.isolation` is `{word}`: wanted thread or process"),
        }
    }

    fn isolate(&self, model: Model) -> Result<Scorer> {
        let count = self.workers.unwrap_or(1);
        ensure!(
            (1..=WORKERS_MAX).contains(&count),
            "config `inference.workers` is {count}: wanted 1 to {WORKERS_MAX}"
        );
        ensure!(
            self.budget_us.is_some(),
            "config `inference.isolation` is `process`, and `inference.budget_us` does not say how \
             long its answers may take"
        );
        let program = std::env::current_exe().context("finding the program for its workers")?;
        let engine = model.engine_kind().to_string();
        let args = ["worker", "--engine", &engine, "--model"].map(OsString::from);
        let args = args.into_iter().chain([model.path().into()]).collect();
        let command = WorkerCommand { program, args };
        let isolated = Isolated::start(model, count, &command, &WorkerOptions::default())?;
        Ok(Scorer::Isolated(Box::new(isolated)))
    }
}

impl LadderSections {
    /// Frames taken off the ring together.
    pub fn max_batch(&self) -> Result<usize> {
        let max_batch = self.inference.max_batch.unwrap_or(1);
        ensure!(
            (1..=MAX_BATCH_LIMIT).contains(&max_batch),
            "config `inference.max_batch` is {max_batch}: wanted 1 to {MAX_BATCH_LIMIT}"
        );
        Ok(max_batch)
    }
}

/// The primary's features, then those of others that it has not.
fn plan_names(tiers: &[TierOptions]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in tiers.iter().flat_map(|tier| tier.scorer.features()) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

/// Thresholds of a section, the usual ones where it does not say.
pub fn policy(
    section: &str,
    enter: Option<f32>,
    exit: Option<f32>,
    (usual_enter, usual_exit): (f32, f32),
) -> Result<Policy> {
    let (enter, exit) = (enter.unwrap_or(usual_enter), exit.unwrap_or(usual_exit));
    Policy::new(enter, exit).with_context(|| format!("config `{section}`"))
}

/// A budget as typed, in nanoseconds.
pub fn budget_ns(key: &str, budget_us: Option<f64>) -> Result<Option<u64>> {
    let Some(us) = budget_us else { return Ok(None) };
    ensure!(
        us > 0.0 && us <= 1e9,
        "config `{key}` is {us}: wanted microseconds above 0, up to 1000 seconds"
    );
    Ok(Some((us * 1e3).round() as u64))
}

fn epsilon(key: &str, epsilon: Option<f32>) -> Result<Option<f32>> {
    let fine = epsilon.is_none_or(|epsilon| epsilon >= 0.0 && epsilon.is_finite());
    ensure!(fine, "config `{key}`: wanted a finite number, 0 or more");
    Ok(epsilon)
}

fn breaker(section: &BreakerSection) -> Result<BreakerOptions> {
    let usual = BreakerOptions::default();
    let options = BreakerOptions {
        failures_max: section.failures.unwrap_or(usual.failures_max),
        late_max: section.late_of_64.unwrap_or(usual.late_max),
        pause_ns: section.pause_ms.map_or(usual.pause_ns, |ms| ms.saturating_mul(1_000_000)),
        probes: section.probes.unwrap_or(usual.probes),
    };
    ensure!(options.failures_max > 0, "config `breaker.failures` is 0: wanted 1 or more");
    ensure!(options.late_max <= 64, "config `breaker.late_of_64`: wanted 0 to 64");
    ensure!(options.probes > 0, "config `breaker.probes` is 0: wanted 1 or more");
    Ok(options)
}

/// What signals say of who answered.
#[derive(Clone, Debug)]
pub struct ModelName {
    /// The model's name; a rule's is its feature.
    pub name: String,
    /// Its version; a rule's is `rule`.
    pub version: String,
    /// SHA-256 of its feature list.
    pub schema: String,
}

impl ModelName {
    /// Of a model.
    pub fn of(model: &Model) -> Self {
        Self {
            name: model.name().to_owned(),
            version: model.version().to_owned(),
            schema: model.contract().schema().to_owned(),
        }
    }

    fn of_rule(feature: &str, config: &Config) -> Result<Self> {
        let plan = FeaturePlan::compile(&[feature], config.plan.clone())
            .context("config `rule.feature`")?;
        let schema = hex(&plan.schema());
        Ok(Self { name: feature.to_owned(), version: "rule".to_owned(), schema })
    }
}

/// The names of a run's models by number; models that are swapped in are added while it goes on.
#[derive(Clone, Debug, Default)]
pub struct ModelNames(Arc<Mutex<BTreeMap<ModelId, ModelName>>>);

impl ModelNames {
    /// To be called before any signal of the model can be heard.
    pub fn add(&self, id: ModelId, name: ModelName) {
        self.lock().insert(id, name);
    }

    /// For a look at some.
    pub fn lock(&self) -> MutexGuard<'_, BTreeMap<ModelId, ModelName>> {
        // Names are only ever added whole: a panic elsewhere leaves them as they were.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The files of a run's models beside its recording: the one it started with, the fallback, and
/// those swapped in.
pub fn model_file(run: &str, id: ModelId) -> PathBuf {
    match id.0 {
        0 => format!("{run}.onnx"),
        number => format!("{run}.model-{number}.onnx"),
    }
    .into()
}

/// The sections in the config of a run's record: its own copy of the fallback, and what ran it.
pub fn recorded(sections: &LadderSections, run: &str, engine: Option<String>) -> LadderSections {
    let mut sections = sections.clone();
    let fallback = &mut sections.fallback;
    let file = |_: PathBuf| model_file(run, ModelId::first_of(Tier::Fallback));
    fallback.path = fallback.path.take().map(file);
    fallback.engine = engine;
    sections
}
