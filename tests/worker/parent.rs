//! A parent that is killed takes its worker with it and leaves nothing in shared memory.

use super::entries;
use super::harness::{one_at_a_time, segments_of, wait_until};
use std::{
    fs,
    io::{BufRead, BufReader},
    process::Stdio,
    thread,
};

/// Whether the process is gone, or waits for nothing but to be reaped by whoever inherited it.
fn is_gone(process: &str) -> bool {
    match fs::read_to_string(format!("/proc/{process}/stat")) {
        Ok(stat) => stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z')),
        Err(_) => true,
    }
}

#[test]
fn a_killed_parent_leaves_no_worker_and_no_segment() {
    let _alone = one_at_a_time();
    for _ in 0..3 {
        let mut parent = entries::parent().stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(parent.stdout.take().unwrap()).lines();
        let mut lines = lines.map(Result::unwrap);
        let worker = lines.find_map(|line| line.strip_prefix("worker ").map(str::to_owned));
        parent.kill().unwrap();
        parent.wait().unwrap();
        let worker = worker.expect("the parent names its worker");
        wait_until(|| is_gone(&worker));
        assert_eq!(segments_of(parent.id()), Vec::<String>::new());
    }
}

/// Killed anywhere in between, the parent may leave a name that its worker had no time to remove:
/// the next start sweeps it.
#[test]
fn a_parent_killed_while_it_starts_leaves_at_most_what_is_swept() {
    let _alone = one_at_a_time();
    for step in 0..12u32 {
        let mut parent = entries::parent().stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(parent.stdout.take().unwrap()).lines();
        lines.find(|line| line.as_ref().unwrap() == "starting").unwrap().unwrap();
        // Some way into the start, which has a thousand such steps or more.
        for _ in 0..step * step * 400 {
            thread::yield_now();
        }
        parent.kill().unwrap();
        parent.wait().unwrap();
        wait_until(|| {
            tickhawk_handoff::sweep();
            segments_of(parent.id()).is_empty()
        });
    }
}
