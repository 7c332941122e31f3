//! The models in `models/`.

use super::agrees;
use crate::ModelFile;

#[track_caller]
fn check(name: &str) {
    let path = format!("{}/../../models/{name}/1/model.onnx", env!("CARGO_MANIFEST_DIR"));
    let file = ModelFile::read(path).unwrap();
    let inputs = (0..200).map(|row| (0..32).map(|i| ((row * 32 + i) as f32).sin() * 3.0).collect());
    agrees(&file, &inputs.collect::<Vec<_>>());
}

#[test]
fn the_network() {
    check("mlp");
}

#[test]
fn the_linear_model() {
    check("linear");
}
