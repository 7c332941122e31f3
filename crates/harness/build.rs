//! What the program was built from and by, for reports.

use std::process::Command;

fn main() {
    let flags = std::env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default().replace('\x1f', " ");
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let said = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
        (output.status.success() && !text.is_empty()).then_some(text)
    };
    let unknown = || "unknown".to_owned();
    let commit = said("git", &["describe", "--always", "--dirty", "--abbrev=12"]);
    println!(
        "cargo:rustc-env=TICKHAWK_RUSTC={}",
        said(&rustc, &["--version"]).unwrap_or_else(unknown)
    );
    println!("cargo:rustc-env=TICKHAWK_RUSTFLAGS={flags}");
    println!("cargo:rustc-env=TICKHAWK_COMMIT={}", commit.unwrap_or_else(unknown));
    // A commit of anything writes a line here.
    if let Some(log) = said("git", &["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo:rerun-if-changed={log}");
    }
    println!("cargo:rerun-if-changed=src");
    println!("cargo:rerun-if-changed=build.rs");
}
