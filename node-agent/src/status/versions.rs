//! What runs here, with Falco's keys where a tool that asks Falco would look.

use serde_json::{Value, json};
use tiercel_detection::rule::ENGINE_VERSION;

/// This agent's version.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The body of `/versions`.
pub(super) fn to_json(engine_name: &str) -> Value {
    let minor = ENGINE_VERSION.split('.').nth(1).unwrap_or_default();
    json!({
        "tiercel_version": VERSION,
        "falco_version": VERSION,
        "engine_version": minor,
        "engine_version_semver": ENGINE_VERSION,
        "default_driver_version": engine_name,
        "plugin_versions": {},
        "kernel_release": kernel_release(),
    })
}

/// `uname -r`.
pub(super) fn kernel_release() -> String {
    nix::sys::utsname::uname().map(|names| names.release().to_string_lossy().into_owned()).unwrap_or_default()
}
