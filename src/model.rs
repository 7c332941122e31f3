//! `tickhawk model`: contracts stamped and checked, models measured and put to use.

mod bench;
mod inspect;
pub mod prove;
mod versions;

use crate::{
    Outcome,
    cli::model::{ModelArgs, ModelCheckArgs, ModelCommand, StampArgs},
    report::{self, tick_text},
};
use anyhow::{Context, Result};
use serde::Serialize;
use std::{
    fs,
    io::{self, Write},
};
use tickhawk_inference::{
    Contract, Golden, InferenceError, Memory, Model, ModelFile, NativeModel, OrtModel, Output,
    RuntimeOptions, Signature, State, StoreError,
};

/// Rows of a golden table that is made up.
const GOLDEN_ROWS: usize = 8;

/// Runs the command.
pub fn run(args: ModelArgs) -> Result<Outcome> {
    match args.command {
        ModelCommand::Stamp(args) => stamp(&args),
        ModelCommand::Check(args) => check(&args),
        ModelCommand::Inspect(args) => inspect::run(&args),
        ModelCommand::Bench(args) => bench::run(&args),
        ModelCommand::Promote(args) => versions::promote(&args),
        ModelCommand::Rollback(args) => versions::roll_back(&args),
        ModelCommand::List(args) => versions::list(&args),
    }
}

fn stamp(args: &StampArgs) -> Result<Outcome> {
    let file = ModelFile::read(&args.model)?;
    let signature = Signature::with_states(&file, &args.state)?;
    let mut model = Stamped::load(&file, &signature)?;
    let inputs = match &args.golden_inputs {
        None => seeded_rows(signature.shape.values()),
        Some(path) => {
            let name = || format!("golden inputs `{}`", path.display());
            let text = fs::read_to_string(path).with_context(name)?;
            sonic_rs::from_str::<Vec<Vec<f32>>>(&text).with_context(name)?
        }
    };
    let mut memory = model.memory();
    let outputs: Result<Vec<_>, InferenceError> =
        inputs.iter().map(|row| model.run(row, &mut memory).map(Output::numbers)).collect();
    let golden = Golden { inputs, outputs: outputs.context("running the golden inputs")? };
    let features = args.features.iter().map(|name| name.trim().to_owned()).collect();
    let label = args.label.clone();
    let contract = Contract::new(features, label, args.horizon_ms, args.tick_size, golden)
        .and_then(|contract| contract.with_states(args.state.clone()))
        .map_err(|refusal| refusal.of(&args.model))?;
    let bytes = tickhawk_inference::stamp(&file, &contract)?;
    fs::write(&args.out, bytes).with_context(|| format!("writing `{}`", args.out.display()))?;
    eprintln!("`{}` expects schema {}", args.out.display(), contract.schema());
    Ok(Outcome::Done)
}

/// What fills a golden table: ONNX Runtime, since its word is what the native engine is held
/// against; the native engine where there is no runtime, or a model it does not run.
enum Stamped {
    Runtime(OrtModel),
    Native(NativeModel),
}

impl Stamped {
    fn load(file: &ModelFile, signature: &Signature) -> Result<Self, InferenceError> {
        let runtime = OrtModel::with_signature(file, signature, &RuntimeOptions::default());
        runtime.map(Self::Runtime).or_else(|error| {
            let native = NativeModel::with_signature(file, signature);
            native.map(Self::Native).map_err(|_| error)
        })
    }

    /// What a model with state keeps between rows, and how many of them are new each time: all,
    /// since the rows of others have nothing to do with each other.
    fn memory(&self) -> (Memory, usize) {
        match self {
            Self::Runtime(model) => (model.memory(), model.shape().steps),
            Self::Native(model) => (model.memory(), model.shape().steps),
        }
    }

    fn run(
        &mut self,
        row: &[f32],
        (memory, new_rows): &mut (Memory, usize),
    ) -> Result<Output, InferenceError> {
        match self {
            Self::Runtime(model) => model.run_with(memory, row, *new_rows),
            Self::Native(model) => model.run_with(memory, row, *new_rows),
        }
    }
}

/// Numbers around zero from a linear congruential generator: any inputs prove the graph.
fn seeded_rows(len: usize) -> Vec<Vec<f32>> {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f32::from((state >> 16) as u16) / 32_768.0 - 1.0
    };
    (0..GOLDEN_ROWS).map(|_| (0..len).map(|_| next()).collect()).collect()
}

/// What a model says of itself.
#[derive(Serialize)]
pub struct ModelCard {
    name: String,
    version: String,
    engine: String,
    engine_reason: Option<String>,
    sha256: String,
    schema: String,
    label: String,
    horizon_ms: u64,
    tick_size: Option<String>,
    steps: usize,
    states: Vec<State>,
    features: Vec<String>,
    golden_rows: usize,
}

impl ModelCard {
    /// Of a model that was loaded, and so kept its contract and golden table.
    pub fn new(model: &Model) -> Self {
        let contract = model.contract();
        Self {
            name: model.name().to_owned(),
            version: model.version().to_owned(),
            engine: model.engine().to_owned(),
            engine_reason: model.engine_reason().map(ToOwned::to_owned),
            sha256: model.sha256().to_owned(),
            schema: contract.schema().to_owned(),
            label: contract.label().to_owned(),
            horizon_ms: contract.horizon_ms(),
            tick_size: contract.tick_size().map(tick_text),
            steps: model.shape().steps,
            states: contract.states().to_vec(),
            features: contract.features().to_vec(),
            golden_rows: contract.golden().inputs.len(),
        }
    }

    /// As text for people.
    pub fn print(&self, out: &mut (impl Write + ?Sized)) -> io::Result<()> {
        writeln!(out, "model      {} {} on {}", self.name, self.version, self.engine)?;
        if let Some(reason) = &self.engine_reason {
            writeln!(out, "not native {reason}")?;
        }
        writeln!(out, "sha256     {}", self.sha256)?;
        writeln!(out, "schema     {}", self.schema)?;
        writeln!(out, "label      {} in {} ms", self.label, self.horizon_ms)?;
        writeln!(out, "tick size  {}", self.tick_size.as_deref().unwrap_or("any"))?;
        writeln!(out, "input      {} x {} features", self.steps, self.features.len())?;
        for name in &self.features {
            writeln!(out, "             {name}")?;
        }
        for State { output, input } in &self.states {
            writeln!(out, "state      {output} to {input}")?;
        }
        writeln!(out, "golden     {} rows, as promised", self.golden_rows)
    }
}

fn check(args: &ModelCheckArgs) -> Result<Outcome> {
    let engine = args.engine.engine.unwrap_or_default();
    let options = RuntimeOptions { engine, ..RuntimeOptions::default() };
    let model = match Model::load(&args.model, &options) {
        Ok(model) => model,
        Err(error) => return refused(error.into()),
    };
    let card = ModelCard::new(&model);
    say(&card, args.json, |out| card.print(out))
}

/// On stdout as one JSON object, or for people.
fn say(
    row: &impl Serialize,
    json: bool,
    print: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<Outcome> {
    let mut out = report::stdout();
    match json {
        true => writeln!(out, "{}", sonic_rs::to_string(row)?)?,
        false => print(&mut out)?,
    }
    out.flush()?;
    Ok(Outcome::Done)
}

/// A check that failed, where the model is to blame; an error where it could not be tried.
fn refused(error: anyhow::Error) -> Result<Outcome> {
    let says_the_model = match error.downcast_ref() {
        Some(InferenceError::Read { .. } | InferenceError::Library(_)) => false,
        Some(_) => true,
        None => {
            error.is::<prove::OverBudget>()
                || error.is::<tickhawk_feature::FeatureError>()
                || matches!(error.downcast_ref(), Some(StoreError::Taken { .. }))
        }
    };
    if !says_the_model {
        return Err(error);
    }
    eprintln!("error: {}", report::causes(&error));
    Ok(Outcome::CheckFailed)
}
