//! The default rules, carried inside the binary.

use tiercel_detection::RuleFile;

/// (file name, text), in the order of loading.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/builtin_rules.rs"));

/// The rules about requests to an API server, which few agents hear of.
const AUDIT: &str = "kubernetes_audit.yaml";

/// The default rules.
pub fn files() -> Vec<RuleFile> {
    FILES.iter().filter(|(name, _)| *name != AUDIT).map(file).collect()
}

/// The default rules with those about requests to an API server.
pub fn with_audit() -> Vec<RuleFile> {
    FILES.iter().map(file).collect()
}

fn file((name, text): &(&str, &str)) -> RuleFile {
    RuleFile { name: format!("built-in/{name}"), text: (*text).to_owned() }
}
