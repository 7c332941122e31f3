//! What one run costs on each engine, side by side: blocks of runs take turns, so that whatever else
//! the machine does meets both alike, and each pair of blocks gives one ratio.
//!
//!     cargo run --release --example engines -- models/mlp/1/model.onnx

use std::time::Instant;
use tickhawk_inference::{Isa, ModelFile, NativeModel, OrtModel, RuntimeOptions};

/// Runs in a block: some hundred microseconds for the fastest models.
const BLOCK_RUNS: u32 = 1_000;
/// Pairs of blocks.
const PAIRS: usize = 400;

fn main() {
    for path in std::env::args().skip(1) {
        if let Err(error) = compare(&path) {
            eprintln!("{path}: {error}");
            std::process::exit(2);
        }
    }
}

fn compare(path: &str) -> Result<(), Box<dyn std::error::Error>> {
    let file = ModelFile::read(path)?;
    let mut runtime = OrtModel::load(&file, &RuntimeOptions::default())?;
    for isa in Isa::available() {
        let mut native = NativeModel::compile(&file)?.with_isa(isa);
        // Numbers of both signs, as a run of standardised features has them.
        let input: Vec<f32> = (0..native.shape().values()).map(|i| (i as f32).sin()).collect();
        native.input_mut().copy_from_slice(&input);
        runtime.input_mut().copy_from_slice(&input);
        let mut pairs = Vec::with_capacity(PAIRS);
        for _ in 0..PAIRS {
            let fast = ns_per_run(|| drop(native.run_in_place()));
            pairs.push((fast, ns_per_run(|| drop(runtime.run_in_place()))));
        }
        let fast = median(pairs.iter().map(|pair| pair.0).collect());
        let slow = median(pairs.iter().map(|pair| pair.1).collect());
        let ratio = median(pairs.iter().map(|pair| pair.0 / pair.1).collect());
        let (fast_engine, slow_engine) = (native.engine(), runtime.engine());
        println!(
            "{path}: {fast_engine} {fast:.0} ns, {slow_engine} {slow:.0} ns, {ratio:.4} of it"
        );
    }
    Ok(())
}

fn ns_per_run(mut run: impl FnMut()) -> f64 {
    let start = Instant::now();
    (0..BLOCK_RUNS).for_each(|_| run());
    start.elapsed().as_nanos() as f64 / f64::from(BLOCK_RUNS)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
