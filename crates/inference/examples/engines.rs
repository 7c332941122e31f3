//! What one run costs on each engine, side by side: blocks of runs take turns, so that whatever else
//! the machine does meets both alike, and each pair of blocks gives one ratio.
//!
//!     cargo run --release --example engines -- models/mlp/1/model.onnx
//!
//! `deep-lob-16` and the like name a network like DeepLOB's, of so many channels, over 100 rows of 40
//! features. A model over windows is run with a memory too, one new row a run. Inputs differ from run
//! to run, as a feed's do: with one and the same, whatever branches on them would be guessed right.

use std::time::Instant;
use tickhawk_inference::{Isa, ModelFile, NativeModel, OrtModel, RuntimeOptions, example};

/// What a block is to take: long beside a clock read, short beside what else the machine does.
const BLOCK_NS: f64 = 300_000.0;
/// Pairs of blocks.
const PAIRS: usize = 400;
/// Different inputs.
const INPUTS: usize = 97;

fn main() {
    for path in std::env::args().skip(1) {
        if let Err(error) = compare(&path) {
            eprintln!("{path}: {error}");
            std::process::exit(2);
        }
    }
}

/// The file at the path, or the network it names.
fn open(path: &str) -> Result<ModelFile, Box<dyn std::error::Error>> {
    let Some(channels) = path.strip_prefix("deep-lob-") else { return Ok(ModelFile::read(path)?) };
    let bytes = example::deep_lob(100, 40, channels.parse()?, example::Ends::Valid, 1);
    Ok(ModelFile::from_bytes(path, bytes)?)
}

fn compare(path: &str) -> Result<(), Box<dyn std::error::Error>> {
    let file = open(path)?;
    let mut runtime = OrtModel::load(&file, &RuntimeOptions::default())?;
    for isa in Isa::available() {
        let mut native = NativeModel::compile(&file)?.with_isa(isa);
        // Numbers of both signs, as a run of standardised features has them.
        let values = native.shape().values();
        let input = |first: usize| (0..values).map(move |i| ((first * values + i) as f32).sin());
        let inputs: Vec<Vec<f32>> = (0..INPUTS).map(|first| input(first).collect()).collect();
        let mut next = inputs.iter().cycle();
        let name = native.engine().to_owned();
        let mut one = || drop(native.run(next.next().expect("they begin anew")));
        beside(&format!("{path}: {name}"), &mut runtime, &inputs, &mut one);
        let mut memory = native.memory();
        if memory.bytes() > 0 {
            let name = format!("{path}: {name}, one new row");
            let mut next = inputs.iter().cycle();
            let mut one = || {
                let input = next.next().expect("they begin anew");
                drop(native.run_with(&mut memory, input, 1));
            };
            beside(&name, &mut runtime, &inputs, &mut one);
        }
    }
    Ok(())
}

/// Prints what `run` costs beside a whole run of ONNX Runtime.
fn beside(name: &str, runtime: &mut OrtModel, inputs: &[Vec<f32>], run: &mut impl FnMut()) {
    let engine = runtime.engine().to_owned();
    let mut next = inputs.iter().cycle();
    let mut runtime_run = || drop(runtime.run(next.next().expect("they begin anew")));
    let (count, runtime_count) = (block(&mut *run), block(&mut runtime_run));
    let mut pairs = Vec::with_capacity(PAIRS);
    for _ in 0..PAIRS {
        let ns = ns_per_run(count, &mut *run);
        pairs.push((ns, ns_per_run(runtime_count, &mut runtime_run)));
    }
    let ns = median(pairs.iter().map(|pair| pair.0).collect());
    let runtime_ns = median(pairs.iter().map(|pair| pair.1).collect());
    let ratio = median(pairs.iter().map(|pair| pair.0 / pair.1).collect());
    println!("{name} {ns:.0} ns, {engine} {runtime_ns:.0} ns, {ratio:.4} of it");
}

/// How many runs make a block.
fn block(mut run: impl FnMut()) -> u32 {
    let ns = (0..10).map(|_| ns_per_run(1, &mut run)).fold(f64::MAX, f64::min);
    (BLOCK_NS / ns).clamp(1.0, 10_000.0) as u32
}

fn ns_per_run(count: u32, mut run: impl FnMut()) -> f64 {
    let start = Instant::now();
    (0..count).for_each(|_| run());
    start.elapsed().as_nanos() as f64 / f64::from(count)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
