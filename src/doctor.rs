//! `tickhawk doctor`: what this host is, and what it lacks for low latency.

use crate::{Outcome, cli::DoctorArgs, report};
use anyhow::Result;
use serde::Serialize;
use std::{env, io::Write, thread};
use tickhawk_engine::pin_to_core;
use tickhawk_harness::host;
use tickhawk_inference::{Runtime, RuntimeOptions};
use tickhawk_latency::{Clock, ClockCheck};

/// One thing looked at.
#[derive(Serialize)]
struct Finding {
    what: &'static str,
    found: String,
    /// What it costs and what to do; null where all is well.
    advice: Option<&'static str>,
}

/// Runs the command. It only looks: nothing of the host is changed.
pub fn run(args: DoctorArgs) -> Result<Outcome> {
    let findings = [
        cores(),
        isolation(),
        governor(),
        smt(),
        clock_source(),
        clock(),
        huge_pages(),
        transparent_huge_pages(),
        shared_memory(),
        locked_memory(),
        onnx_runtime(),
    ];
    let mut out = report::stdout();
    if args.json {
        writeln!(out, "{}", sonic_rs::to_string(&findings)?)?;
    } else {
        for Finding { what, found, advice } in &findings {
            writeln!(out, "{what:<24} {found}")?;
            if let Some(advice) = advice {
                writeln!(out, "    -> {advice}")?;
            }
        }
    }
    out.flush()?;
    // Without a runtime no model can be scored: that is a check that failed.
    let no_runtime = findings.iter().any(|f| f.what == "onnx runtime" && f.advice.is_some());
    Ok(if no_runtime { Outcome::CheckFailed } else { Outcome::Done })
}

fn finding(what: &'static str, found: impl Into<String>, advice: Option<&'static str>) -> Finding {
    Finding { what, found: found.into(), advice }
}

fn or_unknown(text: Option<String>) -> String {
    text.unwrap_or_else(|| "not told by this host".to_owned())
}

fn cores() -> Finding {
    let count = thread::available_parallelism().map_or(1, usize::from);
    let pinned = thread::spawn(|| pin_to_core(0)).join().is_ok_and(|result| result.is_ok());
    let advice = match (count, pinned) {
        (_, false) => Some("threads cannot be pinned: expect the scheduler to move them"),
        (1, _) => Some("one core: the two threads share it; use the inline runner"),
        (2 | 3, _) => Some("the writer shares a core with a pinned thread: it shows in tails"),
        _ => None,
    };
    finding("cores", format!("{count}, {}", or_unknown(host::processor())), advice)
}

fn isolation() -> Finding {
    let isolated = host::isolated_cores();
    let advice =
        isolated.is_none().then_some("boot with isolcpus= and nohz_full= for the cores you pin to");
    finding("isolated cores", isolated.unwrap_or_else(|| "none".to_owned()), advice)
}

fn governor() -> Finding {
    let governor = host::governor();
    let slow = governor.as_deref().is_some_and(|governor| governor != "performance");
    let advice = slow.then_some("set it to `performance`: clocks that ramp up show as latency");
    finding("frequency governor", or_unknown(governor), advice)
}

fn smt() -> Finding {
    let active = host::told("/sys/devices/system/cpu/smt/active");
    let on = active.as_deref() == Some("1");
    let advice = on.then_some("a busy sibling halves a pinned core: keep siblings idle");
    let found =
        if on { "on".to_owned() } else { active.map_or(or_unknown(None), |_| "off".into()) };
    finding("simultaneous threads", found, advice)
}

fn clock_source() -> Finding {
    let source = host::told("/sys/devices/system/clocksource/clocksource0/current_clocksource");
    let tsc = source.as_deref() == Some("tsc");
    let advice = (!tsc && source.is_some())
        .then_some("the time-stamp counter is not trusted; reads may cost more");
    finding("kernel clock source", or_unknown(source), advice)
}

fn clock() -> Finding {
    let check = ClockCheck::measure(&Clock::new());
    let step = check.resolution_ns.map_or("unknown".to_owned(), |ns| format!("{ns} ns"));
    let coarse = check.resolution_ns.is_none_or(|ns| ns > 5);
    let advice = coarse.then_some("steps under 100 ns are only known in batches");
    finding("stamp clock", format!("{:.1} ns a read, steps of {step}", check.read_ns), advice)
}

fn meminfo(key: &str) -> Option<u64> {
    let text = host::told("/proc/meminfo")?;
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}

fn huge_pages() -> Finding {
    let (total, size_kb) = (meminfo("HugePages_Total"), meminfo("Hugepagesize"));
    let advice = (total.unwrap_or(0) == 0).then_some("rings and books live on ordinary pages");
    let found = match (total, size_kb) {
        (Some(total), Some(size_kb)) => format!("{total} of {size_kb} KiB"),
        _ => or_unknown(None),
    };
    finding("huge pages reserved", found, advice)
}

fn transparent_huge_pages() -> Finding {
    finding(
        "transparent huge pages",
        or_unknown(host::told("/sys/kernel/mm/transparent_hugepage/enabled")),
        None,
    )
}

fn shared_memory() -> Finding {
    let mounts = host::told("/proc/mounts").unwrap_or_default();
    let options = mounts.lines().find_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        (fields.next()? == "/dev/shm").then(|| fields.nth(1).unwrap_or_default().to_owned())
    });
    let size = options.as_deref().and_then(|options| {
        options.split(',').find_map(|option| option.strip_prefix("size=").map(str::to_owned))
    });
    let advice = options.is_none().then_some("/dev/shm is not mounted");
    let found = size.unwrap_or_else(|| match &options {
        Some(_) => "mounted, half of memory unless limited".to_owned(),
        None => "none".to_owned(),
    });
    finding("shared memory", found, advice)
}

fn locked_memory() -> Finding {
    let limits = host::told("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max locked memory"));
    let soft = line.and_then(|line| line.split_whitespace().next()).map(str::to_owned);
    finding("memory lock limit", or_unknown(soft), None)
}

fn onnx_runtime() -> Finding {
    match Runtime::load(&RuntimeOptions::default()) {
        Ok(runtime) => {
            let origin = match env::var_os("ORT_DYLIB_PATH") {
                Some(_) => "ORT_DYLIB_PATH",
                None => "found at build",
            };
            let path = runtime.path().display();
            finding("onnx runtime", format!("{} at {path} ({origin})", runtime.version()), None)
        }
        Err(error) => finding(
            "onnx runtime",
            error.to_string(),
            Some("set ORT_DYLIB_PATH to a libonnxruntime of 1.17 or later"),
        ),
    }
}
