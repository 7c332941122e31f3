//! Finds the ONNX Runtime shared library and passes its path to the crate as `TICKHAWK_ORT_DYLIB`.
//!
//! In this order: `ORT_DYLIB_PATH`; the cache an earlier build filled; the official `onnxruntime`
//! wheel through `pip`, so the user's pip configuration holds. Wheel and library are pinned by
//! SHA-256. Without a library the build still succeeds: it warns, and the program says so at start.

use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

/// The ONNX Runtime release used unless the user brings one. Best median of 12 interleaved rounds of
/// 20,000 bound runs, batch one, x86-64, two shared virtual cores, in ns (MLP 32-64-64-3; forest of
/// 100 trees of depth 6): 1.20.1 2932 and 7798, 1.22.1 3024 and 7370, 1.23.2 3063 and 7821,
/// 1.24.4 3217 and 7889, 1.31.1 3455 and 7768. 1.22.1 is the best of them on forests, within 3% of
/// the best on small networks, and reads newer opsets than 1.20.
const VERSION: &str = "1.22.1";

/// One platform's wheel.
struct Wheel {
    /// Rust's name of the processor.
    arch: &'static str,
    /// What pip calls the platform.
    platform: &'static str,
    /// SHA-256 of the wheel.
    wheel_sha256: &'static str,
    /// SHA-256 of the library inside it.
    library_sha256: &'static str,
}

/// Linux with glibc 2.28 or newer. Elsewhere the user sets `ORT_DYLIB_PATH`.
const WHEELS: [Wheel; 2] = [
    Wheel {
        arch: "x86_64",
        platform: "manylinux_2_28_x86_64",
        wheel_sha256: "f6effa1299ac549a05c784d50292e3378dbbf010346ded67400193b09ddc2f04",
        library_sha256: "ad9665887025474170d3e71cd28021e7e811c5bf201bc365f953e34a2c4989cc",
    },
    Wheel {
        arch: "aarch64",
        platform: "manylinux_2_28_aarch64",
        wheel_sha256: "7ae7526cf10f93454beb0f751e78e5cb7619e3b92f9fc3bd51aa6f3b7a8977e5",
        library_sha256: "7b28635814a0810407791b3e26aff9dccf1b4563210baf3b71133231a35c5f2e",
    },
];

/// Writes one member of a zip archive (argument 1, by the end of its name, argument 2) to a file
/// (argument 3). Python is there anyway: pip runs in it.
const UNPACK: &str = "import shutil, sys, zipfile
archive = zipfile.ZipFile(sys.argv[1])
member, = [name for name in archive.namelist() if name.endswith(sys.argv[2])]
with archive.open(member) as source, open(sys.argv[3], 'wb') as target:
    shutil.copyfileobj(source, target)
";

fn main() {
    // Naming what this depends on keeps ordinary rebuilds from running it again.
    println!("cargo:rerun-if-changed=build.rs");
    for key in ["ORT_DYLIB_PATH", "XDG_CACHE_HOME", "HOME"] {
        println!("cargo:rerun-if-env-changed={key}");
    }
    let found = match find() {
        Ok(library) => {
            // A library that is deleted later is fetched again.
            println!("cargo:rerun-if-changed={}", library.display());
            library.display().to_string()
        }
        Err(reason) => {
            println!("cargo:warning=no ONNX Runtime library: {reason}");
            println!(
                "cargo:warning=ONNX models will not run until ORT_DYLIB_PATH names one; to try \
                 again, run `cargo clean -p tickhawk-inference` and build"
            );
            String::new()
        }
    };
    println!("cargo:rustc-env=TICKHAWK_ORT_DYLIB={found}");
    println!("cargo:rustc-env=TICKHAWK_ORT_VERSION={VERSION}");
}

fn find() -> Result<PathBuf, String> {
    if let Some(path) = env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty()) {
        let path = PathBuf::from(path);
        if path.is_file() {
            return std::path::absolute(&path).map_err(|e| format!("{}: {e}", path.display()));
        }
        println!("cargo:warning=ORT_DYLIB_PATH is not a file: {}", path.display());
    }
    let wheel = wheel_of_target()?;
    let folder = cache_folder().join(format!("onnxruntime-{VERSION}-{}", wheel.arch));
    let library = folder.join(format!("libonnxruntime.so.{VERSION}"));
    if sha256_of(&library).is_ok_and(|sum| sum == wheel.library_sha256) {
        return Ok(library);
    }
    fetch(wheel, &folder, &library)?;
    Ok(library)
}

fn wheel_of_target() -> Result<&'static Wheel, String> {
    let of = |key: &str| env::var(key).unwrap_or_default();
    let (os, abi) = (of("CARGO_CFG_TARGET_OS"), of("CARGO_CFG_TARGET_ENV"));
    let arch = of("CARGO_CFG_TARGET_ARCH");
    WHEELS
        .iter()
        .find(|wheel| os == "linux" && abi == "gnu" && wheel.arch == arch)
        .ok_or_else(|| format!("no wheel is pinned for {arch} {os} {abi}"))
}

/// The user's cache, else this build's own folder.
fn cache_folder() -> PathBuf {
    let set = |key| env::var_os(key).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("XDG_CACHE_HOME")
        .filter(|path| path.is_absolute())
        .or_else(|| set("HOME").map(|home| home.join(".cache")))
        .or_else(|| set("OUT_DIR"))
        .unwrap_or_default()
        .join("tickhawk")
}

/// Downloads and unpacks beside the final place, checks both sums, then renames: two builds at
/// once each do the work, and whichever is last replaces the file by its equal.
fn fetch(wheel: &Wheel, folder: &Path, library: &Path) -> Result<(), String> {
    let work = folder.join(format!("fetch-{}", std::process::id()));
    fs::create_dir_all(&work).map_err(|e| format!("cannot create {}: {e}", work.display()))?;
    let outcome = fetch_into(wheel, &work, library);
    // What is left behind is only an unused temporary folder.
    let _ = fs::remove_dir_all(&work);
    outcome
}

fn fetch_into(wheel: &Wheel, work: &Path, library: &Path) -> Result<(), String> {
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"])
        .args(["--no-deps", "--only-binary=:all:", "--python-version", "3.11"])
        .args(["--platform", wheel.platform, "--dest"])
        .arg(work)
        .arg(format!("onnxruntime=={VERSION}"));
    run(pip, "python3 -m pip download")?;
    let archive = fs::read_dir(work)
        .map_err(|e| e.to_string())?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .ok_or("pip downloaded no wheel")?;
    check_sum(&archive, wheel.wheel_sha256)?;

    let unpacked = work.join("library");
    let mut unpack = Command::new("python3");
    unpack.args(["-c", UNPACK]).arg(&archive);
    unpack.arg(format!("/libonnxruntime.so.{VERSION}")).arg(&unpacked);
    run(unpack, "python3's zipfile")?;
    check_sum(&unpacked, wheel.library_sha256)?;
    fs::rename(&unpacked, library).map_err(|e| format!("cannot move into the cache: {e}"))
}

fn run(mut command: Command, what: &str) -> Result<(), String> {
    let output = command.output().map_err(|e| format!("cannot run {what}: {e}"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let last = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no message");
    Err(format!("{what} failed: {last}"))
}

fn check_sum(path: &Path, expected: &str) -> Result<(), String> {
    let found = sha256_of(path).map_err(|e| format!("{}: {e}", path.display()))?;
    if found == expected {
        return Ok(());
    }
    Err(format!("{} has SHA-256 {found}, expected {expected}", path.display()))
}

fn sha256_of(path: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    io::copy(&mut fs::File::open(path)?, &mut HashWriter(&mut hash))?;
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Feeds what is written to a hash.
struct HashWriter<'a>(&'a mut Sha256);

impl io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
