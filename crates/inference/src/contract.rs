//! The contract a model file carries in its metadata: which features, in which order, what the
//! output foretells, and an example of its own arithmetic.

use crate::error::{FeatureMismatch, OrderDifference};
use crate::model_file::hex;
use crate::signature::{FEATURES_MAX, OutputKind, Signature, State};
use crate::{InferenceError, ModelFile, Refusal};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tickhawk_market::{Decimal, DecimalText};

/// Every metadata key of the contract begins so.
pub(crate) const PREFIX: &str = "tickhawk.";
const FEATURES: &str = "tickhawk.features";
const SCHEMA: &str = "tickhawk.schema";
const LABEL: &str = "tickhawk.label";
const HORIZON: &str = "tickhawk.horizon_ms";
const TICK_SIZE: &str = "tickhawk.tick_size";
const GOLDEN: &str = "tickhawk.golden";
const STATE: &str = "tickhawk.state";

/// The longest feature name, in bytes. The longest in use today has 26.
const NAME_BYTES_MAX: usize = 64;
/// The longest label, in bytes: it is a short name or sentence shown in reports.
const LABEL_BYTES_MAX: usize = 256;
/// The most states a model may carry: two for each of eight stacked layers.
const STATES_MAX: usize = 16;
/// The longest name of a state in the graph, in bytes: exporters write paths of modules.
const STATE_NAME_BYTES_MAX: usize = 1024;
/// The most rows of a golden table: each costs one run at start.
const GOLDEN_ROWS_MAX: usize = 256;
/// How far a golden row of probabilities may sum from one.
const PROBABILITY_SLACK: f32 = 1e-3;

/// What the model was trained for. Every value has been checked: features are 1 to 128 distinct
/// names, golden numbers are finite, and the golden table has as many inputs as outputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Contract {
    features: Vec<String>,
    schema: String,
    label: String,
    horizon_ms: u64,
    tick_size: Option<Decimal>,
    golden: Golden,
    states: Vec<State>,
}

/// Inputs and the outputs they must give.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Golden {
    /// Rows of F values, or of T times F with the oldest frame first.
    pub inputs: Vec<Vec<f32>>,
    /// For each of them, three probabilities or one value.
    pub outputs: Vec<Vec<f32>>,
}

impl Contract {
    /// Checks the parts: `features` in the order of the model's input, `label` (what the output
    /// foretells), `horizon_ms` (how far ahead, above zero), the instrument's `tick_size` if the
    /// model depends on it, and at least one `golden` row.
    pub fn new(
        features: Vec<String>,
        label: String,
        horizon_ms: u64,
        tick_size: Option<Decimal>,
        golden: Golden,
    ) -> Result<Self, Refusal> {
        check_features(&features)?;
        check_label(&label)?;
        if horizon_ms == 0 {
            return Err(bad(HORIZON, "zero"));
        }
        if tick_size.is_some_and(|tick| tick.mantissa <= 0) {
            return Err(bad(TICK_SIZE, "not above zero"));
        }
        check_golden(&golden)?;
        // How the text was padded is not part of the contract.
        let tick_size = tick_size.map(|tick| Decimal { written_decimals: tick.decimals, ..tick });
        let schema = schema_of(&features);
        Ok(Self { features, schema, label, horizon_ms, tick_size, golden, states: Vec::new() })
    }

    /// The same contract of a model that carries `states`, at most 16 and each name once. Its golden
    /// rows are run in order, the first one from zeros.
    pub fn with_states(self, states: Vec<State>) -> Result<Self, Refusal> {
        check_states(&states)?;
        Ok(Self { states, ..self })
    }

    /// Reads the contract out of the file's metadata.
    pub fn parse(file: &ModelFile) -> Result<Self, InferenceError> {
        Self::read(file).map_err(|refusal| refusal.of(file.path()))
    }

    fn read(file: &ModelFile) -> Result<Self, Refusal> {
        let features: Vec<String> = json(FEATURES, required(file, FEATURES)?)?;
        let stored = required(file, SCHEMA)?;
        let horizon = required(file, HORIZON)?;
        let horizon_ms =
            horizon.parse().map_err(|_| bad(HORIZON, "not a whole number of milliseconds"))?;
        let tick_size = optional(file, TICK_SIZE)?
            .map(|text| Decimal::parse(text.as_bytes()).map_err(|e| bad(TICK_SIZE, e)))
            .transpose()?;
        let golden = json(GOLDEN, required(file, GOLDEN)?)?;
        let label = required(file, LABEL)?.to_owned();
        let contract = Self::new(features, label, horizon_ms, tick_size, golden)?;
        let contract = contract.with_states(states(file)?)?;
        if stored != contract.schema {
            let (stored, computed) = (stored.to_owned(), contract.schema);
            return Err(Refusal::SchemaMismatch { stored, computed });
        }
        Ok(contract)
    }

    /// The features, in the order of the model's input.
    pub fn features(&self) -> &[String] {
        &self.features
    }

    /// SHA-256, lowercase hex, of the feature list as compact JSON.
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// What the output foretells.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// How far ahead it foretells, in milliseconds.
    pub fn horizon_ms(&self) -> u64 {
        self.horizon_ms
    }

    /// The tick size of the instrument it was trained on, if it depends on it.
    pub fn tick_size(&self) -> Option<Decimal> {
        self.tick_size
    }

    /// The model's own example.
    pub fn golden(&self) -> &Golden {
        &self.golden
    }

    /// What the model carries from run to run, from zeros at each epoch's beginning.
    pub fn states(&self) -> &[State] {
        &self.states
    }

    /// Whether `produced` is this model's list, name by name in order.
    pub fn check_features(&self, produced: &[impl AsRef<str>]) -> Result<(), Box<FeatureMismatch>> {
        let produced: Vec<&str> = produced.iter().map(AsRef::as_ref).collect();
        if self.features == produced {
            return Ok(());
        }
        let absent = |name: &&String| !produced.contains(&name.as_str());
        let unknown = |name: &&&str| !self.features.iter().any(|feature| feature == **name);
        let missing: Vec<String> = self.features.iter().filter(absent).cloned().collect();
        let surplus: Vec<String> =
            produced.iter().filter(unknown).map(|name| (*name).to_owned()).collect();
        let pairs = self.features.iter().zip(&produced).enumerate();
        let order = pairs
            .filter(|_| missing.is_empty() && surplus.is_empty())
            .find(|(_, (expected, produced))| expected != *produced)
            .map(|(index, (expected, produced))| OrderDifference {
                index,
                expected: expected.clone(),
                produced: (*produced).to_owned(),
            });
        Err(Box::new(FeatureMismatch {
            expected_count: self.features.len(),
            produced_count: produced.len(),
            missing,
            surplus,
            order,
            schema: self.schema.clone(),
        }))
    }

    /// Whether the graph is of the shape the contract speaks of.
    pub(crate) fn check_signature(&self, signature: &Signature) -> Result<(), Refusal> {
        if self.features.len() != signature.shape.features {
            let (listed, input) = (self.features.len(), signature.input.to_string());
            return Err(Refusal::FeatureCount { listed, input });
        }
        let (input, output) = (signature.shape.values(), signature.kind.values());
        check_rows("inputs", &self.golden.inputs, input)?;
        check_rows("outputs", &self.golden.outputs, output)?;
        match signature.kind {
            OutputKind::Classes => check_probabilities(&self.golden.outputs),
            OutputKind::Value => Ok(()),
        }
    }

    /// Key and value of every metadata entry. The golden table comes last: a file broken off
    /// anywhere in the contract then lacks a required entry.
    pub(crate) fn entries(&self) -> Vec<(&'static str, String)> {
        let tick_size = self
            .tick_size
            .map(|tick| DecimalText { units: tick.mantissa, decimals: tick.decimals }.to_string());
        let mut entries = vec![
            (FEATURES, compact_json(&self.features)),
            (SCHEMA, self.schema.clone()),
            (LABEL, self.label.clone()),
            (HORIZON, self.horizon_ms.to_string()),
        ];
        entries.extend(tick_size.map(|text| (TICK_SIZE, text)));
        if !self.states.is_empty() {
            entries.push((STATE, compact_json(&self.states)));
        }
        entries.push((GOLDEN, compact_json(&self.golden)));
        entries
    }
}

/// What the file's metadata says is carried.
pub(crate) fn states(file: &ModelFile) -> Result<Vec<State>, Refusal> {
    match optional(file, STATE)? {
        None => Ok(Vec::new()),
        Some(text) => {
            let states: Vec<State> = json(STATE, text)?;
            if states.is_empty() {
                return Err(bad(STATE, "no pair of an output's and an input's name"));
            }
            check_states(&states)?;
            Ok(states)
        }
    }
}

fn compact_json(value: &impl Serialize) -> String {
    sonic_rs::to_string(value).expect("checked names and finite numbers have a JSON form")
}

fn schema_of(features: &[String]) -> String {
    hex(&Sha256::digest(compact_json(&features)))
}

fn bad(key: &'static str, detail: impl ToString) -> Refusal {
    Refusal::BadValue { key, detail: detail.to_string() }
}

fn optional<'a>(file: &'a ModelFile, key: &'static str) -> Result<Option<&'a str>, Refusal> {
    let mut values = file.metadata(key);
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(bad(key, "written twice")),
        (value, None) => Ok(value),
    }
}

fn required<'a>(file: &'a ModelFile, key: &'static str) -> Result<&'a str, Refusal> {
    optional(file, key)?.ok_or(Refusal::MissingKey { key })
}

fn json<T: for<'de> Deserialize<'de>>(key: &'static str, text: &str) -> Result<T, Refusal> {
    sonic_rs::from_str(text).map_err(|error| {
        let text = error.to_string();
        bad(key, text.lines().next().unwrap_or("not the JSON expected"))
    })
}

fn check_features(features: &[String]) -> Result<(), Refusal> {
    if features.is_empty() || features.len() > FEATURES_MAX {
        let count = features.len();
        return Err(bad(FEATURES, format!("{count} names, 1 to {FEATURES_MAX} are allowed")));
    }
    for (index, name) in features.iter().enumerate() {
        // Such names have one JSON form only, which is what the schema hash is taken of.
        let plain = name.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\`".contains(&byte));
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !plain {
            return Err(bad(FEATURES, format!("name {index} is not a feature name: {name:?}")));
        }
        if features[..index].contains(name) {
            return Err(bad(FEATURES, format!("`{name}` is listed twice")));
        }
    }
    Ok(())
}

fn check_states(states: &[State]) -> Result<(), Refusal> {
    if states.len() > STATES_MAX {
        return Err(bad(
            STATE,
            format!("{} pairs, at most {STATES_MAX} are allowed", states.len()),
        ));
    }
    for (index, state) in states.iter().enumerate() {
        for (name, side) in [(&state.output, "an output"), (&state.input, "an input")] {
            if name.is_empty() || name.len() > STATE_NAME_BYTES_MAX || name.contains('\0') {
                let limit = STATE_NAME_BYTES_MAX;
                let wanted = format!("{side}'s name has 1 to {limit} bytes, none of them zero");
                return Err(bad(STATE, format!("pair {index}: {wanted}")));
            }
        }
        for earlier in &states[..index] {
            for (name, other, side) in [
                (&state.output, &earlier.output, "output"),
                (&state.input, &earlier.input, "input"),
            ] {
                if name == other {
                    return Err(bad(STATE, format!("the {side} `{name}` is in two pairs")));
                }
            }
        }
    }
    Ok(())
}

fn check_label(label: &str) -> Result<(), Refusal> {
    if label.is_empty() || label.len() > LABEL_BYTES_MAX || label.contains(char::is_control) {
        return Err(bad(LABEL, "not one line of 1 to 256 bytes"));
    }
    Ok(())
}

fn check_golden(golden: &Golden) -> Result<(), Refusal> {
    let (inputs, outputs) = (golden.inputs.len(), golden.outputs.len());
    if inputs != outputs || inputs == 0 || inputs > GOLDEN_ROWS_MAX {
        let counts = format!("{inputs} inputs and {outputs} outputs");
        return Err(bad(GOLDEN, format!("{counts}, as many of each and 1 to 256 are allowed")));
    }
    let rows = golden.inputs.iter().chain(&golden.outputs);
    if rows.flatten().any(|value| !value.is_finite()) {
        return Err(bad(GOLDEN, "a number that is not finite in 32 bits"));
    }
    Ok(())
}

fn check_rows(what: &str, rows: &[Vec<f32>], width: usize) -> Result<(), Refusal> {
    match rows.iter().position(|row| row.len() != width) {
        None => Ok(()),
        Some(index) => {
            let found = rows[index].len();
            Err(bad(GOLDEN, format!("row {index} of {what} has {found} numbers, not {width}")))
        }
    }
}

fn check_probabilities(rows: &[Vec<f32>]) -> Result<(), Refusal> {
    for (index, row) in rows.iter().enumerate() {
        let within = row.iter().all(|p| (-PROBABILITY_SLACK..=1.0 + PROBABILITY_SLACK).contains(p));
        if !within || (row.iter().sum::<f32>() - 1.0).abs() > PROBABILITY_SLACK {
            let detail = format!(
                "row {index} of outputs is not probabilities: {row:?} (logits? add a Softmax)"
            );
            return Err(bad(GOLDEN, detail));
        }
    }
    Ok(())
}
