//! The cases as the file has them, and the command lines that they stand for.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::run::Invocation;

/// What runs without a configuration of its own get; Falco's tests use the file that Falco ships.
const DEFAULT_CONFIG: &str = "\
append_output:
  - suggested_output: true
stdout_output:
  enabled: true
rule_matching: first
priority: debug
engine:
  kind: modern_ebpf
";

/// The rules that come with the plugin k8saudit, which is not published with the cases.
const AUDIT_RULES: &str = "rules.K8SAuditRules";

/// Their file.
const AUDIT_RULES_FILE: &str = "k8s_audit_rules.yaml";

/// All cases with the files that they name.
pub(super) struct Suite {
    pub(super) cases: Vec<Case>,
    folder: PathBuf,
    captures: PathBuf,
    files: HashMap<String, FileEntry>,
    /// Audit logs, where they were published beside the other data.
    audit_logs: PathBuf,
    capture_paths: HashMap<String, String>,
    default_config: tempfile::NamedTempFile,
}

#[derive(Deserialize)]
struct Document {
    cases: Vec<Case>,
    files: HashMap<String, FileEntry>,
    captures: HashMap<String, String>,
}

#[derive(Deserialize)]
struct FileEntry {
    file: String,
}

/// One test of Falco.
#[derive(Deserialize)]
pub(super) struct Case {
    pub(super) test: String,
    pub(super) options: Vec<(String, Vec<String>)>,
    pub(super) expect: Vec<String>,
    pub(super) exit_code: Option<i32>,
    #[serde(default)]
    pub(super) detections: Vec<Detection>,
    #[serde(default)]
    pub(super) validation: Vec<HashMap<String, String>>,
    k8saudit_input: Option<String>,
}

/// How many alerts of a rule or priority there must be.
#[derive(Clone, Deserialize)]
pub(super) struct Detection {
    pub(super) rule: Option<String>,
    pub(super) priority: Option<String>,
    /// A number, or `>=` and a number.
    pub(super) count: String,
}

impl Case {
    pub(super) fn group(&self) -> &'static str {
        if self.k8saudit_input.is_some() {
            "k8s audit"
        } else if !self.validation.is_empty() {
            "validation"
        } else if !self.detections.is_empty() {
            "detection"
        } else if self.test.starts_with("TestFalco_Legacy_Monitor") {
            "drops"
        } else {
            "command line and outputs"
        }
    }
}

impl Suite {
    pub(super) fn read(folder: &Path) -> Self {
        let regression = folder.join("falco-regression");
        let text = fs::read_to_string(regression.join("cases.json")).unwrap();
        let Document { cases, files, captures } = serde_json::from_str(&text).unwrap();
        let default_config = tempfile::NamedTempFile::new().unwrap();
        fs::write(default_config.path(), DEFAULT_CONFIG).unwrap();
        Self {
            cases,
            folder: regression,
            captures: folder.join("scap/falco"),
            audit_logs: folder.join("k8s_audit"),
            files,
            capture_paths: captures,
            default_config,
        }
    }

    /// A file by the name that cases use: `rules.SingleRule`.
    pub(super) fn file(&self, name: &str) -> Result<PathBuf, String> {
        if name == AUDIT_RULES {
            let file = self.folder.join("rules").join(AUDIT_RULES_FILE);
            return file.is_file().then_some(file).ok_or_else(|| format!("{AUDIT_RULES_FILE} is not here"));
        }
        let entry = self.files.get(name).ok_or_else(|| format!("{name} is not here"))?;
        Ok(self.folder.join(&entry.file))
    }

    /// An audit log by the name that cases use: where the list says it is, or by its name beside the other data.
    fn audit_log(&self, name: &str) -> Result<PathBuf, String> {
        let path = self.capture_paths.get(name.trim_start_matches("captures."));
        let path = path.map(Path::new).ok_or_else(|| format!("the audit log {name} was never published"))?;
        let beside = path.file_name().map(|file| self.audit_logs.join(file));
        let mut places = std::iter::once(self.folder.join(path)).chain(beside);
        places.find(|file| file.is_file()).ok_or_else(|| format!("the audit log {} is not here", path.display()))
    }

    /// A capture by the name that cases use: `captures.CatWrite`.
    pub(super) fn capture(&self, name: &str) -> Result<PathBuf, String> {
        let path = self.capture_paths.get(name.trim_start_matches("captures."));
        let name_of_file = path.and_then(|path| Path::new(path).file_name());
        let file = name_of_file.map(|file| self.captures.join(file)).filter(|file| file.is_file());
        file.ok_or_else(|| format!("the capture {name} was never published"))
    }

    /// The command line of a case; an error names what it needs and is not here.
    pub(super) fn invocation(&self, case: &Case) -> Result<Invocation, String> {
        let mut invocation = Invocation::new(self.default_config.path());
        if let Some(input) = &case.k8saudit_input {
            self.read_audit_log(&mut invocation, input)?;
        }
        for (option, values) in &case.options {
            self.apply(&mut invocation, option, values)?;
        }
        Ok(invocation)
    }

    /// A command line with the default configuration and nothing else.
    pub(super) fn plain(&self) -> Invocation {
        Invocation::new(self.default_config.path())
    }

    /// Falco's tests load the plugins and switch the system calls off.
    fn read_audit_log(&self, invocation: &mut Invocation, input: &str) -> Result<(), String> {
        let log = self.audit_log(input)?;
        invocation.set("plugins[0].name=k8saudit");
        invocation.set("plugins[0].library_path=libk8saudit.so");
        invocation.set(&format!("plugins[0].open_params={}", log.display()));
        invocation.set("plugins[1].name=json");
        invocation.set("plugins[1].library_path=libjson.so");
        invocation.set("load_plugins[0]=k8saudit");
        invocation.set("load_plugins[1]=json");
        invocation.argument("--enable-source=k8s_audit");
        Ok(())
    }

    fn apply(&self, invocation: &mut Invocation, option: &str, values: &[String]) -> Result<(), String> {
        match option {
            "WithArgs" => {
                for value in values {
                    invocation.argument(&literal(value).ok_or_else(|| format!("cannot tell what {value} is"))?);
                }
            }
            "WithConfig" => invocation.config = self.file(&values[0])?,
            "WithRules" | "WithRulesValidation" => {
                let flag = if option == "WithRules" { "-r" } else { "-V" };
                for value in values {
                    invocation.argument(flag);
                    invocation.argument(&self.file(value)?.display().to_string());
                }
            }
            "WithCaptureFile" => {
                let capture = self.capture(&values[0])?;
                invocation.set("engine.kind=replay");
                invocation.set(&format!("engine.replay.capture_file={}", capture.display()));
            }
            "WithOutputJSON" => invocation.set("json_output=true"),
            "WithAllEvents" => invocation.set("base_syscalls.all=true"),
            "WithMinRulePriority" => invocation.set(&format!("priority={}", text(&values[0]))),
            "WithEnabledTags" => {
                invocation.set("rules[].disable.rule=*");
                values.iter().for_each(|tag| invocation.set(&format!("rules[].enable.tag={}", text(tag))));
            }
            "WithDisabledTags" => {
                values.iter().for_each(|tag| invocation.set(&format!("rules[].disable.tag={}", text(tag))));
            }
            "WithDisabledRules" => {
                values.iter().for_each(|rule| invocation.set(&format!("rules[].disable.rule={}", text(rule))));
            }
            other => return Err(format!("the option {other}")),
        }
        Ok(())
    }
}

fn text(value: &str) -> String {
    literal(value).unwrap_or_else(|| panic!("{value} is no text"))
}

/// The text of a Go literal.
pub(super) fn literal(value: &str) -> Option<String> {
    let value = value.trim();
    if let Some(raw) = value.strip_prefix('`') {
        return raw.strip_suffix('`').map(str::to_owned);
    }
    serde_json::from_str(value).ok()
}
