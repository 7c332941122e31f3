//! What a model takes and gives, as far as this engine can use it.

use crate::value::{Dim, FLOAT32, ValueInfo, ValueKind};
use crate::{InferenceError, ModelFile, Refusal};

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

/// One input and one output of a graph, checked to be of a form this engine runs.
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
}

impl Signature {
    /// Of the model, or the reason why it cannot be run.
    pub fn of(file: &ModelFile) -> Result<Self, InferenceError> {
        Self::find(file).map_err(|refusal| refusal.of(file.path()))
    }

    fn find(file: &ModelFile) -> Result<Self, Refusal> {
        let input = only_input(file.inputs())?;
        let shape = input_shape(&input)?;
        let (output, kind) = choose_output(file.outputs())?;
        Ok(Self { shape, kind, input, output })
    }

    /// Whether the output is a sequence of maps, which only the native engine sees through.
    pub(crate) fn gives_maps(&self) -> bool {
        self.output.kind == ValueKind::Maps
    }

    /// The input's dimensions with one for N.
    pub(crate) fn input_dims(&self) -> Vec<i64> {
        batch_of_one(&self.input)
    }

    /// The output's dimensions with one for N.
    pub(crate) fn output_dims(&self) -> Vec<i64> {
        batch_of_one(&self.output)
    }
}

/// Free dimensions are N wherever a signature was accepted.
fn batch_of_one(value: &ValueInfo) -> Vec<i64> {
    let dims = value.dims.as_deref().unwrap_or_default();
    let one = |dim: &Dim| if let Dim::Fixed(value) = dim { *value } else { 1 };
    dims.iter().map(one).collect()
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
