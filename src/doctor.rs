//! `tickhawk doctor`: what this host is, and what it lacks for low latency.

use crate::{Outcome, cli::DoctorArgs, report, tuning};
use anyhow::Result;
use serde::Serialize;
use std::{env, io::Write, thread};
use tickhawk_engine::{may_lock_memory, may_use_huge_pages, pin_to_core, take_precedence};
use tickhawk_harness::host;
use tickhawk_inference::{Runtime, RuntimeOptions};
use tickhawk_latency::{Clock, ClockCheck};

/// The usual choice for `tuning.busy_poll_us`.
const BUSY_POLL_TRIED_US: u32 = 50;

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
        available_memory(),
        busy_poll(),
        realtime(),
        realtime_share(),
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

/// Nothing here uses them: the allocator asks for transparent ones.
fn huge_pages() -> Finding {
    let found = match (meminfo("HugePages_Total"), meminfo("Hugepagesize")) {
        (Some(total), Some(size_kb)) => format!("{total} of {size_kb} KiB, unused"),
        _ => or_unknown(None),
    };
    finding("huge pages reserved", found, None)
}

fn transparent_huge_pages() -> Finding {
    let found = or_unknown(host::told("/sys/kernel/mm/transparent_hugepage/enabled"));
    let refused = may_use_huge_pages().err().map(|error| error.cure());
    finding("transparent huge pages", found, refused)
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
    match may_lock_memory() {
        Ok(()) => finding("memory lock limit", "none", None),
        Err(error) => finding("memory lock limit", error.to_string(), Some(error.cure())),
    }
}

fn available_memory() -> Finding {
    let found = meminfo("MemAvailable").map(|kib| format!("{} MiB", kib / 1_024));
    finding("memory available", or_unknown(found), None)
}

fn busy_poll() -> Finding {
    let epoll_us = host::told("/proc/sys/net/core/busy_poll");
    let is_off = epoll_us.as_deref() == Some("0");
    match tuning::try_busy_poll(BUSY_POLL_TRIED_US) {
        Err((why, cure)) => finding("socket busy polling", why, Some(cure)),
        Ok(()) => finding(
            "socket busy polling",
            format!("allowed, net.core.busy_poll is {}", or_unknown(epoll_us)),
            is_off.then_some(
                "waiting for several sockets looks at none: sysctl net.core.busy_poll=50",
            ),
        ),
    }
}

/// The highest that may be taken, found on a thread that is there for nothing else.
fn realtime() -> Finding {
    let highest = || (1..=99).rev().find(|priority| take_precedence(*priority).is_ok());
    let highest = thread::spawn(highest).join().ok().flatten();
    match (highest, tuning::try_realtime(1)) {
        (Some(highest), _) => finding("real-time priority", format!("1 to {highest}"), None),
        (None, Err((why, cure))) => finding("real-time priority", why, Some(cure)),
        (None, Ok(())) => finding("real-time priority", or_unknown(None), None),
    }
}

fn realtime_share() -> Finding {
    let of = |name: &str| host::told(&format!("/proc/sys/kernel/sched_rt_{name}_us"));
    let (run, period) = (of("runtime"), of("period"));
    let is_bounded =
        run.as_deref().is_some_and(|run| run != "-1" && Some(run) != period.as_deref());
    let found = match (&run, &period) {
        (Some(run), Some(period)) => format!("{run} of {period} us"),
        _ => or_unknown(None),
    };
    let advice = is_bounded.then_some(
        "a real-time thread that never sleeps is stopped for the rest: sysctl \
         kernel.sched_rt_runtime_us=-1, if cores are left to the host",
    );
    finding("real-time share", found, advice)
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
