//! What a model takes and gives, as far as this engine can use it.

use crate::value::{Dim, FLOAT32, ValueInfo, ValueKind};
use crate::{InferenceError, ModelFile, Refusal, contract};
use serde::{Deserialize, Serialize};

/// The most features a model may take: a feature frame's own bound.
pub const FEATURES_MAX: usize = 128;

/// The longest window a model may take: 4096 frames of 128 features are 2 MiB, which is what a
/// core's second-level cache holds.
pub const STEPS_MAX: usize = 4096;

/// The input of one decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// T, frames in a window, oldest first; 1 for a model that takes one frame.
    pub steps: usize,
    /// F, features in a frame.
    pub features: usize,
}

impl Shape {
    /// How many values [`crate::Model::run`] takes: T times F.
    pub const fn values(self) -> usize {
        self.steps * self.features
    }
}

/// What a model's output means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputKind {
    /// Probabilities of down, flat and up.
    Classes,
    /// One value.
    Value,
}

impl OutputKind {
    /// How many numbers one decision gives: 3 or 1.
    pub const fn values(self) -> usize {
        match self {
            Self::Classes => 3,
            Self::Value => 1,
        }
    }
}

/// The most numbers one carried state may have: a window's own bound, divided by eight.
const STATE_VALUES_MAX: usize = STEPS_MAX * FEATURES_MAX / 8;

/// What a model carries from one run to the next: an output that is an input of the run after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "[String; 2]", into = "[String; 2]")]
pub struct State {
    /// Name of the graph's output.
    pub output: String,
    /// Name of the graph's input. Zeros at an epoch's beginning.
    pub input: String,
}

impl From<[String; 2]> for State {
    fn from([output, input]: [String; 2]) -> Self {
        Self { output, input }
    }
}

impl From<State> for [String; 2] {
    fn from(state: State) -> Self {
        [state.output, state.input]
    }
}

/// Inputs and outputs of a graph, checked to be of a form this engine runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The input's shape for one decision.
    pub shape: Shape,
    /// What the output means.
    pub kind: OutputKind,
    /// The input as the file says it, for messages.
    pub(crate) input: ValueInfo,
    /// The output as the file says it.
    pub(crate) output: ValueInfo,
    /// Outputs that become inputs, and which; of the same dimensions, one for N.
    pub(crate) states: Vec<(ValueInfo, ValueInfo)>,
}

impl Signature {
    /// Of the model, or the reason why it cannot be run. What it carries is what its metadata says.
    pub fn of(file: &ModelFile) -> Result<Self, InferenceError> {
        let found = contract::states(file).and_then(|states| Self::find(file, &states));
        found.map_err(|refusal| refusal.of(file.path()))
    }

    /// Of a model that carries `states`, whatever its metadata says.
    pub fn with_states(file: &ModelFile, states: &[State]) -> Result<Self, InferenceError> {
        Self::find(file, states).map_err(|refusal| refusal.of(file.path()))
    }

    fn find(file: &ModelFile, states: &[State]) -> Result<Self, Refusal> {
        let (mut inputs, mut outputs) = (file.inputs(), file.outputs());
        let states: Vec<(ValueInfo, ValueInfo)> = states
            .iter()
            .map(|state| {
                let output = take_state(&mut outputs, "output", &state.output)?;
                let input = take_state(&mut inputs, "input", &state.input)?;
                if output.batch_of_one() == input.batch_of_one() {
                    return Ok((output, input));
                }
                let (output, input) = (output.to_string(), input.to_string());
                Err(Refusal::StateDiffers { output, input })
            })
            .collect::<Result<_, _>>()?;
        let input = only_input(inputs)?;
        let shape = input_shape(&input)?;
        if !states.is_empty() && shape.steps != 1 {
            return Err(Refusal::StateWindow { found: input.to_string() });
        }
        let (output, kind) = choose_output(outputs)?;
        Ok(Self { shape, kind, input, output, states })
    }

    /// Whether the output is a sequence of maps, which only the native engine sees through.
    pub(crate) fn gives_maps(&self) -> bool {
        self.output.kind == ValueKind::Maps
    }

    /// How many states the model carries, each with how many numbers.
    pub(crate) fn state_values(&self) -> Vec<usize> {
        let values = |dims: Vec<i64>| dims.iter().map(|dim| *dim as usize).product();
        self.states.iter().map(|(_, input)| values(input.batch_of_one())).collect()
    }
}

impl ValueInfo {
    /// The dimensions, with one for those that are free: they are N wherever a signature was
    /// accepted.
    pub(crate) fn batch_of_one(&self) -> Vec<i64> {
        let dims = self.dims.as_deref().unwrap_or_default();
        let one = |dim: &Dim| if let Dim::Fixed(value) = dim { *value } else { 1 };
        dims.iter().map(one).collect()
    }
}

/// Takes the value of that name out of the list, if it can be carried.
fn take_state(
    values: &mut Vec<ValueInfo>,
    side: &'static str,
    name: &str,
) -> Result<ValueInfo, Refusal> {
    let Some(index) = values.iter().position(|value| value.name == name) else {
        let (name, found) = (name.to_owned(), list(values));
        return Err(Refusal::StateMissing { side, name, found });
    };
    let value = values.remove(index);
    if value.kind != ValueKind::Tensor(FLOAT32) {
        return Err(Refusal::StateType { found: value.to_string() });
    }
    let count = value.dims.as_ref().and_then(|_| {
        let sizes = value.batch_of_one().into_iter();
        let count =
            sizes.map(usize::try_from).try_fold(1usize, |all, dim| all.checked_mul(dim.ok()?));
        count.filter(|count| (1..=STATE_VALUES_MAX).contains(count))
    });
    let (found, limit) = (value.to_string(), STATE_VALUES_MAX);
    count.map(|_| value).ok_or(Refusal::StateShape { found, limit })
}

fn only_input(mut inputs: Vec<ValueInfo>) -> Result<ValueInfo, Refusal> {
    match inputs.pop() {
        Some(input) if inputs.is_empty() => Ok(input),
        last => {
            inputs.extend(last);
            let names: Vec<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
            Err(Refusal::InputCount { count: inputs.len(), names: names.join(", ") })
        }
    }
}

fn input_shape(input: &ValueInfo) -> Result<Shape, Refusal> {
    if input.kind != ValueKind::Tensor(FLOAT32) {
        return Err(Refusal::InputType { found: input.to_string() });
    }
    let (batch, steps, features) = match input.dims.as_deref() {
        Some([batch, Dim::Fixed(features)]) => (batch, 1, *features),
        Some([batch, Dim::Fixed(steps), Dim::Fixed(features)]) => (batch, *steps, *features),
        _ => return Err(Refusal::InputShape { found: input.to_string() }),
    };
    let within = |value: i64, max: usize| usize::try_from(value).is_ok_and(|v| v > 0 && v <= max);
    let fits = within(steps, STEPS_MAX) && within(features, FEATURES_MAX) && is_batch(batch);
    if !fits {
        return Err(Refusal::InputShape { found: input.to_string() });
    }
    Ok(Shape { steps: steps as usize, features: features as usize })
}

fn is_batch(dim: &Dim) -> bool {
    matches!(dim, Dim::Free(_) | Dim::Fixed(1))
}

/// Probabilities if there are any, else a value. A `label` of integers beside them is passed over.
fn choose_output(outputs: Vec<ValueInfo>) -> Result<(ValueInfo, OutputKind), Refusal> {
    for kind in [OutputKind::Classes, OutputKind::Value] {
        let fitting = |output: &&ValueInfo| kind_by_dims(output) == Some(kind);
        let float = |output: &&ValueInfo| output.kind == ValueKind::Tensor(FLOAT32);
        let mut found = outputs.iter().filter(fitting).filter(float);
        match (found.next(), found.next()) {
            (Some(output), None) => return Ok((output.clone(), kind)),
            (Some(_), Some(_)) => {
                return Err(Refusal::OutputAmbiguous { found: list(&outputs) });
            }
            _ => {}
        }
    }
    if let Some(maps) = outputs.iter().find(|output| output.kind == ValueKind::Maps) {
        return Ok((maps.clone(), OutputKind::Classes));
    }
    let wrong_type = outputs.iter().find(|output| kind_by_dims(output).is_some());
    Err(match wrong_type {
        Some(output) => Refusal::OutputType { found: output.to_string() },
        None => Refusal::OutputShape { found: list(&outputs) },
    })
}

fn kind_by_dims(output: &ValueInfo) -> Option<OutputKind> {
    match output.dims.as_deref() {
        Some([batch, Dim::Fixed(3)]) if is_batch(batch) => Some(OutputKind::Classes),
        Some([batch, Dim::Fixed(1)]) | Some([batch]) if is_batch(batch) => Some(OutputKind::Value),
        _ => None,
    }
}

fn list(values: &[ValueInfo]) -> String {
    let texts: Vec<String> = values.iter().map(ToString::to_string).collect();
    texts.join(", ")
}
