//! `inference`: features to scores, the native engine beside ONNX Runtime's own C call.
//!
//! Inputs differ from run to run, as a feed's do: with one and the same, whatever branches on them
//! would be guessed right.

use crate::{Bench, Course, Goal, HarnessError, Results, Subject};
use std::{hint::black_box, ops::Range};
use tickhawk_inference::{
    Memory, ModelFile, NativeModel, OrtModel, RuntimeOptions, Signature, State, example,
};

/// Different inputs.
const INPUTS: usize = 97;
/// Nanoseconds of the longer one that a block is to take: so many that what the other one leaves in the
/// caches is a small part of the shorter's.
const BLOCK_NS: f64 = 500_000.0;

pub(crate) fn run(bench: &Bench<'_>, results: &mut Results) -> Result<(), HarnessError> {
    let mut race = Race { bench, results };
    race.model(&bench.model)?;
    let made = |name: &str, bytes| ModelFile::from_bytes(name, bytes);
    for (trees, goal) in [(100, 0.12), (300, 0.2)] {
        let name = format!("trees{trees}");
        let file = made(&name, example::forest(trees, 6, 32, 1))?;
        let mut native = Native::compile(&file, Rows::Whole)?;
        let what = format!("{trees} trees of depth 6 over 32 features, over ONNX Runtime");
        race.beside(
            &name,
            &mut native,
            &file,
            Some((&format!("{name}-native-vs-ort"), goal, &what)),
        )?;
    }
    race.lstm()?;
    race.deep_lob()
}

struct Race<'a, 'b> {
    bench: &'a Bench<'b>,
    results: &'a mut Results,
}

impl Race<'_, '_> {
    /// The bundled model, or the one named: natively if it compiles, and by the `ort` path.
    fn model(&mut self, file: &ModelFile) -> Result<(), HarnessError> {
        let name = "model";
        let what = "the model natively, over a bare C run of ONNX Runtime";
        match Native::compile(file, Rows::Whole) {
            Ok(mut native) => {
                let goal = Some(("mlp-native-vs-ort", 0.06, what));
                self.beside(name, &mut native, file, goal)?;
            }
            Err(error) => self.results.notes.push(format!("{}: {error}", file.path().display())),
        }
        let mut ours = Runtime {
            model: OrtModel::load(file, &RuntimeOptions::default())?,
            inputs: vec![],
            bare: false,
        };
        ours.inputs = inputs(ours.model.shape().values());
        let what = "the ort path, its checks included, over a bare C run";
        self.beside("model-ort-path", &mut ours, file, Some(("ort-vs-capi", 1.05, what)))
    }

    /// An LSTM of 64 units: a step that carries its state, and a window of 32 rows begun at nothing,
    /// both over ONNX Runtime's window.
    fn lstm(&mut self) -> Result<(), HarnessError> {
        let window = ModelFile::from_bytes("lstm64-window", example::lstm(32, 32, 64, false, 1))?;
        let step = ModelFile::from_bytes("lstm64-step", example::lstm(1, 32, 64, true, 1))?;
        let state =
            |output: &str, input: &str| State { output: output.into(), input: input.into() };
        let signature = Signature::with_states(&step, &[state("h1", "h0"), state("c1", "c0")])?;
        let stepped = NativeModel::with_signature(&step, &signature);
        let mut stepped = Native::new(stepped?, Rows::New(1));
        let what =
            "a step of an LSTM of 64 units that carries its state, over ONNX Runtime's 32 rows";
        self.beside(
            "lstm64-step",
            &mut stepped,
            &window,
            Some(("lstm-step-vs-window", 0.03, what)),
        )?;
        let mut whole = Native::compile(&window, Rows::Whole)?;
        let what = "32 rows of an LSTM of 64 units, over ONNX Runtime";
        self.beside("lstm64-window", &mut whole, &window, Some(("lstm-window-vs-ort", 0.5, what)))
    }

    /// DeepLOB-like convolutions of 16 channels over 100 rows of 10 levels.
    fn deep_lob(&mut self) -> Result<(), HarnessError> {
        let bytes = example::deep_lob(100, 40, 16, example::Ends::Valid, 1);
        let file = ModelFile::from_bytes("deeplob16", bytes)?;
        let mut column = Native::compile(&file, Rows::New(1))?;
        let what = "one new row of a DeepLOB-like network of 16 channels, over ONNX Runtime's 100";
        self.beside(
            "deeplob16-column",
            &mut column,
            &file,
            Some(("deeplob-column-vs-ort", 0.15, what)),
        )?;
        let mut whole = Native::compile(&file, Rows::Whole)?;
        let what = "all 100 rows of it, over ONNX Runtime";
        self.beside(
            "deeplob16-window",
            &mut whole,
            &file,
            Some(("deeplob-window-vs-ort", 0.7, what)),
        )
    }

    /// One implementation beside the bare C call on `file`.
    fn beside(
        &mut self,
        name: &str,
        ours: &mut dyn Subject,
        file: &ModelFile,
        goal: Option<(&str, f64, &str)>,
    ) -> Result<(), HarnessError> {
        let model = OrtModel::load(file, &RuntimeOptions::default())?;
        let inputs = inputs(model.shape().values());
        let mut bare = Runtime { model, inputs, bare: true };
        let clock = &self.bench.clock;
        let took = (0..3).map(|_| {
            let began = clock.now();
            bare.take(0..INPUTS);
            (clock.now() - began).nanos() as f64 / INPUTS as f64
        });
        let ns = took.fold(f64::MAX, f64::min);
        let block = (BLOCK_NS / ns).clamp(1.0, 512.0) as usize;
        let pairs = self.bench.pairs;
        let course =
            Course { items: usize::MAX / 2, lead_in: 2 * INPUTS, block, pairs, timed: &[] };
        let name = |who: &str| format!("inference/{name}/{who}");
        let names = [name("tickhawk"), name("c-api")];
        let ratio = self.results.beside(course, names, ("run", 1.0), ours, &mut bare);
        if let Some((id, goal, what)) = goal {
            self.results.goals.push(Goal::at_most(id, ratio, goal, what));
        }
        Ok(())
    }
}

/// Numbers of both signs, as a run of standardised features has them.
fn inputs(values: usize) -> Vec<Vec<f32>> {
    let input = |first: usize| (0..values).map(move |i| ((first * values + i) as f32).sin());
    (0..INPUTS).map(|first| input(first).collect()).collect()
}

/// How much of a window is new in each run.
#[derive(Clone, Copy)]
enum Rows {
    /// All of it, and nothing is remembered.
    Whole,
    /// So many rows.
    New(usize),
}

struct Native {
    model: NativeModel,
    memory: Memory,
    inputs: Vec<Vec<f32>>,
    rows: Rows,
}

impl Native {
    fn compile(file: &ModelFile, rows: Rows) -> Result<Self, HarnessError> {
        let model = NativeModel::compile(file)?;
        Ok(Self::new(model, rows))
    }

    fn new(model: NativeModel, rows: Rows) -> Self {
        let (memory, inputs) = (model.memory(), inputs(model.shape().values()));
        Self { model, memory, inputs, rows }
    }
}

impl Subject for Native {
    fn restart(&mut self) {}

    fn take(&mut self, items: Range<usize>) {
        for item in items {
            let input = &self.inputs[item % INPUTS];
            let output = match self.rows {
                Rows::Whole => self.model.run(input),
                Rows::New(rows) => self.model.run_with(&mut self.memory, input, rows),
            };
            drop(black_box(output));
        }
    }
}

struct Runtime {
    model: OrtModel,
    inputs: Vec<Vec<f32>>,
    /// The C call alone.
    bare: bool,
}

impl Subject for Runtime {
    fn restart(&mut self) {}

    fn take(&mut self, items: Range<usize>) {
        for item in items {
            let input = &self.inputs[item % INPUTS];
            self.model.input_mut().copy_from_slice(input);
            if self.bare {
                drop(black_box(self.model.run_bare()));
            } else {
                drop(black_box(self.model.run_in_place()));
            }
        }
    }
}
