//! The default rules, carried inside the binary.

use tiercel_detection::RuleFile;

/// (file name, text), in the order of loading.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/builtin_rules.rs"));

/// The default rules.
pub fn files() -> Vec<RuleFile> {
    FILES.iter().map(|(name, text)| RuleFile { name: format!("built-in/{name}"), text: (*text).to_owned() }).collect()
}
