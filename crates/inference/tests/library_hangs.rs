//! Libraries made here that hang, are too old, or give nothing, compiled with the `cc` that Rust
//! links with.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tickhawk_inference::{LibraryError, Runtime, RuntimeOptions};

fn compile(folder: &Path, name: &str, source: &str) -> PathBuf {
    let (code, library) = (folder.join(format!("{name}.c")), folder.join(format!("lib{name}.so")));
    std::fs::write(&code, source).unwrap();
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&code);
    let status = compiler.status().expect("`cc` is what Rust links with");
    assert!(status.success());
    library
}

fn load(library: PathBuf, load_timeout: Duration) -> LibraryError {
    Runtime::load(&RuntimeOptions {
        library: Some(library),
        load_timeout,
        ..RuntimeOptions::default()
    })
    .unwrap_err()
}

#[test]
fn a_library_that_hangs_is_given_up_and_the_right_one_still_loads() {
    let folder = tempfile::tempdir().unwrap();
    let hanging = "#include <unistd.h>\nvoid *OrtGetApiBase(void) { for (;;) pause(); }";
    let hanging = compile(folder.path(), "hangs", hanging);
    let after = Duration::from_millis(200);
    let expected = LibraryError::TimedOut { path: hanging.clone(), origin: "given", after };
    assert_eq!(load(hanging, after), expected);
    assert!(expected.to_string().contains("did not end within 200 ms"), "{expected}");

    let nothing = compile(folder.path(), "nothing", "void *OrtGetApiBase(void) { return 0; }");
    let error = load(nothing, Duration::from_secs(10));
    assert!(matches!(error, LibraryError::NotOnnxRuntime { .. }), "{error:?}");

    let old = "static void *api(unsigned v) { return 0; }\n\
               static const char *version(void) { return \"1.2.3\"; }\n\
               static struct { void *(*a)(unsigned); const char *(*v)(void); } base = \
               { api, version };\n\
               void *OrtGetApiBase(void) { return &base; }";
    let old = compile(folder.path(), "old", old);
    let error = load(old.clone(), Duration::from_secs(10));
    let version = "1.2.3".to_owned();
    assert_eq!(error, LibraryError::TooOld { path: old, origin: "given", version });

    Runtime::load(&RuntimeOptions::default()).unwrap();
}
