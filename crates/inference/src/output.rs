//! What a model says of one input.

use crate::{Golden, InferenceError, OutputKind, Refusal};
use std::path::Path;

/// What one run gives. Every number is finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Output {
    /// Probabilities, in the model's order.
    Classes {
        /// Of a fall.
        down: f32,
        /// Of neither.
        flat: f32,
        /// Of a rise.
        up: f32,
    },
    /// One value.
    Value(f32),
}

impl Output {
    /// Above zero for a rise: `up - down`, or the value.
    #[inline]
    pub fn score(self) -> f32 {
        match self {
            Self::Classes { down, up, .. } => up - down,
            Self::Value(value) => value,
        }
    }

    /// The numbers of a run, as many as `kind` has, if all are finite.
    #[inline]
    pub(crate) fn of(kind: OutputKind, numbers: &[f32]) -> Result<Self, InferenceError> {
        let output = match (kind, numbers) {
            (OutputKind::Classes, &[down, flat, up]) => Self::Classes { down, flat, up },
            (OutputKind::Value, &[value]) => Self::Value(value),
            _ => unreachable!("a run gives as many values as its kind has"),
        };
        if numbers.iter().all(|value| value.is_finite()) {
            Ok(output)
        } else {
            Err(InferenceError::NonFinite)
        }
    }

    /// Its numbers in the model's order.
    pub fn numbers(self) -> Vec<f32> {
        match self {
            Self::Classes { down, flat, up } => vec![down, flat, up],
            Self::Value(value) => vec![value],
        }
    }
}

impl Golden {
    /// Runs every row of the model at `path` and compares: each output may be `tolerance` off,
    /// times its size where that is above one.
    pub(crate) fn check(
        &self,
        path: &Path,
        tolerance: f32,
        mut run: impl FnMut(&[f32]) -> Result<Output, InferenceError>,
    ) -> Result<(), InferenceError> {
        for (row, (input, wanted)) in self.inputs.iter().zip(&self.outputs).enumerate() {
            let numbers = run(input)?.numbers();
            for (column, (got, expected)) in numbers.into_iter().zip(wanted).enumerate() {
                let expected = *expected;
                if (got - expected).abs() > tolerance * expected.abs().max(1.0) {
                    let refusal = Refusal::Golden { row, column, expected, got, tolerance };
                    return Err(refusal.of(path));
                }
            }
        }
        Ok(())
    }
}
