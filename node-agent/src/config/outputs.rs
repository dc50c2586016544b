//! `outputs`: as written, and as meant.

use std::path::PathBuf;
use std::time::Duration;

use super::fault::Fault;
use super::reader::{At, Section};
use super::validate::{existing_file, one_of};
use super::{FileOutput, Format, HttpOutput, JsonKeys, OutputsConfig, ProgramOutput, SyslogOutput, Url};

/// Where the system log listens on every Linux.
const SYSLOG_SOCKET_DEFAULT: &str = "/dev/log";

/// How long a program or a server may take for one alert; as for a receiver of the aggregator.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(5);

/// Longer, and the queue of a busy node is full before the first attempt has failed.
const TIMEOUT_MAX: Duration = Duration::from_secs(60);

/// `outputs` as written.
#[derive(Debug)]
pub(super) struct RawOutputs {
    stdout: Switch,
    file: Switch,
    file_path: Option<At<String>>,
    syslog: Switch,
    syslog_socket: Option<At<String>>,
    program: Switch,
    program_command: Option<At<String>>,
    program_keep_alive: Option<At<bool>>,
    program_timeout: Option<At<String>>,
    http: Switch,
    http_url: Option<At<String>>,
    http_ca: Option<At<String>>,
    http_timeout: Option<At<String>>,
}

/// What every output has.
#[derive(Debug)]
struct Switch {
    /// Whether it is on.
    enabled: Option<At<bool>>,
    /// `text` or `json`.
    format: Option<At<String>>,
}

impl RawOutputs {
    /// Reads the section; what does not fit is added to `faults`.
    pub(super) fn read(mut section: Section, faults: &mut Vec<Fault>) -> Self {
        let mut stdout = section.section("stdout", faults);
        let mut file = section.section("file", faults);
        let mut syslog = section.section("syslog", faults);
        let mut program = section.section("program", faults);
        let mut http = section.section("http", faults);
        let raw = Self {
            stdout: Switch::read(&mut stdout, faults),
            file: Switch::read(&mut file, faults),
            file_path: file.text("path", faults),
            syslog: Switch::read(&mut syslog, faults),
            syslog_socket: syslog.text("socket", faults),
            program: Switch::read(&mut program, faults),
            program_command: program.text("command", faults),
            program_keep_alive: program.parse("keep_alive", "true or false", faults),
            program_timeout: program.text("timeout", faults),
            http: Switch::read(&mut http, faults),
            http_url: http.text("url", faults),
            http_ca: http.text("ca", faults),
            http_timeout: http.text("timeout", faults),
        };
        for section in [stdout, file, syslog, program, http, section] {
            section.finish(faults);
        }
        raw
    }

    /// Judges every key; each fault is added to `faults` and read as the default.
    pub(super) fn validate(self, faults: &mut Vec<Fault>) -> OutputsConfig {
        OutputsConfig {
            stdout: self.stdout.format(Format::Text, faults).map(|(format, _)| format),
            file: file(self.file, self.file_path, faults),
            syslog: syslog(self.syslog, self.syslog_socket, faults),
            program: program(self.program, self.program_command, self.program_keep_alive, self.program_timeout, faults),
            http: http(self.http, self.http_url, self.http_ca, self.http_timeout, faults),
            json_keys: JsonKeys::default(),
        }
    }
}

impl Switch {
    fn read(section: &mut Section, faults: &mut Vec<Fault>) -> Self {
        Self { enabled: section.parse("enabled", "true or false", faults), format: section.text("format", faults) }
    }

    /// The format, and where the output was switched on; `None` when it is off.
    fn format(self, default: Format, faults: &mut Vec<Fault>) -> Option<(Format, At<bool>)> {
        let table = match default {
            Format::Text => [("text", Format::Text), ("json", Format::Json)],
            Format::Json => [("json", Format::Json), ("text", Format::Text)],
        };
        let format = one_of(self.format, &table, faults);
        self.enabled.filter(|enabled| enabled.value).map(|enabled| (format, enabled))
    }
}

fn file(switch: Switch, path: Option<At<String>>, faults: &mut Vec<Fault>) -> Option<FileOutput> {
    let (format, enabled) = switch.format(Format::Json, faults)?;
    let path = needed(path, "outputs.file.path", &enabled, faults)?;
    Some(FileOutput { path: path.value.into(), format })
}

fn syslog(switch: Switch, socket: Option<At<String>>, faults: &mut Vec<Fault>) -> Option<SyslogOutput> {
    let (format, _) = switch.format(Format::Text, faults)?;
    let socket = socket.map_or_else(|| SYSLOG_SOCKET_DEFAULT.into(), |socket| PathBuf::from(socket.value));
    Some(SyslogOutput { socket, format })
}

fn program(
    switch: Switch,
    command: Option<At<String>>,
    keep_alive: Option<At<bool>>,
    timeout: Option<At<String>>,
    faults: &mut Vec<Fault>,
) -> Option<ProgramOutput> {
    let timeout = time(timeout, faults);
    let (format, enabled) = switch.format(Format::Json, faults)?;
    let command = needed(command, "outputs.program.command", &enabled, faults)?.value;
    Some(ProgramOutput { command, keep_alive: keep_alive.is_some_and(|it| it.value), timeout, format })
}

fn http(
    switch: Switch,
    url: Option<At<String>>,
    ca: Option<At<String>>,
    timeout: Option<At<String>>,
    faults: &mut Vec<Fault>,
) -> Option<HttpOutput> {
    let timeout = time(timeout, faults);
    let (format, enabled) = switch.format(Format::Json, faults)?;
    let url = needed(url, "outputs.http.url", &enabled, faults)?;
    let ca = ca.map(|path| existing_file(&path, faults));
    let parsed = url.value.parse::<Url>().ok();
    let Some(parsed) = parsed.filter(|url| ["http", "https"].contains(&url.scheme()) && url.has_host()) else {
        faults.push(url.fault("expected http://host[:port]/path or https://host[:port]/path"));
        return None;
    };
    Some(HttpOutput { url: parsed, ca, timeout, format })
}

fn needed(value: Option<At<String>>, key: &str, enabled: &At<bool>, faults: &mut Vec<Fault>) -> Option<At<String>> {
    let value = value.filter(|value| !value.value.is_empty());
    if value.is_none() {
        faults.push(enabled.fault(format!("`{key}` is needed when the output is enabled")));
    }
    value
}

fn time(raw: Option<At<String>>, faults: &mut Vec<Fault>) -> Duration {
    let Some(raw) = raw else { return TIMEOUT_DEFAULT };
    match humantime::parse_duration(&raw.value) {
        Ok(timeout) if !timeout.is_zero() && timeout <= TIMEOUT_MAX => timeout,
        Ok(_) | Err(_) => {
            let most = humantime::format_duration(TIMEOUT_MAX);
            faults.push(raw.fault(format!("expected a time such as 5s, at most {most}, found `{}`", raw.value)));
            TIMEOUT_DEFAULT
        }
    }
}
