//! `kubernetes_audit`: requests to an API server, as written and as meant.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use super::fault::Fault;
use super::reader::{At, Section};
use super::validate::existing_file;
use super::{KubernetesAuditConfig, WebhookConfig, WebhookTls};

/// Falco's path, so that webhook configurations that exist need another address only.
const PATH_DEFAULT: &str = "/k8s-audit";

/// `kubernetes_audit` as written.
#[derive(Debug)]
pub(super) struct RawKubernetesAudit {
    /// `file`: an audit log that is followed.
    file: Option<At<String>>,
    /// `webhook.listen`: address and port.
    listen: Option<At<String>>,
    /// `webhook.path`.
    path: Option<At<String>>,
    /// `webhook.tls.certificate`.
    certificate: Option<At<String>>,
    /// `webhook.tls.key`.
    key: Option<At<String>>,
    /// `webhook.tls.client_ca`: the authority that clients' certificates must come from.
    client_ca: Option<At<String>>,
}

impl RawKubernetesAudit {
    /// Reads the section; what does not fit is added to `faults`.
    pub(super) fn read(mut section: Section, faults: &mut Vec<Fault>) -> Self {
        let file = section.text("file", faults);
        let mut webhook = section.section("webhook", faults);
        let mut tls = webhook.section("tls", faults);
        let raw = Self {
            file,
            listen: webhook.text("listen", faults),
            path: webhook.text("path", faults),
            certificate: tls.text("certificate", faults),
            key: tls.text("key", faults),
            client_ca: tls.text("client_ca", faults),
        };
        for section in [tls, webhook, section] {
            section.finish(faults);
        }
        raw
    }

    /// Judges every key; each fault is added to `faults` and read as if it were not there.
    pub(super) fn validate(self, faults: &mut Vec<Fault>) -> KubernetesAuditConfig {
        let Self { file, listen, path, certificate, key, client_ca } = self;
        let file = file.map(|file| PathBuf::from(file.value));
        let Some(listen) = listen else {
            for stray in [path, certificate, key, client_ca].into_iter().flatten() {
                faults.push(stray.fault("has no meaning without `kubernetes_audit.webhook.listen`"));
            }
            return KubernetesAuditConfig { webhook: None, file };
        };
        let tls = tls(certificate, key, client_ca, faults);
        let path = path.map_or_else(|| PATH_DEFAULT.to_owned(), |path| checked_path(path, faults));
        let webhook = address(&listen, faults).map(|listen| WebhookConfig { listen, path, tls });
        KubernetesAuditConfig { webhook, file }
    }
}

fn address(listen: &At<String>, faults: &mut Vec<Fault>) -> Option<SocketAddr> {
    let address = listen.value.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    if address.is_none() {
        faults.push(listen.fault(format!("expected address:port, found `{}`", listen.value)));
    }
    address
}

fn checked_path(path: At<String>, faults: &mut Vec<Fault>) -> String {
    if !path.value.starts_with('/') || path.value.contains(['{', '}', '?', '#']) {
        faults.push(path.fault(format!("expected a path such as {PATH_DEFAULT}, found `{}`", path.value)));
    }
    path.value
}

fn tls(
    certificate: Option<At<String>>,
    key: Option<At<String>>,
    client_ca: Option<At<String>>,
    faults: &mut Vec<Fault>,
) -> Option<WebhookTls> {
    match (certificate, key, client_ca) {
        (Some(certificate), Some(key), client_ca) => Some(WebhookTls {
            certificate: existing_file(&certificate, faults),
            key: existing_file(&key, faults),
            client_ca: client_ca.map(|path| existing_file(&path, faults)),
        }),
        (Some(lonely), None, _) | (None, Some(lonely), _) | (None, None, Some(lonely)) => {
            faults.push(lonely.fault("`certificate` and `key` are needed both"));
            None
        }
        (None, None, None) => None,
    }
}
