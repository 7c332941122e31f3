//! Whether a model may stand in another's place.

use crate::error::FeatureMismatch;
use crate::{Contract, InferenceError, Model, ModelFile, OutputKind, Refusal, Shape, Signature};
use std::fmt;
use tickhawk_market::{Decimal, DecimalText};

/// What the model in use takes and gives, and so whoever comes in its place.
#[derive(Clone, Debug)]
pub struct Incumbent {
    called: String,
    contract: Contract,
    shape: Shape,
    kind: OutputKind,
}

impl Incumbent {
    /// The model in this file, which messages call `called`. The contract must be whole; neither
    /// engine nor golden table is asked.
    pub fn of_file(called: impl Into<String>, file: &ModelFile) -> Result<Self, InferenceError> {
        let (contract, signature) = (Contract::parse(file)?, Signature::of(file)?);
        contract.check_signature(&signature).map_err(|refusal| refusal.of(file.path()))?;
        let Signature { shape, kind, .. } = signature;
        Ok(Self { called: called.into(), contract, shape, kind })
    }

    /// A model that is loaded.
    pub fn of(model: &Model) -> Self {
        Self {
            called: format!("`{}` version `{}`", model.name(), model.version()),
            contract: model.contract().clone(),
            shape: model.shape(),
            kind: model.kind(),
        }
    }

    /// Whether the model in this file may come in its place: it takes the same features in the same
    /// order, as many frames of them, computed with the same tick, and gives the same kind of
    /// output. Label and horizon are free: they say what was learnt, not what is handed over.
    pub fn check(&self, next: &ModelFile) -> Result<(), InferenceError> {
        let other = Self::of_file("", next)?;
        let mut differences = Vec::new();
        if let Err(mismatch) = self.contract.check_features(other.contract.features()) {
            differences.extend(feature_differences(&mismatch));
        }
        let mut differ = |what: &str, here: String, there: String| {
            if here != there {
                differences.push(format!("{what}: {here}, there {there}"));
            }
        };
        let frames = |one: &Self| one.shape.steps.to_string();
        differ("frames it takes at once", frames(&other), frames(self));
        differ("what it gives", other.gives().to_owned(), self.gives().to_owned());
        let tick = |one: &Self| match one.contract.tick_size() {
            Some(Decimal { mantissa: units, decimals, .. }) => {
                DecimalText { units, decimals }.to_string()
            }
            None => "any".to_owned(),
        };
        differ("tick", tick(&other), tick(self));
        if differences.is_empty() {
            return Ok(());
        }
        let unlike = Unlike { called: self.called.clone(), differences };
        Err(Refusal::Unlike(Box::new(unlike)).of(next.path()))
    }

    /// Its features, in the order of the input.
    pub fn features(&self) -> &[String] {
        self.contract.features()
    }

    fn gives(&self) -> &'static str {
        match self.kind {
            OutputKind::Classes => "probabilities",
            OutputKind::Value => "one value",
        }
    }
}

/// A line each: names that are only in one of the two, or the first place where their order differs.
fn feature_differences(mismatch: &FeatureMismatch) -> Vec<String> {
    let FeatureMismatch { missing, surplus, order, .. } = mismatch;
    let mut lines = Vec::new();
    for (word, names) in [("missing", missing), ("surplus", surplus)] {
        if !names.is_empty() {
            lines.push(format!("{word}: `{}`", names.join("`, `")));
        }
    }
    lines.extend(order.as_ref().map(|order| {
        let (here, there) = (&order.produced, &order.expected);
        format!("order: feature {} is `{here}`, there `{there}`", order.index)
    }));
    if lines.is_empty() {
        let (here, there) = (mismatch.produced_count, mismatch.expected_count);
        lines.push(format!("features: {here}, there {there}"));
    }
    lines
}

/// In what a model differs from the one whose place it was to take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unlike {
    /// What messages call the one in use.
    pub called: String,
    /// A line each, at least one.
    pub differences: Vec<String>,
}

impl fmt::Display for Unlike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot take the place of {}", self.called)?;
        self.differences.iter().try_for_each(|line| write!(f, "\n  {line}"))?;
        write!(f, "\nhint: a model that takes or gives something else needs a name of its own")
    }
}
