//! Reading files: what they say, and what is not a model.

use super::*;
use crate::example;
use crate::proto::{
    AttributeProto, FunctionProto, SparseTensorProto, TensorProto, TypeProto, ValueInfoProto,
};
use crate::{Dim, OutputKind, Shape, Signature, ValueKind};
use proptest::prelude::*;

#[test]
fn a_file_says_what_it_holds() {
    let mut graph = classes_graph();
    // Old exporters list weights among the inputs.
    graph.input.push(tensor_value("weights", 1, &[Some(4), Some(3)]));
    let mut trees = node("TreeEnsembleClassifier", &["features"], "unused");
    trees.domain = Some("ai.onnx.ml".into());
    let mut branch = node("If", &["features"], "branched");
    let subgraph = GraphProto { node: vec![node("Relu", &["x"], "y")], ..Default::default() };
    branch.attribute.push(AttributeProto { g: Some(subgraph), ..Default::default() });
    graph.node.extend([trees, branch]);

    let file = with_metadata(graph, &[("author", "a person")]);
    assert_eq!(
        file.operators(),
        ["Gemm", "If", "Relu", "Softmax", "ai.onnx.ml:TreeEnsembleClassifier"]
    );
    assert_eq!(file.opsets().collect::<Vec<_>>(), [("", 13)]);
    assert_eq!(file.metadata("author").collect::<Vec<_>>(), ["a person"]);
    let inputs = file.inputs();
    assert_eq!(inputs.len(), 1);
    assert_eq!(inputs[0].kind, ValueKind::Tensor(1));
    assert_eq!(inputs[0].dims, Some(vec![Dim::Free(Some("N".into())), Dim::Fixed(4)]));
    assert_eq!(file.outputs()[0].to_string(), "probabilities float32[N, 3]");
    assert_eq!(file.sha256().len(), 64);
}

#[test]
fn read_reads_the_file_and_names_what_it_cannot() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.onnx");
    let error = ModelFile::read(&path).unwrap_err();
    assert!(matches!(error, InferenceError::Read { .. }), "{error:?}");
    assert!(error.to_string().contains("m.onnx"), "{error}");
    std::fs::write(&path, unstamped(value_graph())).unwrap();
    assert_eq!(ModelFile::read(&path).unwrap().bytes(), unstamped(value_graph()));
    assert!(matches!(ModelFile::read(folder.path()), Err(InferenceError::Read { .. })));
}

#[test]
fn a_file_beyond_the_bound_is_not_read_whole() {
    let file = tempfile::NamedTempFile::new().unwrap();
    // Sparse: takes no room on disk.
    file.as_file().set_len(crate::MODEL_BYTES_MAX + 1).unwrap();
    let error = ModelFile::read(file.path()).unwrap_err();
    assert!(matches!(error, InferenceError::TooLarge { .. }), "{error:?}");
}

#[test]
fn other_formats_are_named() {
    for (bytes, word) in [
        (&b""[..], "empty"),
        (b"PK\x03\x04rest", "zip"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS"),
        (b"\x80\x04\x95", "pickle"),
        (b"\x18\0\0\0ORTM", ".ort"),
        // A message of one unknown field.
        (b"\x98\x06\x01", "format version"),
    ] {
        match refusal(ModelFile::from_bytes("x", bytes.to_vec())) {
            Refusal::NotOnnx(what) => assert!(what.contains(word), "{what}"),
            other => panic!("{other:?} for {word}"),
        }
    }
    for text in ["hello", "<html></html>", "{\"a\": 1}"] {
        let found = refusal(ModelFile::from_bytes("x", text.into()));
        assert!(matches!(found, Refusal::Damaged(_) | Refusal::NotOnnx(_)), "{found:?}");
    }
}

#[test]
fn a_file_broken_off_anywhere_is_refused() {
    for whole in [example::classifier(&FEATURES, 1), example::regressor(&FEATURES, 3)] {
        for length in 0..whole.len() {
            let outcome = ModelFile::from_bytes("x", whole[..length].to_vec())
                .and_then(|file| Contract::parse(&file));
            let found = refusal(outcome);
            let expected = matches!(
                found,
                Refusal::Damaged(_) | Refusal::NotOnnx(_) | Refusal::MissingKey { .. }
            );
            assert!(expected, "{length} of {}: {found:?}", whole.len());
        }
        Contract::parse(&ModelFile::from_bytes("x", whole).unwrap()).unwrap();
    }
}

#[test]
fn weights_outside_the_file_are_refused_wherever_they_hide() {
    let outside =
        || TensorProto { name: Some("w".into()), data_location: Some(1), ..Default::default() };
    let entry = StringStringEntryProto { key: Some("location".into()), value: Some("/x".into()) };
    let named =
        TensorProto { name: Some("w".into()), external_data: vec![entry], ..Default::default() };
    let sparse = || SparseTensorProto { values: Some(outside()), indices: None };
    let with_attribute = |attribute: AttributeProto| {
        let mut graph = value_graph();
        graph.node[0].attribute.push(attribute);
        graph
    };
    let mut initializer = value_graph();
    initializer.initializer.push(outside());
    let mut location = value_graph();
    location.initializer.push(named);
    let mut sparse_initializer = value_graph();
    sparse_initializer.sparse_initializer.push(sparse());
    let subgraph = initializer.clone();
    for graph in [
        initializer,
        location,
        sparse_initializer,
        with_attribute(AttributeProto { t: Some(outside()), ..Default::default() }),
        with_attribute(AttributeProto { tensors: vec![outside()], ..Default::default() }),
        with_attribute(AttributeProto { sparse_tensor: Some(sparse()), ..Default::default() }),
        with_attribute(AttributeProto { sparse_tensors: vec![sparse()], ..Default::default() }),
        with_attribute(AttributeProto { g: Some(subgraph.clone()), ..Default::default() }),
        with_attribute(AttributeProto { graphs: vec![subgraph], ..Default::default() }),
    ] {
        let found = refusal(ModelFile::from_bytes("x", unstamped(graph)));
        assert_eq!(found, Refusal::ExternalData { tensor: "w".into() });
    }
    let mut proto = ModelProto::decode(unstamped(value_graph()).as_slice()).unwrap();
    let mut constant = node("Constant", &[], "c");
    constant.attribute.push(AttributeProto { t: Some(outside()), ..Default::default() });
    proto.functions.push(FunctionProto { node: vec![constant] });
    let found = refusal(ModelFile::from_bytes("x", proto.encode_to_vec()));
    assert_eq!(found, Refusal::ExternalData { tensor: "w".into() });
}

#[test]
fn a_tensor_cannot_claim_more_than_the_file_has_room_for() {
    for dims in [vec![65_536, 8_192], vec![1 << 31, 1 << 31, 1 << 31], vec![-1], vec![4, -4]] {
        let mut graph = value_graph();
        let name = Some("vast".into());
        graph.initializer.push(TensorProto { name, dims: dims.clone(), ..Default::default() });
        match refusal(ModelFile::from_bytes("x", unstamped(graph))) {
            Refusal::Damaged(what) => assert!(what.contains("`vast` claims"), "{dims:?}: {what}"),
            other => panic!("{other:?} for {dims:?}"),
        }
    }
}

/// The signature of a graph with this input and these outputs.
fn signature(
    inputs: Vec<ValueInfoProto>,
    outputs: Vec<ValueInfoProto>,
) -> Result<(Shape, OutputKind, String), Refusal> {
    let graph = GraphProto { input: inputs, output: outputs, ..Default::default() };
    match Signature::of(&file(graph)) {
        Ok(signature) => Ok((signature.shape, signature.kind, signature.output.name)),
        error => Err(refusal(error)),
    }
}

#[test]
fn inputs_of_the_right_form_are_accepted() {
    let output = || vec![tensor_value("p", 1, &[None, Some(3)])];
    for (dims, steps, features) in [
        (vec![None, Some(4)], 1, 4),
        (vec![Some(1), Some(4)], 1, 4),
        (vec![None, Some(100), Some(40)], 100, 40),
        (vec![Some(1), Some(4096), Some(128)], 4096, 128),
    ] {
        let found = signature(vec![tensor_value("x", 1, &dims)], output()).unwrap();
        assert_eq!(found.0, Shape { steps, features });
    }
}

#[test]
fn inputs_of_another_form_are_refused() {
    let output = || vec![tensor_value("p", 1, &[None, Some(3)])];
    for dims in [
        vec![],
        vec![Some(4)],
        vec![Some(2), Some(4)],
        vec![None, None],
        vec![None, None, Some(4)],
        vec![None, Some(0)],
        vec![None, Some(-4)],
        vec![None, Some(129)],
        vec![None, Some(4097), Some(4)],
        vec![None, Some(1), Some(100), Some(40)],
    ] {
        let found = signature(vec![tensor_value("x", 1, &dims)], output()).unwrap_err();
        assert!(matches!(found, Refusal::InputShape { .. }), "{dims:?}: {found:?}");
    }
    let shapeless = ValueInfoProto {
        r#type: Some(TypeProto {
            tensor: Some(crate::proto::TensorTypeProto { elem_type: Some(1), shape: None }),
            ..Default::default()
        }),
        ..tensor_value("x", 1, &[])
    };
    let found = signature(vec![shapeless], output()).unwrap_err();
    assert!(matches!(found, Refusal::InputShape { .. }), "{found:?}");
    let found = signature(vec![tensor_value("x", 11, &[None, Some(4)])], output()).unwrap_err();
    assert_eq!(found, Refusal::InputType { found: "x float64[N, 4]".into() });
    let x = || tensor_value("x", 1, &[None, Some(4)]);
    let found = signature(vec![], output()).unwrap_err();
    assert!(matches!(found, Refusal::InputCount { count: 0, .. }), "{found:?}");
    let found = signature(vec![x(), tensor_value("h", 1, &[Some(1)])], output()).unwrap_err();
    assert_eq!(found, Refusal::InputCount { count: 2, names: "x, h".into() });
}

#[test]
fn the_score_is_found_among_outputs() {
    let x = || vec![tensor_value("x", 1, &[None, Some(4)])];
    let label = || tensor_value("label", 7, &[None]);
    let classes = || tensor_value("p", 1, &[None, Some(3)]);
    let value = |dims: &[Option<i64>]| tensor_value("v", 1, dims);
    for (outputs, expected) in [
        (vec![classes()], (OutputKind::Classes, "p")),
        (vec![label(), classes()], (OutputKind::Classes, "p")),
        (vec![classes(), value(&[None])], (OutputKind::Classes, "p")),
        (vec![tensor_value("p", 1, &[Some(1), Some(3)])], (OutputKind::Classes, "p")),
        (vec![value(&[None, Some(1)])], (OutputKind::Value, "v")),
        (vec![value(&[None])], (OutputKind::Value, "v")),
        (vec![value(&[Some(1)])], (OutputKind::Value, "v")),
    ] {
        let (_, kind, name) = signature(x(), outputs).unwrap();
        assert_eq!((kind, name.as_str()), expected);
    }
}

#[test]
fn outputs_of_another_form_are_refused() {
    let x = || vec![tensor_value("x", 1, &[None, Some(4)])];
    let refused = |outputs| signature(x(), outputs).unwrap_err();
    for dims in [vec![None, Some(2)], vec![None, None], vec![Some(5)], vec![None, Some(3), Some(1)]]
    {
        let found = refused(vec![tensor_value("p", 1, &dims)]);
        assert!(matches!(found, Refusal::OutputShape { .. }), "{dims:?}: {found:?}");
    }
    let found = refused(vec![tensor_value("p", 11, &[None, Some(3)])]);
    assert_eq!(found, Refusal::OutputType { found: "p float64[N, 3]".into() });
    let p = |name| tensor_value(name, 1, &[None, Some(3)]);
    assert!(matches!(refused(vec![p("a"), p("b")]), Refusal::OutputAmbiguous { .. }));
    let found = refused(vec![ValueInfoProto { name: Some("p".into()), r#type: None }]);
    assert!(matches!(found, Refusal::OutputShape { .. }), "{found:?}");
}

/// Everything that reads a file's content without a runtime.
fn read_all(bytes: Vec<u8>) {
    if let Ok(file) = ModelFile::from_bytes("x", bytes) {
        file.operators();
        file.outputs();
        let _ = Signature::of(&file);
        if let Ok(contract) = Contract::parse(&file) {
            let _ = crate::stamp(&file, &contract);
        }
    }
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        read_all(bytes);
    }

    #[test]
    fn altered_models_never_panic(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = example::classifier(&FEATURES, 2);
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        read_all(bytes);
    }
}
