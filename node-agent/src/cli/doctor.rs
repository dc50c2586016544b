//! `doctor`: what the sensor can do on this machine, found out by trying.

use std::fs;
use std::io::Write as _;

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use tiercel_agent::capture::{HookState, KernelOptions, KernelSource, Source, WantedCalls};
use tiercel_agent::detect::rules;
use tiercel_agent::enrich::{ContainerOptions, Runtime, Socket, runtimes};

use super::{ConfigArguments, stdout};

/// One line of the table.
struct Finding {
    what: String,
    verdict: Verdict,
    detail: String,
}

/// Whether a finding stops the sensor.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Ok,
    /// Works with less.
    Limited,
    /// The kernel source cannot work.
    Broken,
}

/// Small rings: they are only opened to see that it works.
const RING_BYTES: u32 = 128 << 10;

/// Prints the table; `false` when the kernel source cannot work here. The hooks are those that the configured rules
/// need.
pub(super) fn doctor(arguments: &ConfigArguments) -> anyhow::Result<bool> {
    let config = arguments.load()?;
    let loaded = rules::load(&config.rules)?;
    let calls = WantedCalls::for_kinds(&loaded.rules.required_kinds());
    let out = &mut stdout();
    let rules = format!("{} of {} enabled", loaded.report.rules_enabled, loaded.report.rules_loaded);
    let mut findings =
        vec![kernel(), btf(), locked_memory(), cgroup2(), processes(), finding("rules", Verdict::Ok, rules)];
    findings.extend(container_runtimes(&config.containers));
    findings.extend(programs(calls));
    for Finding { what, verdict, detail } in &findings {
        let word = match verdict {
            Verdict::Ok => "ok",
            Verdict::Limited => "limited",
            Verdict::Broken => "missing",
        };
        writeln!(out, "{word:<8} {what:<24} {detail}")?;
    }
    let usable = findings.iter().all(|finding| finding.verdict != Verdict::Broken);
    writeln!(
        out,
        "\n{}",
        if usable { "the kernel source works on this machine" } else { "the kernel source cannot work here" }
    )?;
    Ok(usable)
}

fn finding(what: &str, verdict: Verdict, detail: impl Into<String>) -> Finding {
    Finding { what: what.to_owned(), verdict, detail: detail.into() }
}

fn kernel() -> Finding {
    let names = nix::sys::utsname::uname().ok();
    let text = |value: Option<&std::ffi::OsStr>| value.unwrap_or_default().to_string_lossy().into_owned();
    let release = text(names.as_ref().map(|names| names.release()));
    let machine = text(names.as_ref().map(|names| names.machine()));
    finding("kernel", Verdict::Ok, format!("{release} {machine}"))
}

fn btf() -> Finding {
    match fs::metadata("/sys/kernel/btf/vmlinux") {
        Ok(metadata) => finding("kernel type information", Verdict::Ok, format!("{} bytes of BTF", metadata.len())),
        Err(error) => finding("kernel type information", Verdict::Broken, format!("/sys/kernel/btf/vmlinux: {error}")),
    }
}

fn locked_memory() -> Finding {
    match getrlimit(Resource::RLIMIT_MEMLOCK) {
        Ok((_, RLIM_INFINITY)) => finding("locked memory", Verdict::Ok, "unlimited"),
        Ok((soft, hard)) => {
            let detail =
                format!("limit {soft}, may be raised to {hard} bytes; kernels before 5.11 count maps against it");
            finding("locked memory", Verdict::Ok, detail)
        }
        Err(error) => finding("locked memory", Verdict::Limited, error.to_string()),
    }
}

fn cgroup2() -> Finding {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mounted = mounts.lines().find_map(|line| {
        let mut words = line.split(' ');
        let path = words.nth(1)?;
        (words.next()? == "cgroup2").then(|| path.to_owned())
    });
    match mounted {
        Some(path) => finding("cgroup v2", Verdict::Ok, path),
        None => finding("cgroup v2", Verdict::Limited, "not mounted: `capture.scope.cgroup` cannot be used"),
    }
}

fn processes() -> Finding {
    // Mounted with hidepid, /proc hides the status of other users' processes.
    match fs::read("/proc/1/status") {
        Ok(_) => finding("/proc", Verdict::Ok, "all processes can be read"),
        Err(error) => finding(
            "/proc",
            Verdict::Limited,
            format!("processes of others cannot be read ({error}); lineage is partial"),
        ),
    }
}

fn container_runtimes(options: &ContainerOptions) -> Vec<Finding> {
    let found = runtimes(options);
    if found.is_empty() {
        let detail = "no socket found: containers have an id and an engine, but no name, image or pod";
        return vec![finding("container runtimes", Verdict::Ok, detail)];
    }
    let line = |(socket, answer): (Socket, anyhow::Result<Runtime>)| {
        let (what, path) = (format!("container runtime {}", socket.engine.word()), socket.path.display().to_string());
        match answer {
            Ok(Runtime { name, version }) => finding(&what, Verdict::Ok, format!("{name} {version} at {path}")),
            Err(error) => finding(&what, Verdict::Limited, format!("{path}: {error:#}")),
        }
    };
    found.into_iter().map(line).collect()
}

fn programs(calls: WantedCalls) -> Vec<Finding> {
    let options = KernelOptions { ring_bytes: RING_BYTES, calls, ..KernelOptions::default() };
    let source = match KernelSource::open(&options) {
        Ok(source) => source,
        Err(error) => {
            return vec![finding("kernel programs", Verdict::Broken, format!("{:#}", anyhow::Error::new(error)))];
        }
    };
    let capabilities = source.capabilities();
    let hooks = capabilities.hooks.iter().map(|hook| match &hook.state {
        HookState::Attached(back_end) => {
            finding(hook.name, Verdict::Ok, format!("{} ({}), for {}", hook.purpose, back_end.name(), hook.needed_for))
        }
        HookState::NotNeeded => finding(hook.name, Verdict::Ok, format!("{}: not needed by any rule", hook.purpose)),
        HookState::Refused(reason) => finding(hook.name, Verdict::Limited, format!("{}: {reason}", hook.purpose)),
    });
    let notes = capabilities.notes.iter().map(|note| finding("note", Verdict::Limited, note.as_str()));
    hooks.chain(notes).collect()
}
