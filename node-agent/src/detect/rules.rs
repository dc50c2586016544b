//! Rule files: found, read, and loaded together.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tiercel_detection::event::KindSet;
use tiercel_detection::{LoadOptions, LoadReport, RuleFile, RuleSet};

use super::builtin;
use crate::capture::syscall::recorded_kinds;
use crate::config::{CaptureSource, RulesConfig};

/// Rules are typed by people: the official files together have 140 kB.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// Rules that were loaded together, and what the loading found.
#[derive(Debug)]
pub struct LoadedRules {
    /// The rules.
    pub rules: RuleSet,
    /// Errors and warnings.
    pub report: LoadReport,
    /// The files with the SHA-256 of their texts.
    pub digests: Vec<FileDigest>,
}

impl LoadedRules {
    /// One hash for all files together, by which the cluster sees which nodes run the same rules.
    pub fn sha256(&self) -> String {
        let lines: Vec<_> = self.digests.iter().map(|file| format!("{} {}\n", file.sha256, file.name)).collect();
        sha256(lines.concat().as_bytes())
    }
}

/// Which text a rule file had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDigest {
    /// Its name.
    pub name: String,
    /// SHA-256 of its text, hexadecimal.
    pub sha256: String,
}

/// A rule file could not be read.
#[derive(Debug, thiserror::Error)]
#[error("failed to read rules {}", .path.display())]
pub struct ReadError {
    /// The file or directory.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub source: io::Error,
}

/// Reads and loads what is configured.
///
/// # Errors
/// When a file or directory cannot be read. Mistakes inside the files are in the report.
pub fn load(config: &RulesConfig) -> Result<LoadedRules, ReadError> {
    load_for(config, None)
}

/// Reads and loads what is configured. `recorded` are the kinds of events that the live sensor records: rules that ask
/// for more get a warning; `None` for recordings, which bring what they bring.
///
/// # Errors
/// When a file or directory cannot be read. Mistakes inside the files are in the report.
pub fn load_for(config: &RulesConfig, recorded: Option<KindSet>) -> Result<LoadedRules, ReadError> {
    Ok(compile(&read_configured(config)?, config, recorded))
}

/// The kinds of events that a source records, if it is the live sensor.
pub fn recorded_by(source: &CaptureSource) -> Option<KindSet> {
    match source {
        CaptureSource::Kernel { .. } => Some(recorded_kinds()),
        CaptureSource::Recording(_) => None,
    }
}

/// Reads what is configured: the built-in rules when no file is named.
///
/// # Errors
/// When a file or directory cannot be read.
pub(super) fn read_configured(config: &RulesConfig) -> Result<Vec<RuleFile>, ReadError> {
    match (config.files.is_empty(), config.with_audit) {
        (true, false) => Ok(builtin::files()),
        (true, true) => Ok(builtin::with_audit()),
        (false, _) => read(&config.files),
    }
}

/// Loads files that were read.
pub(super) fn compile(files: &[RuleFile], config: &RulesConfig, recorded: Option<KindSet>) -> LoadedRules {
    let options = LoadOptions {
        minimum_priority: config.minimum_priority,
        matching: config.matching,
        recorded,
        ..LoadOptions::default()
    };
    let (rules, report) = RuleSet::load(files, &options);
    LoadedRules { rules, report, digests: digests(files) }
}

/// Which texts the files have.
pub(super) fn digests(files: &[RuleFile]) -> Vec<FileDigest> {
    files.iter().map(|file| FileDigest { name: file.name.clone(), sha256: sha256(file.text.as_bytes()) }).collect()
}

/// Whether a rule looks at the environment of programs, which is recorded only then: it costs up to 4 KiB an exec.
pub fn read_environment(rules: &RuleSet) -> bool {
    let names = |text: &str| ["proc.env", "proc.aenv"].iter().any(|field| text.contains(field));
    rules.rules().iter().any(|rule| rule.enabled && (names(&rule.condition) || names(&rule.output)))
}

/// Reads files, and from directories every `*.yaml` and `*.yml` in the order of their names.
///
/// # Errors
/// When a file or directory cannot be read.
pub fn read(paths: &[PathBuf]) -> Result<Vec<RuleFile>, ReadError> {
    let mut files = Vec::new();
    for path in paths {
        for file in expand(path)? {
            files.push(RuleFile { name: file.display().to_string(), text: read_text(&file)? });
        }
    }
    Ok(files)
}

fn expand(path: &Path) -> Result<Vec<PathBuf>, ReadError> {
    let failed = |source| ReadError { path: path.to_owned(), source };
    if !fs::metadata(path).map_err(failed)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let file = entry.map_err(failed)?.path();
        let yaml = file.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        if yaml && file.is_file() {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

fn read_text(path: &Path) -> Result<String, ReadError> {
    let failed = |source| ReadError { path: path.to_owned(), source };
    let bytes = fs::metadata(path).map_err(failed)?.len();
    if bytes > FILE_BYTES_MAX {
        let message = format!("the file has {bytes} bytes, more than {FILE_BYTES_MAX} are not read");
        return Err(failed(io::Error::new(io::ErrorKind::FileTooLarge, message)));
    }
    fs::read_to_string(path).map_err(failed)
}

fn sha256(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        write!(text, "{byte:02x}").expect("writing to a string");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_gives_its_yaml_files_in_the_order_of_their_names() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.yaml", "a.yml", "note.txt", "c.yaml.bak"] {
            fs::write(folder.path().join(name), name).unwrap();
        }
        fs::create_dir(folder.path().join("d.yaml")).unwrap();
        let texts: Vec<_> = read(&[folder.path().to_owned()]).unwrap().into_iter().map(|file| file.text).collect();
        assert_eq!(texts, ["a.yml", "b.yaml"]);
    }

    #[test]
    fn a_file_that_does_not_exist_is_named() {
        let error = read(&["/nowhere/rules.yaml".into()]).unwrap_err();
        assert_eq!(error.to_string(), "failed to read rules /nowhere/rules.yaml");
    }

    #[test]
    fn only_rules_that_can_fire_ask_for_the_environment() {
        let check = |enabled: bool| {
            let text = format!(
                "- {{macro: m, condition: proc.env contains X}}\n\
                 - {{rule: r, desc: d, condition: evt.type = execve and m, output: o, priority: INFO, enabled: {enabled}}}\n"
            );
            let (rules, report) = RuleSet::load(&[RuleFile { name: "r.yaml".into(), text }], &LoadOptions::default());
            assert!(report.is_ok(), "{report}");
            read_environment(&rules)
        };
        assert!(check(true));
        assert!(!check(false));
    }

    #[test]
    fn the_built_in_rules_load_without_a_mistake() {
        let (_, report) = RuleSet::load(&builtin::files(), &LoadOptions::default());
        assert!(report.is_ok(), "{report}");
        assert!(report.rules_enabled >= 20, "{report}");
    }

    #[test]
    fn neither_built_in_nor_official_rules_ask_for_what_is_never_told() {
        let options = LoadOptions { recorded: Some(recorded_kinds()), ..LoadOptions::default() };
        let check = |files: &[RuleFile]| {
            let (_, report) = RuleSet::load(files, &options);
            assert!(report.warnings().all(|warning| !warning.code.name().starts_with("LINT")), "{report}");
        };
        check(&builtin::files());
        let Some(folder) = std::env::var_os("TIERCEL_COMPAT_DIR") else { return };
        let names = ["falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"];
        let mut files = read(&names.map(|name| Path::new(&folder).join("rules").join(name))).unwrap();
        for file in &mut files {
            file.text = file.text.replace("\n  enabled: false", "");
        }
        check(&files);
    }
}
