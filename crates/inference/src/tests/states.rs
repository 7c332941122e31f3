//! Models that carry state: what a contract says of them, and their steps on both engines.

use super::*;
use crate::native::recurrent::tests::graphs::{Net, stacked};
use crate::native::recurrent::tests::{Case, plain};
use crate::{Engine, Isa, Model, NativeModel, OrtModel, Output, RuntimeOptions, State, stamp};

const INPUTS: usize = 4;

/// Two layers, an LSTM and a GRU, over that many steps.
fn layers(steps: usize) -> [Case; 2] {
    [plain(true, steps, INPUTS, 20), plain(false, steps, 20, 7)]
}

/// One step of [`layers`], over `[N, F]`, or `[N, 1, F]` if `deep`.
fn step_net(deep: bool) -> Net {
    let one = Some(1);
    let features = Some(INPUTS as i64);
    let dims = if deep { vec![None, one, features] } else { vec![None, features] };
    let mut net = Net::of_features(&dims);
    if deep {
        net.time_first("features", "x0");
    } else {
        net.reshape("features", "x0", &[1, -1, INPUTS as i64]);
    }
    let [lstm, gru] = layers(1);
    net.layer(&lstm, "l0", "x0", ["h0", "c0"]);
    net.squeeze("l0y", "x1", 1);
    net.layer(&gru, "l1", "x1", ["h1", ""]);
    net.value_of(&[("l1y", 7)]);
    net.carry("h0", "l0y_h", &[one, None, Some(20)]);
    net.carry("c0", "l0y_c", &[one, None, Some(20)]);
    net.carry("h1", "l1y_h", &[one, None, Some(7)]);
    net
}

fn state(output: &str, input: &str) -> State {
    State { output: output.into(), input: input.into() }
}

fn states() -> Vec<State> {
    vec![state("l0y_h", "h0"), state("l0y_c", "c0"), state("l1y_h", "h1")]
}

fn rows(count: usize) -> Vec<Vec<f32>> {
    (0..count)
        .map(|row| (0..INPUTS).map(|k| ((row * 7 + k * 3) as f32).sin() * 2.0).collect())
        .collect()
}

/// The file with a contract over these golden rows.
fn stamped(net: Net, states: Vec<State>, golden: Golden) -> Result<ModelFile, Refusal> {
    let contract = Contract::new(names(&FEATURES), "x".into(), 1, None, golden)?;
    let contract = contract.with_states(states)?;
    match stamp(&net.file(), &contract) {
        Ok(bytes) => Ok(ModelFile::from_bytes("x.onnx", bytes).unwrap()),
        outcome => Err(refusal(outcome)),
    }
}

/// A golden table nobody looks at.
fn any_golden() -> Golden {
    Golden { inputs: vec![vec![0.0; INPUTS]], outputs: vec![vec![0.0]] }
}

fn file(deep: bool) -> ModelFile {
    stamped(step_net(deep), states(), any_golden()).unwrap()
}

fn runtime(file: &ModelFile) -> OrtModel {
    OrtModel::load(file, &RuntimeOptions::default()).unwrap()
}

#[track_caller]
fn number(output: Result<Output, InferenceError>) -> f32 {
    match output.unwrap() {
        Output::Value(value) => value,
        classes => panic!("{classes:?}"),
    }
}

#[test]
fn steps_give_what_the_whole_sequence_gives() {
    for (deep, count) in [(true, 1), (false, 2), (true, 7), (false, 60)] {
        let rows = rows(count);
        let whole = number(runtime(&stacked(&layers(count))).run(&rows.concat()));
        let file = file(deep);
        let (mut ort, mut native) = (runtime(&file), NativeModel::compile(&file).unwrap());
        let (mut ort_memory, mut memory) = (ort.memory(), native.memory());
        let mut last = [0.0; 2];
        for row in &rows {
            last = [
                number(ort.run_with(&mut ort_memory, row, 1)),
                number(native.run_with(&mut memory, row, 1)),
            ];
        }
        assert!(last.iter().all(|last| (last - whole).abs() < 1e-5), "{last:?}, {whole}");
    }
}

#[test]
fn long_runs_stay_together_and_instruction_sets_give_the_same_bits() {
    let file = file(true);
    let mut ort = runtime(&file);
    let mut ort_memory = ort.memory();
    let compile = |isa| NativeModel::compile(&file).unwrap().with_isa(isa);
    let mut natives: Vec<_> =
        Isa::available().map(compile).map(|native| (native.memory(), native)).collect();
    for row in rows(2_000) {
        let expected = number(ort.run_with(&mut ort_memory, &row, 1));
        let mut step = |(memory, native): &mut (_, NativeModel)| {
            number(native.run_with(memory, &row, 1)).to_bits()
        };
        let found: Vec<u32> = natives.iter_mut().map(&mut step).collect();
        assert!(found.iter().all(|bits| *bits == found[0]));
        assert!((f32::from_bits(found[0]) - expected).abs() < 1e-5);
    }
}

#[test]
fn a_gap_is_an_error_until_the_memory_forgets() {
    let file = file(false);
    let options = |engine| RuntimeOptions { engine, ..RuntimeOptions::default() };
    let golden = {
        let mut model = NativeModel::compile(&file).unwrap();
        let mut memory = model.memory();
        let inputs = rows(5);
        let run = |row: &Vec<f32>| vec![number(model.run_with(&mut memory, row, 1))];
        Golden { outputs: inputs.iter().map(run).collect(), inputs }
    };
    let file = stamped(step_net(false), states(), golden.clone()).unwrap();
    for engine in [Engine::Native, Engine::OnnxRuntime] {
        let mut model = Model::from_file(&file, &options(engine)).unwrap();
        assert_eq!((model.engine_kind(), model.is_stateful()), (engine, true));
        let rows = rows(5);
        let (mut one, mut other) = (model.memory(), model.memory());
        let mut expected = Vec::new();
        for row in &rows {
            // What is new before the first step is of no account.
            let new = if expected.is_empty() { 9 } else { 1 };
            expected.push(number(model.run_with(&mut one, row, new)));
        }
        for new_rows in [0, 2, 1, usize::MAX] {
            let error = model.run_with(&mut one, &rows[0], new_rows).unwrap_err();
            let found = matches!(error, InferenceError::StateGap { new_rows: n } if n == new_rows);
            assert!(found, "{error:?}");
        }
        one.forget();
        // Two instruments step in turns, one of them a row behind.
        for (at, row) in rows.iter().enumerate() {
            assert_eq!(number(model.run_with(&mut one, row, 1)), expected[at]);
            if at > 0 {
                let before = number(model.run_with(&mut other, &rows[at - 1], 1));
                assert_eq!(before, expected[at - 1]);
            }
        }
        model.warm_up(3).unwrap();
        model.check_golden(1e-5).unwrap();
        assert_eq!(number(model.run_with(&mut other, &rows[4], 1)), expected[4]);
        let error = model.run(&rows[0]).unwrap_err();
        assert!(matches!(error, InferenceError::NeedsMemory), "{error:?}");
        let error = model.run_with(&mut one, &[0.0; 3], 1).unwrap_err();
        assert!(matches!(error, InferenceError::InputLength { .. }), "{error:?}");
    }
    // The order of a golden table counts.
    let mut swapped = golden;
    swapped.inputs.reverse();
    swapped.outputs.reverse();
    let file = stamped(step_net(false), states(), swapped).unwrap();
    let found = refusal(Model::from_file(&file, &RuntimeOptions::default()));
    assert!(matches!(found, Refusal::Golden { row: 0, .. }), "{found:?}");
}

#[test]
fn a_contract_keeps_its_states() {
    let file = file(true);
    assert_eq!(
        file.metadata("tickhawk.state").collect::<Vec<_>>(),
        [r#"[["l0y_h","h0"],["l0y_c","c0"],["l1y_h","h1"]]"#]
    );
    let contract = Contract::parse(&file).unwrap();
    assert_eq!(contract.states(), states());
    assert_eq!(stamp(&file, &contract).unwrap(), file.bytes());
    // Without the entry, the graph has inputs nobody fills.
    let bare = Contract::new(names(&FEATURES), "x".into(), 1, None, any_golden()).unwrap();
    let found = refusal(stamp(&file, &bare));
    assert!(matches!(found, Refusal::InputCount { count: 4, .. }), "{found:?}");
}

#[test]
fn every_wrong_state_is_named() {
    let check = |states: Vec<State>, bend: &dyn Fn(&mut GraphProto), words: &str| {
        let mut net = step_net(true);
        bend(&mut net.graph);
        let found = stamped(net, states, any_golden()).unwrap_err();
        assert!(found.to_string().contains(words), "{found}");
    };
    let with = |index: usize, other: State| {
        let mut states = states();
        states[index] = other;
        states
    };
    check(with(0, state("h_out", "h0")), &|_| (), "output `h_out`, but its outputs are value");
    check(with(0, state("l0y_h", "h9")), &|_| (), "input `h9`, but its inputs are features");
    check(with(1, state("l0y_c", "h0")), &|_| (), "the input `h0` is in two pairs");
    check(with(1, state("l0y_h", "c0")), &|_| (), "the output `l0y_h` is in two pairs");
    check(with(1, state("", "c0")), &|_| (), "pair 1: an output's name has");
    let many = (0..17).map(|i| state(&format!("o{i}"), &format!("i{i}"))).collect();
    check(many, &|_| (), "17 pairs, at most 16");
    check(with(2, state("l0y_c", "h1")), &|_| (), "in two pairs");
    let swapped = vec![state("l1y_h", "h0"), state("l0y_c", "c0"), state("l0y_h", "h1")];
    let words = "from l1y_h float32[1, N, 7] to h0 float32[1, N, 20], which differ";
    check(swapped, &|_| (), words);
    let double = |graph: &mut GraphProto| {
        graph.input[1] = tensor_value("h0", 11, &[Some(1), None, Some(20)]);
    };
    check(states(), &double, "carries state in h0 float64[1, N, 20], states must be float32");
    let huge = |graph: &mut GraphProto| {
        graph.input[1] = tensor_value("h0", 1, &[Some(i64::MAX), None, Some(i64::MAX)]);
    };
    check(states(), &huge, "at most 65536 numbers");
    let shapeless = |graph: &mut GraphProto| {
        let kind = graph.output[1].r#type.as_mut().unwrap();
        kind.tensor.as_mut().unwrap().shape = None;
    };
    check(states(), &shapeless, "carries state in l0y_h float32 of unknown shape");
    let window = |graph: &mut GraphProto| {
        graph.input[0] = tensor_value("features", 1, &[None, Some(3), Some(4)]);
    };
    check(states(), &window, "it must take one frame");
    check(states()[..2].to_vec(), &|_| (), "has 2 inputs (features, h1)");
    for text in ["", "[]", r#"[["a"]]"#, r#"["a","b"]"#, r#"[["a","b","c"]]"#] {
        let file = with_metadata(value_graph(), &[("tickhawk.state", text)]);
        let found = refusal(crate::Signature::of(&file));
        let about = matches!(found, Refusal::BadValue { key: "tickhawk.state", .. });
        assert!(about, "{text}: {found:?}");
    }
}
