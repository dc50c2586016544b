//! `falco.yaml` as meant: the keys that have a counterpart here, each in its range.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use serde_json::Value;
use tiercel_agent::config::{FileOutput, Format, HttpOutput, JsonKeys, OutputsConfig, ProgramOutput, SyslogOutput};
use tiercel_detection::event::EventSource;
use tiercel_detection::rule::{AddedField, Addition, Selector, Switch};
use tiercel_detection::{LoadOptions, Matching, Priority, TimeFormat};

use super::drops::DropPolicy;
use super::plugins::{self, AuditInput};

/// Where the system log listens on every Linux.
const SYSLOG_SOCKET: &str = "/dev/log";

/// How long a program or a server may take for one alert.
const OUTPUT_TIMEOUT: Duration = Duration::from_secs(5);

/// Where events come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum EngineKind {
    /// The kernel of this machine; whatever driver Falco would use, ours is used.
    Live,
    /// A capture file.
    Replay(PathBuf),
    /// Nowhere.
    NoDriver,
}

/// Everything that a run needs to know.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) rules_files: Vec<PathBuf>,
    pub(super) load: LoadOptions,
    pub(super) engine: EngineKind,
    /// Whether system calls are read.
    pub(super) syscalls: bool,
    /// Where requests to an API server come from, when they are read.
    pub(super) audit: Option<AuditInput>,
    pub(super) outputs: OutputsConfig,
    pub(super) json_output: bool,
    pub(super) time_format: TimeFormat,
    pub(super) drops: DropPolicy,
    pub(super) log_level: String,
    pub(super) log_stderr: bool,
    pub(super) watch_files: bool,
    /// Where the web server listens, if there is to be one.
    pub(super) web_listen: Option<SocketAddr>,
}

impl Settings {
    /// Judges the tree.
    pub(super) fn of(tree: &Value) -> anyhow::Result<Self> {
        let keys = Keys(tree);
        let json_output = keys.truth("json_output", false)?;
        let audit = plugins::audit_input(tree)?;
        Ok(Self {
            rules_files: rules_files(keys)?,
            load: load_options(keys, audit.is_some())?,
            engine: engine(keys)?,
            syscalls: true,
            audit,
            outputs: outputs(keys, json_output)?,
            json_output,
            time_format: if keys.truth("time_format_iso_8601", false)? {
                TimeFormat::Iso8601
            } else {
                TimeFormat::TimeOfDay
            },
            drops: drops(keys)?,
            log_level: keys.text("log_level").unwrap_or_else(|| "info".to_owned()),
            log_stderr: keys.truth("log_stderr", true)?,
            watch_files: keys.truth("watch_config_files", true)?,
            web_listen: web_listen(keys)?,
        })
    }
}

/// The keys that are read, or that mean what happens here anyway.
const KEYS: [&str; 28] = [
    "append_output",
    "base_syscalls",
    "buffered_outputs",
    "config_files",
    "engine",
    "file_output",
    "http_output",
    "json_include_message_property",
    "json_include_output_fields_property",
    "json_include_output_property",
    "json_include_tags_property",
    "json_output",
    "load_plugins",
    "log_level",
    "log_stderr",
    "plugins",
    "priority",
    "program_output",
    "rule_matching",
    "rules",
    "rules_file",
    "rules_files",
    "stdout_output",
    "syscall_event_drops",
    "syslog_output",
    "time_format_iso_8601",
    "watch_config_files",
    "webserver",
];

/// The first level of keys that change nothing here.
pub(super) fn ignored(tree: &Value) -> Vec<&str> {
    let keys = tree.as_object().into_iter().flat_map(|keys| keys.keys().map(String::as_str));
    keys.filter(|key| !KEYS.contains(key)).collect()
}

/// A tree whose scalars may be typed, as a file has them, or texts, as `-o` gives them.
#[derive(Clone, Copy)]
struct Keys<'a>(&'a Value);

impl<'a> Keys<'a> {
    fn get(self, path: &str) -> Option<&'a Value> {
        let found = path.split('.').try_fold(self.0, |value, key| value.get(key));
        found.filter(|value| !value.is_null())
    }

    fn text(self, path: &str) -> Option<String> {
        scalar(self.get(path)?)
    }

    fn truth(self, path: &str, default: bool) -> anyhow::Result<bool> {
        let Some(text) = self.text(path) else { return Ok(default) };
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "y" => Ok(true),
            "false" | "no" | "off" | "n" => Ok(false),
            _ => bail!("{path}: expected true or false, found `{text}`"),
        }
    }

    fn number(self, path: &str, default: f64) -> anyhow::Result<f64> {
        let Some(text) = self.text(path) else { return Ok(default) };
        text.parse().map_err(|_| anyhow!("{path}: expected a number, found `{text}`"))
    }

    /// A list, or one item, which is a list of one.
    fn list(self, path: &str) -> Vec<&'a Value> {
        match self.get(path) {
            None => Vec::new(),
            Some(Value::Array(items)) => items.iter().collect(),
            Some(item) => vec![item],
        }
    }

    fn texts(self, path: &str) -> Vec<String> {
        self.list(path).into_iter().filter_map(scalar).collect()
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn rules_files(keys: Keys<'_>) -> anyhow::Result<Vec<PathBuf>> {
    let (old, new) = (keys.texts("rules_file"), keys.texts("rules_files"));
    if !old.is_empty() && !new.is_empty() {
        bail!("Error reading config file: both 'rules_files' and deprecated 'rules_file' keys set");
    }
    Ok(old.into_iter().chain(new).map(PathBuf::from).collect())
}

fn engine(keys: Keys<'_>) -> anyhow::Result<EngineKind> {
    match keys.text("engine.kind").as_deref() {
        None | Some("modern_ebpf" | "kmod" | "ebpf") => Ok(EngineKind::Live),
        Some("nodriver") => Ok(EngineKind::NoDriver),
        Some("replay") => {
            let file = keys.text("engine.replay.capture_file").filter(|file| !file.is_empty());
            let file = file.context(
                "Error reading config file: engine.kind is 'replay' but no engine.replay.capture_file specified",
            )?;
            Ok(EngineKind::Replay(file.into()))
        }
        Some(other) => bail!("engine.kind: unknown kind `{other}`: expected modern_ebpf, kmod, replay or nodriver"),
    }
}

/// Rules about requests to an API server are of a source that is there only with its plugin.
fn load_options(keys: Keys<'_>, with_audit: bool) -> anyhow::Result<LoadOptions> {
    let matching = match keys.text("rule_matching").as_deref() {
        None | Some("first") => Matching::First,
        Some("all") => Matching::All,
        Some(other) => bail!("Unknown rule matching strategy \"{other}\"--must be one of first, all"),
    };
    let minimum_priority = match keys.text("priority") {
        None => Priority::Debug,
        Some(name) => Priority::from_name(&name).with_context(|| {
            format!("Unknown priority \"{name}\"--must be one of emergency, alert, critical, error, warning, notice, informational, debug")
        })?,
    };
    let (suggested, additions) = additions(keys)?;
    let switches = keys.list("rules").into_iter().map(switch).collect::<anyhow::Result<_>>()?;
    let sources = if with_audit { EventSource::ALL.to_vec() } else { vec![EventSource::Syscall] };
    Ok(LoadOptions {
        minimum_priority,
        matching,
        append_output: suggested,
        additions,
        switches,
        sources,
        recorded: None,
    })
}

fn switch(entry: &Value) -> anyhow::Result<Switch> {
    let (enabled, what) = match (entry.get("enable"), entry.get("disable")) {
        (Some(what), None) => (true, what),
        (None, Some(what)) => (false, what),
        (Some(_), Some(_)) | (None, None) => bail!("rules: expected `enable` or `disable`, found {entry}"),
    };
    let selector = match (Keys(what).text("rule"), Keys(what).text("tag")) {
        (Some(rule), None) => Selector::Name(rule),
        (None, Some(tag)) => Selector::Tag(tag),
        (Some(_), Some(_)) | (None, None) => bail!("rules: expected `rule` or `tag`, found {what}"),
    };
    Ok(Switch { selector, enabled })
}

/// Whether the suggested fields are appended, and what else is.
fn additions(keys: Keys<'_>) -> anyhow::Result<(bool, Vec<Addition>)> {
    let mut suggested = false;
    let mut additions = Vec::new();
    for entry in keys.list("append_output") {
        let entry = Keys(entry);
        suggested |= entry.truth("suggested_output", false)?;
        let addition = Addition {
            rule: entry.text("match.rule"),
            source: entry.text("match.source"),
            tags: entry.texts("match.tags"),
            text: entry.text("extra_output").unwrap_or_default(),
            fields: entry.list("extra_fields").into_iter().flat_map(added_fields).collect(),
        };
        if !addition.text.is_empty() || !addition.fields.is_empty() {
            additions.push(addition);
        }
    }
    Ok((suggested, additions))
}

fn added_fields(entry: &Value) -> Vec<AddedField> {
    match entry {
        Value::Object(fields) => fields
            .iter()
            .filter_map(|(key, format)| {
                Some(AddedField::Formatted { key: key.as_str().into(), format: scalar(format)? })
            })
            .collect(),
        Value::String(name) => vec![AddedField::Plain(name.clone())],
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => Vec::new(),
    }
}

fn outputs(keys: Keys<'_>, json_output: bool) -> anyhow::Result<OutputsConfig> {
    let format = if json_output { Format::Json } else { Format::Text };
    let enabled = |name: &str| keys.truth(&format!("{name}.enabled"), false);
    let needed = |path: &str| {
        keys.text(path)
            .filter(|text| !text.is_empty())
            .with_context(|| format!("Error reading config file: {path} is needed when the output is enabled"))
    };
    let stdout = enabled("stdout_output")?.then_some(format);
    let file = match enabled("file_output")? {
        true => Some(FileOutput { path: needed("file_output.filename")?.into(), format }),
        false => None,
    };
    let syslog = enabled("syslog_output")?.then(|| SyslogOutput { socket: SYSLOG_SOCKET.into(), format });
    let program = match enabled("program_output")? {
        true => Some(ProgramOutput {
            command: needed("program_output.program")?,
            keep_alive: keys.truth("program_output.keep_alive", false)?,
            timeout: OUTPUT_TIMEOUT,
            format,
        }),
        false => None,
    };
    let http = match enabled("http_output")? {
        true => Some(http(keys, &needed("http_output.url")?, format)?),
        false => None,
    };
    Ok(OutputsConfig { stdout, file, syslog, program, http, json_keys: json_keys(keys)? })
}

fn http(keys: Keys<'_>, url: &str, format: Format) -> anyhow::Result<HttpOutput> {
    for key in ["http_output.insecure", "http_output.mtls"] {
        if keys.truth(key, false)? {
            bail!("{key}: not served here; servers are verified, and see no certificate of ours");
        }
    }
    let url = url
        .parse()
        .with_context(|| format!("http_output.url: expected http://host/ or https://host/, found `{url}`"))?;
    let ca = keys.text("http_output.ca_cert").filter(|path| !path.is_empty()).map(PathBuf::from);
    Ok(HttpOutput { url, ca, timeout: OUTPUT_TIMEOUT, format })
}

fn json_keys(keys: Keys<'_>) -> anyhow::Result<JsonKeys> {
    let JsonKeys { output, message, output_fields, tags } = JsonKeys::default();
    Ok(JsonKeys {
        output: keys.truth("json_include_output_property", output)?,
        message: keys.truth("json_include_message_property", message)?,
        output_fields: keys.truth("json_include_output_fields_property", output_fields)?,
        tags: keys.truth("json_include_tags_property", tags)?,
    })
}

fn web_listen(keys: Keys<'_>) -> anyhow::Result<Option<SocketAddr>> {
    if !keys.truth("webserver.enabled", false)? {
        return Ok(None);
    }
    if keys.truth("webserver.ssl_enabled", false)? {
        bail!("webserver.ssl_enabled: not served here; the answers hold no secrets");
    }
    let address = keys.text("webserver.listen_address").unwrap_or_else(|| "0.0.0.0".to_owned());
    let port = keys.text("webserver.listen_port").unwrap_or_else(|| "8765".to_owned());
    let address: IpAddr =
        address.parse().map_err(|_| anyhow!("webserver.listen_address: expected an address, found `{address}`"))?;
    let port = port.parse().map_err(|_| anyhow!("webserver.listen_port: expected a port, found `{port}`"))?;
    Ok(Some(SocketAddr::new(address, port)))
}

fn drops(keys: Keys<'_>) -> anyhow::Result<DropPolicy> {
    let default = DropPolicy::default();
    let actions = keys.texts("syscall_event_drops.actions");
    Ok(DropPolicy {
        threshold: DropPolicy::checked_threshold(keys.number("syscall_event_drops.threshold", default.threshold)?)?,
        actions: if actions.is_empty() { default.actions } else { DropPolicy::checked_actions(&actions)? },
        rate: keys.number("syscall_event_drops.rate", default.rate)?,
        burst: keys.number("syscall_event_drops.max_burst", default.burst)?,
        simulate: keys.truth("syscall_event_drops.simulate_drops", default.simulate)?,
    })
}
