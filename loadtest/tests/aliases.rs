//! A secret is read under another name: the alert fires all the same, because the names that decide come from the
//! kernel's own objects.

#![expect(clippy::print_stdout, reason = "a test says what it saw, and ends where it fails")]

use std::time::Duration;

use serde_json::Value;
use tiercel_loadtest::harness::acts::{self, Act};
use tiercel_loadtest::harness::{
    Agent, AgentSetup, KernelLock, Scope, Scratch, kernel_refusal, official_rules, run_bounded, skip, wait_for,
};

const ACTS_LIMIT: Duration = Duration::from_secs(60);
const ALERTS_LIMIT: Duration = Duration::from_secs(20);
const RULE: &str = "Read sensitive file untrusted";

/// The official rule does not ask for opens by handle. Loaded last, this one fires only where that one has not.
const HANDLE_RULE: &str = r"
- rule: Read a secret by its handle
  desc: Opens the file without any name.
  condition: evt.type = open_by_handle_at and evt.is_open_read = true and fd.num >= 0 and fd.name = /etc/shadow
  output: Secret opened by its handle | file=%fd.name
  priority: WARNING
";

/// Each reads /etc/shadow once, with cat or python, and never by its plain name.
const ALIASES: &[Act] = &[
    act("symlink", "symbolic link", "ln -s /etc/shadow $T/s; cat $T/s > /dev/null"),
    act("directory-symlink", "symbolic link to the directory", "ln -s /etc $T/d; cat $T/d/shadow > /dev/null"),
    act("hard-link", "hard link", "ln /etc/shadow $T/h; cat $T/h > /dev/null; rm -f $T/h"),
    act("proc-root", "/proc/self/root", "cat /proc/self/root/etc/shadow > /dev/null"),
    act("dots", "slashes and dots", "cat //etc/./../etc//shadow > /dev/null"),
    act("relative", "relative to a directory", "(cd /etc && cat shadow > /dev/null)"),
    act(
        "descriptor",
        "relative to a descriptor",
        "python3 -c \"import os; os.open('shadow', os.O_RDONLY, dir_fd=os.open('/etc', os.O_PATH))\"",
    ),
    act(
        "reopened",
        "reopened through /proc/self/fd",
        "python3 -c \"import os; os.open('/proc/self/fd/%d' % os.open('/etc/shadow', os.O_PATH), os.O_RDONLY)\"",
    ),
    act(
        "bind-file",
        "bind mount of the file",
        "touch $T/bf; unshare -m sh -c \"mount --bind /etc/shadow $T/bf && cat $T/bf > /dev/null\"",
    ),
    act(
        "bind-directory",
        "bind mount of the directory",
        "mkdir $T/bd; unshare -m sh -c \"mount --bind /etc $T/bd && cat $T/bd/shadow > /dev/null\"",
    ),
    act(
        "overlay",
        "overlay above the directory",
        "mkdir $T/up $T/merged; unshare -m sh -c \"mount -t tmpfs tmpfs $T/up && mkdir $T/up/u $T/up/w && mount -t overlay \
         overlay -o lowerdir=/etc,upperdir=$T/up/u,workdir=$T/up/w $T/merged && cat $T/merged/shadow > /dev/null\"",
    ),
    act(
        "handle",
        "opened by its handle",
        "python3 -c \"
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
handle = (ctypes.c_uint32 * 34)(128)
mount = ctypes.c_int()
assert libc.name_to_handle_at(-100, b'/etc/shadow', handle, ctypes.byref(mount), 0) == 0
fd = libc.open_by_handle_at(os.open('/etc', os.O_RDONLY), handle, os.O_RDONLY)
assert fd >= 0, os.strerror(ctypes.get_errno())
\"",
    ),
    act(
        "chroot",
        "relative to another root",
        "python3 -c \"import os; os.chroot('/etc'); os.chdir('/'); os.open('/shadow', os.O_RDONLY)\"",
    ),
    act(
        "mount-namespace",
        "root of another mount namespace",
        "unshare -m sh -c \"sleep 2\" & sleep 0.3; cat /proc/$!/root/etc/shadow > /dev/null; wait",
    ),
    act(
        "renamed-directory",
        "hard link below a directory that is renamed",
        "mkdir $T/before; ln /etc/shadow $T/before/h; mv $T/before $T/after; cat $T/after/h > /dev/null; rm -rf $T/after",
    ),
    act("working-directory", "/proc/self/cwd", "(cd /etc && cat /proc/self/cwd/shadow > /dev/null)"),
    act(
        "dev-fd",
        "/dev/fd of a directory",
        "python3 -c \"import os; os.open('/dev/fd/%d/shadow' % os.open('/etc', os.O_PATH), os.O_RDONLY)\"",
    ),
    act("thread-root", "root of a thread", "cat /proc/thread-self/root/proc/self/root/etc/shadow > /dev/null"),
];

/// Looks like the above and reads nothing secret.
const HARMLESS: &[Act] = &[
    act("harmless-symlink", "symbolic link to a harmless file", "ln -s /etc/hostname $T/n; cat $T/n > /dev/null"),
    act(
        "harmless-name",
        "a file of that name elsewhere",
        "mkdir $T/etc; echo x > $T/etc/shadow; cat $T/etc/shadow > /dev/null",
    ),
    act(
        "harmless-overlay",
        "a file of that name in the upper layer of an overlay",
        "mkdir $T/up2 $T/merged2; unshare -m sh -c \"mount -t tmpfs tmpfs $T/up2 && mkdir $T/up2/u $T/up2/w && echo x > \
         $T/up2/u/shadow && mount -t overlay overlay -o lowerdir=/etc,upperdir=$T/up2/u,workdir=$T/up2/w $T/merged2 && \
         cat $T/merged2/shadow > /dev/null\"",
    ),
    act("harmless-path-only", "a descriptor that names the file and reads nothing", "test -e /etc/shadow"),
    act(
        "harmless-renamed",
        "a file of that name below a renamed directory",
        "mkdir $T/b2; echo x > $T/b2/shadow; mv $T/b2 $T/a2; cat $T/a2/shadow > /dev/null",
    ),
];

const fn act(name: &'static str, what: &'static str, script: &'static str) -> Act {
    Act { name, what, script }
}

#[test]
fn shadow_read_under_any_name_fires() {
    const TEST: &str = "shadow_read_under_any_name_fires";
    if let Some(why) = kernel_refusal() {
        return skip(TEST, &why);
    }
    let Some(official) = official_rules() else {
        return skip(
            TEST,
            "Falco's rule files are not here; set TIERCEL_COMPAT_DIR to a directory that has them below rules/",
        );
    };
    let _lock = KernelLock::take().unwrap();
    let scratch = Scratch::new("aliases").unwrap();
    let scope = Scope::create("aliases").unwrap();
    let mut rules = vec![scratch.write("00-mark.yaml", acts::MARK_RULE).unwrap()];
    rules.extend(official);
    rules.push(scratch.write("99-handle.yaml", HANDLE_RULE).unwrap());
    let setup = AgentSetup { rules, scope: scope.section(), uplink: None };
    let agent = Agent::start(&scratch.join("agent"), &setup).unwrap();
    let script = scratch.join("actions.sh");
    acts::write_script(&script, ALIASES.iter().chain(HARMLESS)).unwrap();
    let output = run_bounded(scope.command(&script).arg(scratch.join("acts")), ACTS_LIMIT).unwrap();
    println!("{}", String::from_utf8_lossy(&output.stderr));

    let alerts = wait_for("the alert of the last mark", ALERTS_LIMIT, || {
        let alerts = agent.alerts();
        acts::is_complete(&alerts).then_some(alerts)
    });
    let alerts = acts::by_act(&alerts.unwrap_or_else(|error| panic!("{error}{}", agent.daemon().log_tail())));
    let faults: Vec<&str> = ALIASES
        .iter()
        .filter(|act| reads(act, &alerts) == 0)
        .chain(HARMLESS.iter().filter(|act| reads(act, &alerts) > 0))
        .map(|act| act.what)
        .collect();
    assert!(faults.is_empty(), "wrong verdict for: {faults:?}\n{alerts:#?}");
}

/// How often the act was reported as a read of a secret; prints under which name.
fn reads(act: &Act, alerts: &[(String, Vec<Value>)]) -> usize {
    let own = alerts.iter().find(|(name, _)| name == act.name).map_or(&[][..], |(_, alerts)| alerts.as_slice());
    let fired: Vec<&Value> =
        own.iter().filter(|alert| alert["rule"] == RULE || alert["rule"] == "Read a secret by its handle").collect();
    for alert in &fired {
        println!("{:34} reported as {}", act.what, alert["output_fields"]["fd.name"]);
    }
    if fired.is_empty() {
        println!("{:34} not reported", act.what);
    }
    fired.len()
}
