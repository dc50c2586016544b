//! `plugins` and `load_plugins`: those of Falco's plugins whose work is done by the program itself.

use std::net::{Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use serde_json::Value;
use tracing::warn;

/// The plugin that reads audit events.
const AUDIT: &str = "k8saudit";

/// Plugins that only give fields, which are built in.
const FIELDS: [&str; 2] = ["json", "container"];

/// Where the plugin looks for certificate and key when nothing else is said.
const CERTIFICATE: &str = "/etc/falco/falco.pem";

/// Where requests to an API server come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum AuditInput {
    /// A log file, read to its end.
    File(PathBuf),
    /// The webhook of the API server.
    Webhook {
        /// Where to listen.
        listen: SocketAddr,
        /// At which path.
        path: String,
        /// A PEM file with certificate and key, for TLS.
        certificate: Option<PathBuf>,
    },
}

/// The input of the audit plugin, if the configuration loads it.
pub(super) fn audit_input(tree: &Value) -> anyhow::Result<Option<AuditInput>> {
    let entries = tree.get("plugins").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let named = |entry: &&Value, name: &str| entry.get("name").and_then(Value::as_str) == Some(name);
    let loaded: Vec<&str> = match tree.get("load_plugins") {
        None | Some(Value::Null) => entries.iter().filter_map(|entry| entry["name"].as_str()).collect(),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        Some(other) => bail!("load_plugins: expected a list of names, found {other}"),
    };
    let mut input = None;
    for name in loaded {
        // What is built in needs no entry that says where its library is.
        if FIELDS.contains(&name) {
            continue;
        }
        let Some(entry) = entries.iter().find(|entry| named(entry, name)) else {
            bail!("Cannot load plugin '{name}': plugin config not found for given name");
        };
        match name {
            AUDIT => input = Some(of_entry(entry)?),
            name => warn!("plugin {name} has no counterpart here: rules of its source are skipped"),
        }
    }
    Ok(input)
}

fn of_entry(entry: &Value) -> anyhow::Result<AuditInput> {
    let parameters = entry.get("open_params").and_then(Value::as_str).unwrap_or_default().trim();
    let certificate = || {
        let named = entry.pointer("/init_config/sslCertificate").and_then(Value::as_str);
        Some(PathBuf::from(named.unwrap_or(CERTIFICATE)))
    };
    match parameters.split_once("://") {
        Some(("http", rest)) => webhook(rest, None),
        Some(("https", rest)) => webhook(rest, certificate()),
        Some((scheme, _)) => bail!("plugin {AUDIT}: scheme \"{scheme}\" is not supported"),
        None if parameters.is_empty() => bail!("plugin {AUDIT}: open_params names neither a file nor a URL"),
        None => Ok(AuditInput::File(parameters.into())),
    }
}

fn webhook(address: &str, certificate: Option<PathBuf>) -> anyhow::Result<AuditInput> {
    let (host, path) = address.split_once('/').unwrap_or((address, ""));
    let listen = match host.strip_prefix(':') {
        // As Go means it: every address of this machine.
        Some(port) => port.parse().map(|port| SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port)).ok(),
        None => host.parse().ok(),
    };
    let listen =
        listen.with_context(|| format!("plugin {AUDIT}: open_params: expected address:port, found `{host}`"))?;
    Ok(AuditInput::Webhook { listen, path: format!("/{path}"), certificate })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(tree: Value, expected: Result<Option<AuditInput>, &str>) {
        let found = audit_input(&tree).map_err(|error| error.to_string());
        match (&found, &expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{tree}"),
            (Err(found), Err(expected)) => assert!(found.contains(expected), "{tree}: {found}"),
            _ => panic!("{tree}: {found:?}"),
        }
    }

    #[test]
    fn the_audit_plugin_reads_what_its_parameters_name() {
        let tree = |parameters: &str| {
            json!({
                "plugins": [{"name": "k8saudit", "library_path": "x.so", "open_params": parameters}, {"name": "json"}],
                "load_plugins": ["k8saudit", "json"],
            })
        };
        let webhook = |listen: &str, path: &str, certificate: Option<&str>| {
            let (listen, certificate) = (listen.parse().unwrap(), certificate.map(PathBuf::from));
            Ok(Some(AuditInput::Webhook { listen, path: path.to_owned(), certificate }))
        };
        check(tree(" /var/log/audit.json "), Ok(Some(AuditInput::File("/var/log/audit.json".into()))));
        check(tree("http://:9765/k8s-audit"), webhook("[::]:9765", "/k8s-audit", None));
        check(tree("https://127.0.0.1:1/a"), webhook("127.0.0.1:1", "/a", Some("/etc/falco/falco.pem")));
        check(tree("ftp://x"), Err("scheme \"ftp\" is not supported"));
        check(tree(""), Err("neither a file nor a URL"));
        check(tree("http://nowhere/"), Err("expected address:port"));
    }

    #[test]
    fn only_loaded_plugins_count() {
        let plugins = json!([{"name": "k8saudit", "open_params": "a"}]);
        check(json!({}), Ok(None));
        check(json!({"plugins": plugins}), Ok(Some(AuditInput::File("a".into()))));
        check(json!({"plugins": plugins, "load_plugins": []}), Ok(None));
        check(json!({"plugins": plugins, "load_plugins": ["container", "json"]}), Ok(None));
        check(json!({"load_plugins": ["k8saudit"]}), Err("plugin config not found"));
    }
}
