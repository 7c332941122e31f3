//! The other process: `tickhawk serve`, a synthetic market, and when it wrote each frame.

use crate::HarnessError;
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};
use tempfile::TempDir;
use tickhawk_latency::LatencyHistogram;
use tickhawk_market::Nanos;

/// The seed of the market that is served: each server's is the same.
const SEED: &str = "7";
/// Longer than any measurement: the market is made up as it is played.
const SECONDS: &str = "86400";
/// How long a server may take to listen, and to end.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is looked whether it has ended.
const LOOK: Duration = Duration::from_millis(5);

/// A synthetic market of Binance's futures, served by another process over loopback at a steady rate.
/// The process is ended with this.
#[derive(Debug)]
pub struct Server {
    child: Child,
    ready: Ready,
    folder: TempDir,
    is_encrypted: bool,
}

/// The file of an encrypting server's certificate, which is its own authority.
const CERTIFICATE: &str = "certificate.pem";

#[derive(Debug, Deserialize)]
struct Ready {
    ws: String,
    rest: String,
}

impl Server {
    /// Starts the program `tickhawk` as a server of so many messages a second, on that core if one
    /// is named, and waits until it listens.
    ///
    /// # Errors
    /// If it cannot be started, or does not listen within ten seconds.
    pub fn start(program: &Path, per_s: f64, core: Option<usize>) -> Result<Self, HarnessError> {
        let folder = TempDir::new();
        let folder = folder.map_err(|error| server_failed(format!("a folder: {error}")))?;
        Self::launch(program, per_s, core, folder, &[])
    }

    /// As [`Server::start`], of one that speaks TLS, with a certificate made for it.
    ///
    /// # Errors
    /// As [`Server::start`], and if no certificate can be made.
    pub fn start_encrypted(
        program: &Path,
        per_s: f64,
        core: Option<usize>,
    ) -> Result<Self, HarnessError> {
        let failed = |error: &dyn std::fmt::Display| server_failed(format!("TLS: {error}"));
        let folder = TempDir::new().map_err(|error| failed(&error))?;
        let names = vec!["127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).map_err(|error| failed(&error))?;
        let (chain, key) = (folder.path().join(CERTIFICATE), folder.path().join("key.pem"));
        fs::write(&chain, made.cert.pem()).map_err(|error| failed(&error))?;
        fs::write(&key, made.signing_key.serialize_pem()).map_err(|error| failed(&error))?;
        let arguments = [Path::new("--tls-cert"), &chain, Path::new("--tls-key"), &key];
        let mut server = Self::launch(program, per_s, core, folder, &arguments)?;
        server.is_encrypted = true;
        Ok(server)
    }

    fn launch(
        program: &Path,
        per_s: f64,
        core: Option<usize>,
        folder: TempDir,
        arguments: &[&Path],
    ) -> Result<Self, HarnessError> {
        let mut command = Command::new(program);
        command.args(["serve", "--venue", "binance-futures", "--seed", SEED, "--seconds", SECONDS]);
        command.arg("--rate").arg(per_s.to_string());
        command.arg("--written").arg(folder.path().join("written.csv"));
        command.arg("--parent").arg(std::process::id().to_string());
        command.args(core.map(|core| format!("--core={core}"))).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn();
        let child =
            child.map_err(|error| server_failed(format!("`{}`: {error}", program.display())))?;
        let ready = Ready { ws: String::new(), rest: String::new() };
        let mut server = Self { child, ready, folder, is_encrypted: false };
        server.ready = server.listening()?;
        Ok(server)
    }

    /// The certificate that a client must trust; `None` of a server that does not encrypt.
    pub fn ca(&self) -> Option<PathBuf> {
        self.is_encrypted.then(|| self.folder.path().join(CERTIFICATE))
    }

    /// Its line about its addresses, which a thread waits for: whoever says nothing is given up.
    fn listening(&mut self) -> Result<Ready, HarnessError> {
        let Some(stdout) = self.child.stdout.take() else {
            return Err(server_failed("no stdout".to_owned()));
        };
        let (told, line) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            let _ = BufReader::new(stdout.take(4_096)).read_line(&mut line);
            let _ = told.send(line);
        });
        let line = line.recv_timeout(PATIENCE).unwrap_or_default();
        sonic_rs::from_str(&line).map_err(|_| self.failed("it does not listen"))
    }

    /// Where its WebSockets are opened.
    pub fn ws(&self) -> &str {
        &self.ready.ws
    }

    /// Where it answers REST requests.
    pub fn rest(&self) -> &str {
        &self.ready.rest
    }

    /// Ends it; when it wrote each frame.
    ///
    /// # Errors
    /// If it does not end, or its account cannot be read.
    pub fn finish(mut self) -> Result<Written, HarnessError> {
        // One that has ended by itself is told by its status.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        for _ in 0..PATIENCE.as_millis() / LOOK.as_millis() {
            match self.child.try_wait() {
                Ok(None) => thread::sleep(LOOK),
                Ok(Some(status)) if status.success() => {
                    return Written::read(&self.folder.path().join("written.csv"));
                }
                Ok(Some(status)) => return Err(self.failed(&format!("it ended with {status}"))),
                Err(error) => return Err(self.failed(&error.to_string())),
            }
        }
        Err(self.failed("it does not end"))
    }

    /// With what it said of it. It is ended, so that it says no more.
    fn failed(&mut self, what: &str) -> HarnessError {
        let _ = self.child.kill();
        let mut said = String::new();
        if let Some(stderr) = self.child.stderr.take() {
            let _ = stderr.take(4_096).read_to_string(&mut said);
        }
        let said = said.trim();
        let colon = if said.is_empty() { "" } else { ": " };
        server_failed(format!("{what}{colon}{said}"))
    }
}

fn server_failed(detail: String) -> HarnessError {
    HarnessError::Server { detail }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// When a server gave each frame to the kernel, by the clock that all processes share.
#[derive(Debug, Default)]
pub struct Written {
    /// Of each client, in the order they came, its frames in order.
    clients: Vec<Vec<u64>>,
}

impl Written {
    fn read(path: &Path) -> Result<Self, HarnessError> {
        let wrong = |line: usize, what: &str| HarnessError::Server {
            detail: format!("line {line} of what it wrote: {what}"),
        };
        let text = fs::read_to_string(path).map_err(|error| wrong(0, &error.to_string()))?;
        let mut written = Self::default();
        for (index, line) in text.lines().enumerate().skip(1) {
            let mut columns = line.split(',').map(str::parse::<u64>);
            let mut next = || columns.next().and_then(Result::ok);
            let (Some(client), Some(frame), Some(at_ns)) = (next(), next(), next()) else {
                return Err(wrong(index + 1, "it has three numbers"));
            };
            // A server of ours has a handful of clients.
            let client = usize::try_from(client).unwrap_or(usize::MAX).min(1_024);
            if written.clients.len() <= client {
                written.clients.resize(client + 1, Vec::new());
            }
            let frames = &mut written.clients[client];
            frames.push(at_ns);
            if frames.len() as u64 != frame {
                return Err(wrong(index + 1, "a frame of that client is missing before it"));
            }
        }
        Ok(written)
    }

    /// From the server's write to each of these: frames of that client, counted from 1, and moments.
    ///
    /// # Errors
    /// If a frame was never written, or written after its moment: then they are not this server's.
    pub fn latencies(
        &self,
        client: usize,
        moments: impl IntoIterator<Item = (u64, u64)>,
    ) -> Result<LatencyHistogram, HarnessError> {
        let frames = self.clients.get(client).map_or(&[][..], Vec::as_slice);
        let mut latencies = LatencyHistogram::new();
        for (frame, at_ns) in moments {
            let written_ns = frame.checked_sub(1).and_then(|index| frames.get(index as usize));
            let passed_ns = written_ns.and_then(|written_ns| at_ns.checked_sub(*written_ns));
            let Some(passed_ns) = passed_ns else {
                let what = format!("frame {frame} of client {client}");
                let ours = format!("heard at {at_ns} ns");
                let theirs = written_ns
                    .map_or("never written".to_owned(), |at_ns| format!("written at {at_ns} ns"));
                return Err(HarnessError::Disagree { what, ours, theirs });
            };
            latencies.record(Nanos::new(passed_ns as i64));
        }
        Ok(latencies)
    }

    /// Frames a second that were written to a client between these two, counted from 1.
    pub fn per_second(&self, client: usize, first: u64, last: u64) -> f64 {
        let frames = self.clients.get(client).map_or(&[][..], Vec::as_slice);
        let at = |frame: u64| frames.get(frame.saturating_sub(1) as usize).copied();
        match (at(first), at(last)) {
            (Some(began), Some(ended)) if ended > began => {
                (last - first) as f64 * 1e9 / (ended - began) as f64
            }
            _ => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Written, HarnessError> {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("written.csv");
        fs::write(&path, text).unwrap();
        Written::read(&path)
    }

    #[test]
    fn moments_are_held_against_their_own_frame() {
        let text = "client,frame,written_ns\n0,1,100\n1,1,150\n0,2,300\n0,3,1100\n";
        let written = read(text).unwrap();
        let latencies = written.latencies(0, [(1, 107), (3, 1109)]).unwrap();
        assert_eq!((latencies.value_at(0.0), latencies.value_at(1.0)), (7, 9));
        assert_eq!(written.per_second(0, 1, 3), 2e6);
        for moment in [(0, 500), (4, 2_000), (3, 1_099)] {
            assert!(written.latencies(0, [moment]).is_err(), "{moment:?}");
        }
        assert!(written.latencies(2, [(1, 107)]).is_err(), "nobody");
    }

    #[test]
    fn a_damaged_account_is_refused() {
        for text in ["x\n0,1\n", "x\n0,2,100\n", "x\n0,1,100\n0,3,100\n", "x\n0,1,a\n"] {
            assert!(matches!(read(text), Err(HarnessError::Server { .. })), "{text}");
        }
    }
}
