//! Runs in ONNX Runtime, held against arithmetic done here.

use super::*;
use crate::proto::OperatorSetIdProto;
use crate::{Model, OrtModel, Output, OutputKind, RuntimeOptions, Shape, example, stamp};

fn load(file: &ModelFile) -> OrtModel {
    OrtModel::load(file, &RuntimeOptions::default()).unwrap()
}

fn assert_send<T: Send>(value: T) -> T {
    value
}

#[track_caller]
fn assert_classes(output: Output, expected: [f32; 3]) {
    let Output::Classes { down, flat, up } = output else { panic!("{output:?}") };
    for (got, wanted) in [down, flat, up].iter().zip(expected) {
        assert!((got - wanted).abs() <= 1e-6, "{output:?}, expected {expected:?}");
    }
    assert_eq!(output.score(), up - down);
}

/// What [`classes_graph`] must give.
fn softmax_of(input: [f32; 4]) -> [f32; 3] {
    let sum: f64 = input.iter().zip(1..).map(|(x, i)| f64::from(*x) * f64::from(i) / 4.0).sum();
    let exponents = [(-sum).exp(), 1.0, sum.exp()];
    let total: f64 = exponents.iter().sum();
    exponents.map(|e| (e / total) as f32)
}

#[test]
fn classes_come_out_as_computed_by_hand() {
    let mut model = load(&file(classes_graph()));
    assert_eq!(model.shape(), Shape { steps: 1, features: 4 });
    assert_eq!(model.kind(), OutputKind::Classes);
    assert!(model.engine().starts_with("onnxruntime 1."), "{}", model.engine());
    for input in [[0.0; 4], [1.0, -0.5, 0.25, 0.125], [-0.3, 0.7, -0.9, 0.1], [4.0; 4]] {
        assert_classes(model.run(&input).unwrap(), softmax_of(input));
    }
}

#[test]
fn a_value_comes_out_as_computed_by_hand() {
    let mut model = load(&file(value_graph()));
    let output = model.run(&[1.0, 0.5, -0.25, 0.125]).unwrap();
    assert_eq!(output, Output::Value(1.75));
    assert_eq!(output.score(), 1.75);
    model.input_mut()[3] = 1.0;
    assert_eq!(model.run_in_place().unwrap(), Output::Value(5.25));
}

#[test]
fn a_batch_of_exactly_one_runs_too() {
    let mut graph = classes_graph();
    graph.input = vec![tensor_value("features", 1, &[Some(1), Some(4)])];
    graph.output = vec![tensor_value("probabilities", 1, &[Some(1), Some(3)])];
    let input = [0.1, 0.2, 0.3, 0.4];
    assert_classes(load(&file(graph)).run(&input).unwrap(), softmax_of(input));
}

#[test]
fn a_window_is_read_oldest_frame_first() {
    // Three frames of two features; weights tell the six places apart.
    let mut graph = linear(2, 3, vec![1.0, 10.0, 100.0, 1e3, 1e4, 1e5], "value");
    graph.output.push(tensor_value("value", 1, &[None, Some(1)]));
    let mut model = load(&file(graph));
    assert_eq!(model.shape(), Shape { steps: 3, features: 2 });
    let output = model.run(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
    assert_eq!(output, Output::Value(654_321.0));
}

#[test]
fn a_flat_value_without_a_column_runs() {
    let mut graph = linear(4, 1, vec![1.0, 2.0, 3.0, 4.0], "column");
    let mut sum = node("ReduceMax", &["column"], "value");
    sum.attribute.push(crate::proto::AttributeProto {
        name: Some("axes".into()),
        ints: vec![1],
        r#type: Some(7),
        ..Default::default()
    });
    sum.attribute.push(example::integer("keepdims", 0));
    graph.node.push(sum);
    graph.output.push(tensor_value("value", 1, &[None]));
    assert_eq!(load(&file(graph)).run(&[1.0; 4]).unwrap(), Output::Value(10.0));
}

#[test]
fn a_label_beside_the_probabilities_is_passed_over() {
    let mut graph = classes_graph();
    let mut label = node("ArgMax", &["probabilities"], "label");
    label.attribute.push(example::integer("axis", 1));
    label.attribute.push(example::integer("keepdims", 0));
    graph.node.push(label);
    graph.output.insert(0, tensor_value("label", 7, &[None]));
    let input = [0.1, 0.2, 0.3, 0.4];
    assert_classes(load(&file(graph)).run(&input).unwrap(), softmax_of(input));
}

#[test]
fn an_output_that_is_not_finite_is_an_error_and_the_next_run_is_not() {
    let mut model = load(&file(value_graph()));
    let error = model.run(&[3e38; 4]).unwrap_err();
    assert!(matches!(error, InferenceError::NonFinite), "{error:?}");
    assert_eq!(model.run(&[1.0, 0.0, 0.0, 0.0]).unwrap(), Output::Value(1.0));
    // A warm-up judges nothing.
    model.input_mut().fill(3e38);
    model.warm_up(3).unwrap();
}

#[test]
fn a_vector_of_another_length_is_refused() {
    let error = load(&file(value_graph())).run(&[0.0; 5]).unwrap_err();
    assert!(matches!(error, InferenceError::InputLength { expected: 4, got: 5 }), "{error:?}");
}

#[test]
fn what_the_runtime_does_not_accept_is_an_error_with_its_words() {
    let mut unknown = value_graph();
    unknown.node.push(node("NoSuchOperator", &["value"], "other"));
    let mut lying = value_graph();
    lying.output = vec![tensor_value("value", 1, &[None, Some(3)])];
    for graph in [unknown, lying] {
        let error = OrtModel::load(&file(graph), &RuntimeOptions::default()).unwrap_err();
        let InferenceError::Session { message, .. } = &error else { panic!("{error:?}") };
        assert!(!message.is_empty());
    }
    let mut proto = ModelProto::decode(unstamped(value_graph()).as_slice()).unwrap();
    proto.opset_import = vec![OperatorSetIdProto { domain: None, version: Some(9999) }];
    let future = ModelFile::from_bytes("x", proto.encode_to_vec()).unwrap();
    let error = OrtModel::load(&future, &RuntimeOptions::default()).unwrap_err();
    assert!(error.to_string().contains("hint: export it for an opset"), "{error}");
}

#[test]
fn the_golden_table_must_come_out() {
    let golden = |output: f32| Golden {
        inputs: vec![vec![0.0; 4], vec![1.0, 2.0, 3.0, 4.0]],
        outputs: vec![vec![0.0], vec![output]],
    };
    let stamped = |output| {
        let contract =
            Contract::new(names(&FEATURES), "x".into(), 1, None, golden(output)).unwrap();
        let bytes = stamp(&file(value_graph()), &contract).unwrap();
        ModelFile::from_bytes("x", bytes).unwrap()
    };
    let mut model = Model::from_file(&stamped(30.0), &RuntimeOptions::default()).unwrap();
    model.check_golden(0.0).unwrap();
    // Within 1e-5 of a value of 30.
    Model::from_file(&stamped(30.0002), &RuntimeOptions::default()).unwrap();
    let found = refusal(Model::from_file(&stamped(30.001), &RuntimeOptions::default()));
    let expected =
        Refusal::Golden { row: 1, column: 0, expected: 30.001, got: 30.0, tolerance: 1e-5 };
    assert_eq!(found, expected);
}

#[test]
fn a_model_knows_its_name_contract_and_engine() {
    let bytes = example::classifier(&FEATURES, 5);
    let file = ModelFile::from_bytes("models/obi/7/model.onnx", bytes).unwrap();
    let mut model = Model::from_file(&file, &RuntimeOptions::default()).unwrap();
    assert_eq!((model.name(), model.version()), ("obi", "7"));
    assert_eq!(model.contract().features(), FEATURES);
    model.check_features(&FEATURES).unwrap();
    let error = model.check_features(&["obi_5"]).unwrap_err();
    assert!(error.to_string().starts_with("model `models/obi/7/model.onnx` expects 4"), "{error}");
    assert_eq!(model.shape().values(), 20);
    assert_eq!(model.sha256(), file.sha256());
    model.warm_up(2).unwrap();
    assert!(model.run(&[0.5; 20]).unwrap().score() > 0.0);
    assert_eq!(model.run(&[0.0; 20]).unwrap().score(), 0.0);
}

#[test]
fn a_model_without_a_contract_is_refused_before_the_runtime_is_asked() {
    let found = refusal(Model::from_file(&file(value_graph()), &RuntimeOptions::default()));
    assert_eq!(found, Refusal::MissingKey { key: "tickhawk.features" });
}

#[test]
fn models_come_and_go() {
    for round in 0..50 {
        let mut one = load(&file(value_graph()));
        let mut other = load(&file(classes_graph()));
        assert_eq!(one.run(&[round as f32, 0.0, 0.0, 0.0]).unwrap(), Output::Value(round as f32));
        assert_classes(other.run(&[0.0; 4]).unwrap(), [1.0 / 3.0; 3]);
    }
}

#[test]
fn models_move_between_threads_and_run_side_by_side() {
    let workers: Vec<_> = (0..4)
        .map(|worker| {
            let mut model = assert_send(load(&file(value_graph())));
            std::thread::spawn(move || {
                for run in 0..1000 {
                    let x = (worker * 1000 + run) as f32;
                    assert_eq!(model.run(&[x, 0.0, 0.0, 0.0]).unwrap(), Output::Value(x));
                }
                model
            })
        })
        .collect();
    for worker in workers {
        // Dropped here, on another thread than it ran on.
        worker.join().unwrap();
    }
}
