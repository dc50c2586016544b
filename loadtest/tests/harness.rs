//! The harness itself: what it promises to the tests that stand on it.

use std::path::Path;
use std::time::Duration;

use tiercel_loadtest::harness::{Container, Rootfs, Scope, Scratch, kernel_refusal, run_bounded, skip};

const LIMIT: Duration = Duration::from_secs(30);

/// A container id as runtimes make them.
const CONTAINER_ID: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0";

#[test]
fn commands_and_containers_run_inside_the_scope() {
    if let Some(why) = kernel_refusal() {
        return skip("commands_and_containers_run_inside_the_scope", &why);
    }
    let scratch = Scratch::new("harness").unwrap();
    let scope = Scope::create("harness").unwrap();
    let Scope::Cgroup { name, .. } = &scope else {
        return skip("commands_and_containers_run_inside_the_scope", "the unified cgroup hierarchy cannot be written");
    };
    let output = run_bounded(scope.command(Path::new("/bin/cat")).arg("/proc/self/cgroup"), LIMIT).unwrap();
    let cgroups = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(cgroups.lines().any(|line| line == format!("0::/{name}")), "{cgroups}");

    let rootfs = Rootfs::build(&scratch.join("rootfs"), &["cat"]).unwrap();
    let command = ["/usr/bin/cat", "/proc/self/cgroup", "/etc/passwd"];
    let container = Container::prepare(&scratch.join("bundle"), CONTAINER_ID, &rootfs, &scope, &command).unwrap();
    let output = container.run(LIMIT).unwrap();
    let seen = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(seen.lines().any(|line| line == format!("0::/{name}/docker-{CONTAINER_ID}.scope")), "{seen}");
    assert!(seen.lines().any(|line| line.starts_with("root:x:0:0")), "{seen}");
}
