//! `containers`: where container runtimes listen, and how long events wait for them.

use std::path::PathBuf;
use std::time::Duration;

use super::fault::Fault;
use super::reader::{At, Section};
use crate::enrich::{ContainerOptions, RuntimeSockets};

/// Longer waits would hold up alerts for longer than anybody who reads them expects.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// As written.
#[derive(Debug)]
pub(super) struct RawContainers {
    /// `wait`: how long the events of a new container may wait for its runtime.
    wait: Option<At<String>>,
    /// `label_bytes_max`: longer labels are left out.
    label_bytes_max: Option<At<usize>>,
    /// `sockets.docker`.
    docker: Option<Vec<At<String>>>,
    /// `sockets.podman`.
    podman: Option<Vec<At<String>>>,
    /// `sockets.podman_users`: ask the podman of each user as well.
    podman_users: Option<At<bool>>,
    /// `sockets.cri`.
    cri: Option<Vec<At<String>>>,
}

impl RawContainers {
    /// Reads the section.
    pub(super) fn read(mut section: Section, faults: &mut Vec<Fault>) -> Self {
        let wait = section.text("wait", faults);
        let label_bytes_max = section.parse("label_bytes_max", "a number of bytes", faults);
        let mut sockets = section.section("sockets", faults);
        let docker = sockets.texts("docker", faults);
        let podman = sockets.texts("podman", faults);
        let podman_users = sockets.parse("podman_users", "true or false", faults);
        let cri = sockets.texts("cri", faults);
        sockets.finish(faults);
        section.finish(faults);
        Self { wait, label_bytes_max, docker, podman, podman_users, cri }
    }

    /// Judges each key; a fault reads as the default.
    pub(super) fn validate(self, faults: &mut Vec<Fault>) -> ContainerOptions {
        let default = ContainerOptions::default();
        let sockets = RuntimeSockets {
            docker: paths(self.docker, default.sockets.docker, faults),
            podman: paths(self.podman, default.sockets.podman, faults),
            podman_users: self.podman_users.map_or(default.sockets.podman_users, |users| users.value),
            cri: paths(self.cri, default.sockets.cri, faults),
        };
        ContainerOptions {
            wait: self.wait.map_or(default.wait, |wait| duration(&wait, default.wait, faults)),
            label_bytes_max: self.label_bytes_max.map_or(default.label_bytes_max, |bytes| bytes.value),
            sockets,
        }
    }
}

fn duration(text: &At<String>, default: Duration, faults: &mut Vec<Fault>) -> Duration {
    match humantime::parse_duration(&text.value) {
        Ok(duration) if duration <= WAIT_MAX => duration,
        _ => {
            faults.push(text.fault(format!("expected a time from 0s to 10s, such as 500ms, found `{}`", text.value)));
            default
        }
    }
}

/// A list replaces the usual places; an empty one asks nobody.
fn paths(given: Option<Vec<At<String>>>, default: Vec<PathBuf>, faults: &mut Vec<Fault>) -> Vec<PathBuf> {
    let Some(given) = given else { return default };
    for path in &given {
        if !path.value.starts_with('/') {
            faults.push(path.fault(format!("expected the whole path of a socket, found `{}`", path.value)));
        }
    }
    given.into_iter().map(|path| PathBuf::from(path.value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn parse(text: &str) -> Result<ContainerOptions, String> {
        Config::parse("agent.yaml", text, [], "web-1")
            .map(|config| config.containers)
            .map_err(|faults| faults.to_string())
    }

    #[test]
    fn sockets_and_waits_are_read() {
        assert_eq!(parse("").unwrap(), ContainerOptions::default());
        let text =
            "containers: {wait: 0s, label_bytes_max: 7, sockets: {docker: [], cri: [/x.sock], podman_users: false}}";
        let options = parse(text).unwrap();
        assert_eq!((options.wait, options.label_bytes_max), (Duration::ZERO, 7));
        let sockets = options.sockets;
        assert_eq!((sockets.docker.len(), sockets.podman_users), (0, false));
        assert_eq!(sockets.cri, [PathBuf::from("/x.sock")]);
        assert_eq!(sockets.podman, RuntimeSockets::default().podman);
    }

    #[test]
    fn faults_say_what_was_expected() {
        for (text, expected) in [
            ("containers: {wait: 1h}", "expected a time from 0s to 10s"),
            ("containers: {sockets: {cri: [x.sock]}}", "expected the whole path of a socket"),
            ("containers: {sockets: {crio: []}}", "cri"),
        ] {
            let faults = parse(text).unwrap_err();
            assert!(faults.contains(expected), "{faults}");
        }
    }
}
