//! Who we are, for those who ask Falco.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::bail;
use serde_json::{Value, json};
use tiercel_detection::rule::ENGINE_VERSION;

/// The release of Falco whose rule language and outputs this program has.
pub(super) const FALCO_VERSION: &str = "0.44.1";

/// The library release of that Falco.
const LIBS_VERSION: &str = "0.25.4";

/// Versions of its interfaces to plugins and drivers. We load neither; tools that read the versions want all of them.
const PLUGIN_API_VERSION: &str = "3.12.0";
const DRIVER_API_VERSION: &str = "8.0.0";
const DRIVER_SCHEMA_VERSION: &str = "4.5.1";
const DRIVER_VERSION: &str = "10.2.0+driver";

/// The plugin whose work is done by the program itself.
const CONTAINER: &str = "container";

/// The release of the plugin whose fields the program fills.
const CONTAINER_VERSION: &str = "0.7.1";

/// Prints the versions.
pub(super) fn print(out: &mut impl Write, as_json: bool) -> io::Result<()> {
    if as_json {
        return writeln!(out, "{}", to_json());
    }
    writeln!(out, "Falco version: {FALCO_VERSION} (tiercel-agent {})", env!("CARGO_PKG_VERSION"))?;
    writeln!(out, "Libs version:  {LIBS_VERSION}")?;
    writeln!(out, "Plugin API:    {PLUGIN_API_VERSION}")?;
    writeln!(out, "Engine:        {ENGINE_VERSION}")?;
    writeln!(out, "Driver:")?;
    writeln!(out, "  API version:    {DRIVER_API_VERSION}")?;
    writeln!(out, "  Schema version: {DRIVER_SCHEMA_VERSION}")?;
    writeln!(out, "  Default driver: {DRIVER_VERSION}")
}

fn to_json() -> Value {
    let minor = ENGINE_VERSION.split('.').nth(1).unwrap_or_default();
    json!({
        "default_driver_version": DRIVER_VERSION,
        "driver_api_version": DRIVER_API_VERSION,
        "driver_schema_version": DRIVER_SCHEMA_VERSION,
        "engine_version": minor,
        "engine_version_semver": ENGINE_VERSION,
        "falco_version": FALCO_VERSION,
        "libs_version": LIBS_VERSION,
        "plugin_api_version": PLUGIN_API_VERSION,
        "plugin_versions": {CONTAINER: CONTAINER_VERSION},
        "tiercel_version": env!("CARGO_PKG_VERSION"),
    })
}

/// Prints what stands in the place of plugins.
pub(super) fn list_plugins(out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "1 Plugins Loaded:\n")?;
    describe_container(out)
}

/// Prints what is known of one of them.
pub(super) fn plugin_info(out: &mut impl Write, name: &str) -> anyhow::Result<()> {
    if name != CONTAINER {
        bail!("Unknown plugin '{name}': only '{CONTAINER}' is built in, and no other is loaded");
    }
    describe_container(out)?;
    writeln!(out, "Init config schema type: JSON\n{{}}\n")?;
    writeln!(out, "No suggested open params available: plugin has been loaded but does not implement event sourcing")?;
    Ok(())
}

fn describe_container(out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "Name: {CONTAINER}")?;
    writeln!(out, "Description: Containers and pods, built into tiercel-agent")?;
    writeln!(out, "Contact: the people who run this agent")?;
    writeln!(out, "Version: {CONTAINER_VERSION}")?;
    writeln!(out, "Capabilities:\n  - Field Extraction\n  - Event Parsing\n  - Async Events\n")
}

/// What `--support` prints.
pub(super) fn support(config: &Value, rules: &[(PathBuf, String)]) -> Value {
    let system = nix::sys::utsname::uname();
    let part = |get: fn(&nix::sys::utsname::UtsName) -> &std::ffi::OsStr| {
        system.as_ref().map(|names| get(names).to_string_lossy().into_owned()).unwrap_or_default()
    };
    let rules: Vec<_> =
        rules.iter().map(|(name, text)| json!({"name": name, "variants": [{"content": text}]})).collect();
    json!({
        "version": FALCO_VERSION,
        "system_info": {
            "sysname": part(|names| names.sysname()),
            "nodename": part(|names| names.nodename()),
            "release": part(|names| names.release()),
            "version": part(|names| names.version()),
            "machine": part(|names| names.machine()),
        },
        "engine_info": {"engine_version": ENGINE_VERSION},
        "cmdline": std::env::args().collect::<Vec<_>>().join(" "),
        "config": config,
        "rules_files": rules,
    })
}
