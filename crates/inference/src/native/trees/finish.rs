//! From totals to outputs: base values and post transforms, by ONNX Runtime's conventions.

/// ONNX's `post_transform`, without PROBIT, which no exporter writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transform {
    None,
    Logistic,
    Softmax,
    /// Softmax over those that are not zero.
    SoftmaxZero,
}

impl Transform {
    pub(super) fn of(word: &str) -> Option<Self> {
        Some(match word {
            "NONE" => Self::None,
            "LOGISTIC" => Self::Logistic,
            "SOFTMAX" => Self::Softmax,
            "SOFTMAX_ZERO" => Self::SoftmaxZero,
            _ => return None,
        })
    }

    pub(super) fn apply(self, values: &mut [f32]) {
        match self {
            Self::None => {}
            Self::Logistic => values.iter_mut().for_each(|value| *value = logistic(*value)),
            Self::Softmax => softmax(values, |_| true),
            Self::SoftmaxZero => softmax(values, |value| value.abs() > 1e-7),
        }
    }
}

/// The last steps.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Finish {
    /// Base values are added and the transform taken over all columns.
    Columns {
        /// One a column.
        base: Vec<f32>,
        /// Over all of them.
        transform: Transform,
    },
    /// Two classes with votes for one of them alone: the other column is made from the first total.
    Pair {
        /// Added to the total.
        base: f32,
        /// How the columns come of it.
        pair: Pair,
    },
}

/// The two columns of a total s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pair {
    /// `1 - s` and `s`, for votes that are probabilities.
    Complement,
    /// `logistic(-s)` and `logistic(s)`.
    Logistic,
    /// `-s` and `s`.
    Negated,
}

impl Finish {
    /// Turns the totals into outputs, in place.
    pub(super) fn apply(&self, columns: &mut [f32]) {
        match self {
            Self::Columns { base, transform } => {
                columns.iter_mut().zip(base).for_each(|(value, base)| *value += base);
                transform.apply(columns);
            }
            Self::Pair { base, pair } => {
                let score = columns[0] + base;
                let both = match pair {
                    Pair::Complement => [1.0 - score, score],
                    Pair::Logistic => [logistic(-score), logistic(score)],
                    Pair::Negated => [-score, score],
                };
                columns.copy_from_slice(&both);
            }
        }
    }
}

/// From the side where the exponential is at most one.
fn logistic(value: f32) -> f32 {
    let upper = 1.0 / (1.0 + (-value.abs()).exp());
    if value < 0.0 { 1.0 - upper } else { upper }
}

/// Those not `taken` are zero or close to it, and stay so.
fn softmax(values: &mut [f32], taken: impl Fn(f32) -> bool) {
    let max = values.iter().copied().fold(f32::MIN, f32::max);
    let mut sum = 0.0;
    for value in values.iter_mut() {
        if taken(*value) {
            *value = (*value - max).exp();
            sum += *value;
        } else {
            *value *= (-max).exp();
        }
    }
    values.iter_mut().for_each(|value| *value /= sum);
}
