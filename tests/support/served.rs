//! A venue played over real sockets, and its clients.

use serde::Deserialize;
use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

/// The program.
pub const TICKHAWK: &str = env!("CARGO_BIN_EXE_tickhawk");

/// A venue being served; it is ended with the test.
pub struct Served {
    child: Child,
    ready: Ready,
}

#[derive(Deserialize)]
struct Ready {
    ws: String,
    rest: String,
}

impl Served {
    /// `serve` with these arguments, once it listens.
    pub fn start(args: &[&str]) -> Self {
        let mut child = Command::new(TICKHAWK)
            .arg("serve")
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, ready: sonic_rs::from_str(&line).unwrap() }
    }

    /// Where it listens: the addresses of its WebSocket and of its REST.
    pub fn addresses(&self) -> (&str, &str) {
        (&self.ready.ws, &self.ready.rest)
    }

    /// Waits until it has ended by itself, which must be in order.
    pub fn ended(mut self) {
        assert!(self.child.wait().unwrap().success());
    }

    /// `live` or `record` of that venue, to be run.
    pub fn client(&self, command: &str, venue: &str, symbols: &str) -> Command {
        let mut client = Command::new(TICKHAWK);
        client.args([command, "--venue", venue, "--symbols", symbols, "--cores", "none"]);
        client.args(["--endpoint", &self.ready.ws, "--rest", &self.ready.rest]);
        client.stdout(Stdio::null()).stderr(Stdio::piped());
        client
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// It must have ended so; its stderr.
#[track_caller]
pub fn ends(code: i32, output: &Output) -> String {
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{err}");
    err
}

/// `verify` must agree with every run of the folder.
#[track_caller]
pub fn verify(folder: &Path) {
    let output = Command::new(TICKHAWK).arg("verify").arg(folder).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}{}", String::from_utf8_lossy(&output.stderr));
}
