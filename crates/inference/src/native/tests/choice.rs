//! Which engine a model gets, and what the native one refuses.

use super::graphs::{Builder, int, ints, strings};
use crate::proto::{MapTypeProto, SequenceTypeProto, TypeProto, ValueInfoProto};
use crate::{
    Contract, Engine, Golden, InferenceError, Model, ModelFile, NativeModel, OrtModel, Output,
    Refusal, RuntimeOptions, example, stamp,
};

fn with(engine: Engine) -> RuntimeOptions {
    RuntimeOptions { engine, ..RuntimeOptions::default() }
}

/// The file with a contract whose one golden row is of zeros.
fn stamped(file: &ModelFile, features: usize, outputs: &[f32]) -> ModelFile {
    let golden = Golden { inputs: vec![vec![0.0; features]], outputs: vec![outputs.to_vec()] };
    let names = (0..features).map(|index| format!("f{index}")).collect();
    let contract = Contract::new(names, "x".into(), 1, None, golden).unwrap();
    ModelFile::from_bytes("x.onnx", stamp(file, &contract).unwrap()).unwrap()
}

/// The largest of four numbers, by an operator that the native engine does not have.
fn foreign() -> ModelFile {
    let mut builder = Builder::new(17, &[4]);
    let sorted = builder.nodes("TopK", &["x", "one"], vec![int("axis", 1)], 2);
    let one = builder.integers(&[1]);
    builder.graph_mut().initializer[0].name = Some("one".into());
    assert_eq!(one, "v1");
    stamped(&builder.file(&sorted[0], 1), 4, &[0.0])
}

#[test]
fn native_where_it_can_and_the_runtime_where_it_cannot() {
    let file = ModelFile::from_bytes("x", example::classifier(&["a", "b"], 3)).unwrap();
    let model = Model::from_file(&file, &RuntimeOptions::default()).unwrap();
    assert_eq!((model.engine_kind(), model.engine_reason()), (Engine::Native, None));
    assert!(model.engine().starts_with("native "), "{}", model.engine());
    let model = Model::from_file(&file, &with(Engine::OnnxRuntime)).unwrap();
    assert_eq!(model.engine_kind(), Engine::OnnxRuntime);
    assert_eq!(model.engine_reason(), Some("asked for"));

    let mut model = Model::from_file(&foreign(), &RuntimeOptions::default()).unwrap();
    assert_eq!(model.engine_kind(), Engine::OnnxRuntime);
    let reason = model.engine_reason().unwrap().to_owned();
    assert_eq!(reason, "operator `TopK` (node `v0_0`) is not supported");
    assert_eq!(model.run(&[1.0, 4.0, -2.0, 3.0]).unwrap(), Output::Value(4.0));
    let error = Model::from_file(&foreign(), &with(Engine::Native)).unwrap_err();
    assert!(error.to_string().contains("operator `TopK`"), "{error}");
}

#[test]
fn a_golden_table_that_native_does_not_give_is_refused_by_both() {
    let mut builder = Builder::new(17, &[4]);
    let weights = builder.weights(&[4, 1]);
    let value = builder.node("MatMul", &["x", &weights], vec![]);
    let file = stamped(&builder.file(&value, 1), 4, &[0.5]);
    for engine in Engine::ALL {
        let error = Model::from_file(&file, &with(engine)).unwrap_err();
        let InferenceError::Refused { refusal, .. } = error else { panic!("{error}") };
        assert!(matches!(*refusal, Refusal::Golden { expected: 0.5, .. }), "{refusal:?}");
    }
}

#[test]
fn a_zip_map_is_seen_through_natively_and_refused_by_the_runtime() {
    let file = |labels| {
        let mut builder = Builder::new(17, &[4]);
        let weights = builder.weights(&[4, 3]);
        let scores = builder.node("MatMul", &["x", &weights], vec![]);
        let scores = builder.node("Softmax", &[&scores], vec![]);
        let maps = builder.node("ai.onnx.ml:ZipMap", &[&scores], vec![labels]);
        let map = TypeProto { map: Some(MapTypeProto { key_type: Some(7) }), ..Default::default() };
        let sequence = SequenceTypeProto { elem_type: Some(map) };
        let sequence = TypeProto { sequence: Some(Box::new(sequence)), ..Default::default() };
        let output = ValueInfoProto { name: Some(maps), r#type: Some(sequence) };
        builder.graph_mut().output.push(output);
        builder.encode()
    };
    let third = 1.0 / 3.0;
    for labels in [
        ints("classlabels_int64s", &[-1, 0, 1]),
        strings("classlabels_strings", &["down", "Flat", "UP"]),
    ] {
        let file = stamped(&file(labels), 4, &[third; 3]);
        let mut model = Model::from_file(&file, &RuntimeOptions::default()).unwrap();
        assert_eq!(model.engine_kind(), Engine::Native);
        assert!(model.run(&[1.0; 4]).unwrap().score() != 0.0);
    }
    for labels in [
        ints("classlabels_int64s", &[1, 0, 2]),
        strings("classlabels_strings", &["up", "flat", "down"]),
    ] {
        let file = file(labels);
        let unsupported = NativeModel::compile(&file).unwrap_err();
        assert_eq!(unsupported.operator, "ai.onnx.ml:ZipMap");
        let error = OrtModel::load(&file, &RuntimeOptions::default()).unwrap_err();
        let InferenceError::Refused { refusal, .. } = error else { panic!("{error}") };
        assert_eq!(*refusal, Refusal::ZipMap);
    }
}

#[test]
fn what_is_not_finite_is_an_error_and_the_next_run_is_not() {
    for operator in ["Relu", "Sigmoid", "Tanh", "Exp", "Softmax", "Abs", "Neg", "Softplus"] {
        let mut builder = Builder::new(17, &[1]);
        let square = builder.node("Mul", &["x", "x"], vec![]);
        // Infinity minus infinity, on the way to each function.
        let zero = builder.node("Sub", &[&square, &square], vec![]);
        let value = builder.node(operator, &[&zero], vec![]);
        let mut native = NativeModel::compile(&builder.file(&value, 1)).unwrap();
        let error = native.run(&[3e38]).unwrap_err();
        assert!(matches!(error, InferenceError::NonFinite), "{operator}: {error:?}");
        native.run(&[1.0]).unwrap();
    }
}

#[test]
fn refusals_name_the_node() {
    let mut builder = Builder::new(17, &[4]);
    let weights = builder.weights(&[5, 3]);
    let value = builder.node("MatMul", &["x", &weights], vec![]);
    let unsupported = NativeModel::compile(&builder.file(&value, 3)).unwrap_err();
    let text = "operator `MatMul` (node `v1_0`) multiplies 4 columns with 5 rows";
    assert_eq!(unsupported.to_string(), text);
}
