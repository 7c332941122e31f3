//! Wrong libraries are told apart, and none of them is in the way of the right one.
//!
//! One test: a process holds one ONNX Runtime, so the order of these steps matters.

use std::path::{Path, PathBuf};
use tickhawk_inference::{
    Engine, InferenceError, LibraryError, Model, ModelFile, Runtime, RuntimeOptions, example,
};

fn load(library: &Path) -> Result<Runtime, LibraryError> {
    let library = Some(library.to_path_buf());
    Runtime::load(&RuntimeOptions { library, ..RuntimeOptions::default() })
}

/// A shared library that every Linux process has loaded, and that is not ONNX Runtime.
fn another_library() -> PathBuf {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let paths = maps.lines().filter_map(|line| line.split_whitespace().last());
    paths.map(PathBuf::from).find(|path| path.to_string_lossy().contains("/libc.so")).unwrap()
}

#[test]
fn one_runtime_a_process_and_wrong_ones_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("libonnxruntime.so");
    std::fs::write(&text, "not a library at all").unwrap();
    let missing = folder.path().join("missing.so");

    let error = load(&missing).unwrap_err();
    assert_eq!(error, LibraryError::NotFound { path: missing, origin: "given" });
    let error = load(folder.path()).unwrap_err();
    assert!(matches!(error, LibraryError::NotFound { .. }), "{error:?}");

    let error = load(&text).unwrap_err();
    let LibraryError::NotLoadable { path, message, .. } = &error else { panic!("{error:?}") };
    assert_eq!((path, message.is_empty()), (&text, false));
    assert!(error.to_string().contains("hint: set ORT_DYLIB_PATH"), "{error}");

    let error = load(&another_library()).unwrap_err();
    assert!(matches!(error, LibraryError::NotOnnxRuntime { .. }), "{error:?}");
    assert!(error.to_string().contains("OrtGetApiBase"), "{error}");

    // The one that was built with, or that ORT_DYLIB_PATH names, still loads.
    let runtime = Runtime::load(&RuntimeOptions::default()).unwrap();
    assert!(runtime.version().starts_with("1."), "{}", runtime.version());
    assert_eq!(load(runtime.path()).unwrap().path(), runtime.path());
    let link = folder.path().join("link.so");
    std::os::unix::fs::symlink(runtime.path(), &link).unwrap();
    assert_eq!(load(&link).unwrap().path(), runtime.path());

    let error = load(&text).unwrap_err();
    assert!(matches!(error, LibraryError::AnotherLoaded { .. }), "{error:?}");
    let file = ModelFile::from_bytes("x.onnx", example::regressor(&["a"], 1)).unwrap();
    let options = RuntimeOptions {
        engine: Engine::OnnxRuntime,
        library: Some(text),
        ..RuntimeOptions::default()
    };
    let error = Model::from_file(&file, &options).unwrap_err();
    assert!(matches!(error, InferenceError::Library(_)), "{error:?}");
    Model::from_file(&file, &RuntimeOptions::default()).unwrap();
}
