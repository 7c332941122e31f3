//! `tickhawk model inspect`: what is in a model file, without running it.

use super::{refused, say};
use crate::{Outcome, cli::model::InspectModelArgs, report::tick_text};
use anyhow::Result;
use serde::Serialize;
use std::io::{self, Write};
use tickhawk_inference::{Contract, InferenceError, ModelFile, NativeModel, Signature};

/// What the file says of itself.
#[derive(Serialize)]
struct Inspected {
    path: String,
    sha256: String,
    file_bytes: usize,
    opsets: Vec<String>,
    operators: Vec<String>,
    inputs: Vec<String>,
    outputs: Vec<String>,
    steps: Option<usize>,
    not_native: Option<String>,
    contract: Option<ContractRow>,
    refusal: Option<String>,
}

/// What the file says it was trained for.
#[derive(Serialize)]
struct ContractRow {
    schema: String,
    label: String,
    horizon_ms: u64,
    tick_size: Option<String>,
    features: Vec<String>,
    golden_rows: usize,
}

/// Runs the command.
pub fn run(args: &InspectModelArgs) -> Result<Outcome> {
    match ModelFile::read(&args.model) {
        Ok(file) => {
            let row = Inspected::new(&file);
            say(&row, args.json, |out| row.print(out))
        }
        Err(error) => refused(error.into()),
    }
}

impl Inspected {
    fn new(file: &ModelFile) -> Self {
        let contract = Contract::parse(file);
        let signature = Signature::of(file);
        let steps = signature.as_ref().ok().map(|signature| signature.shape.steps);
        let refusal = tickhawk_inference::Incumbent::of_file("", file).err();
        let text = |opset: (&str, i64)| match opset {
            ("", version) => format!("ai.onnx {version}"),
            (domain, version) => format!("{domain} {version}"),
        };
        Self {
            path: file.path().display().to_string(),
            sha256: file.sha256(),
            file_bytes: file.bytes().len(),
            opsets: file.opsets().map(text).collect(),
            operators: file.operators(),
            inputs: file.inputs().iter().map(ToString::to_string).collect(),
            outputs: file.outputs().iter().map(ToString::to_string).collect(),
            steps,
            not_native: NativeModel::compile(file).err().map(|reason| reason.to_string()),
            contract: contract.ok().map(ContractRow::new),
            refusal: refusal.as_ref().map(InferenceError::to_string),
        }
    }

    fn print(&self, out: &mut (impl Write + ?Sized)) -> io::Result<()> {
        writeln!(out, "file       {}, {} bytes", self.path, self.file_bytes)?;
        writeln!(out, "sha256     {}", self.sha256)?;
        writeln!(out, "opsets     {}", self.opsets.join(", "))?;
        writeln!(out, "operators  {}", self.operators.join(", "))?;
        for (word, values) in [("takes", &self.inputs), ("gives", &self.outputs)] {
            values.iter().try_for_each(|value| writeln!(out, "{word:<10} {value}"))?;
        }
        if let Some(contract) = &self.contract {
            let ContractRow { schema, label, horizon_ms, tick_size, features, golden_rows } =
                contract;
            writeln!(out, "schema     {schema}")?;
            writeln!(out, "label      {label} in {horizon_ms} ms")?;
            writeln!(out, "tick size  {}", tick_size.as_deref().unwrap_or("any"))?;
            writeln!(out, "golden     {golden_rows} rows, not run")?;
            writeln!(out, "features   {}", features.len())?;
            features.iter().try_for_each(|name| writeln!(out, "             {name}"))?;
        }
        match &self.not_native {
            None => writeln!(out, "native     yes")?,
            Some(reason) => writeln!(out, "native     no: {reason}")?,
        }
        match &self.refusal {
            None => Ok(()),
            Some(refusal) => writeln!(out, "cannot be run: {refusal}"),
        }
    }
}

impl ContractRow {
    fn new(contract: Contract) -> Self {
        Self {
            schema: contract.schema().to_owned(),
            label: contract.label().to_owned(),
            horizon_ms: contract.horizon_ms(),
            tick_size: contract.tick_size().map(tick_text),
            features: contract.features().to_vec(),
            golden_rows: contract.golden().inputs.len(),
        }
    }
}
