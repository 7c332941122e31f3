//! tract on the bundled network.

use anyhow::{Context, Result, anyhow};
use std::path::Path;
use tract_onnx::{prelude::*, tract_core::model::TypedSimpleState};

/// An optimised plan of batch one, and the state it runs in, kept from run to run.
pub struct Network {
    state: TypedSimpleState,
    features: usize,
}

impl Network {
    /// As tract's examples load a model.
    pub fn load(path: &Path, features: usize) -> Result<Self> {
        let state = tract_onnx::onnx()
            .model_for_path(path)
            .and_then(|model| model.with_input_fact(0, f32::fact([1, features]).into()))
            .and_then(|model| model.into_optimized())
            .and_then(|model| model.into_runnable())
            .and_then(|plan| plan.spawn())
            .map_err(|error| anyhow!("tract: {error:?}"))?;
        Ok(Self { state, features })
    }

    /// The outputs for one row.
    pub fn run(&mut self, row: &[f32]) -> Result<[f32; 3]> {
        let input = Tensor::from_shape(&[1, self.features], row).map_err(|e| anyhow!("{e:?}"))?;
        let outputs = self.state.run(tvec!(input.into())).map_err(|e| anyhow!("{e:?}"))?;
        let view = outputs[0].to_plain_array_view::<f32>().map_err(|e| anyhow!("{e:?}"))?;
        let values = view.as_slice().context("a dense output")?;
        Ok([values[0], values[1], values[2]])
    }
}
