//! `falco`: Falco's command line on top of this program, for those who come from there and for their scripts.

mod arguments;
mod audit;
mod document;
mod drops;
mod feed;
mod lists;
mod log;
mod plugins;
mod session;
mod settings;
mod signals;
mod statistics;
mod versions;
mod web;
mod wording;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use tiercel_agent::detect::rules;
use tiercel_detection::event::EventSource;
use tiercel_detection::rule::Addition;
use tiercel_detection::{LoadReport, RuleFile, RuleSet};
use tracing::{debug, info, warn};

pub(super) use arguments::Arguments;

use self::session::{Ended, Surroundings};
use self::settings::Settings;
use self::signals::Signals;
use super::is_broken_pipe;

/// Where Falco looks for its configuration.
const DEFAULT_CONFIG: &str = "/etc/falco/falco.yaml";

/// Values of `-p` that were names of appended texts once and mean nothing any more.
const PRINT_NOTHING: [&str; 6] = ["c", "container", "k", "kubernetes", "m", "mesos"];

/// Does what Falco would do with these arguments; `false` means exit code 1.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    match act(arguments) {
        Err(error) if !is_broken_pipe(&error) => {
            eprintln!("Error: {error:#}");
            Ok(false)
        }
        result => result,
    }
}

fn act(arguments: &Arguments) -> anyhow::Result<bool> {
    // Not locked: the thread of the outputs writes there too.
    let out = &mut io::stdout();
    let (tree, files) = configuration(arguments)?;
    let settings = settings(arguments, &tree)?;
    log::start(&settings, arguments.verbose);
    if let Some(result) = answer(out, arguments, &settings) {
        return result;
    }
    info!("Falco version: {} (tiercel-agent {})", versions::FALCO_VERSION, env!("CARGO_PKG_VERSION"));
    info!("Falco initialized with configuration files:");
    files.iter().for_each(|file| info!("   {}", file.display()));
    let ignored = settings::ignored(&tree);
    if !ignored.is_empty() {
        debug!("Keys without a counterpart here: {}", ignored.join(", "));
    }
    if !arguments.validate.is_empty() {
        return validate(out, &rules::read(&arguments.validate)?, &settings);
    }
    let texts = rules::read(&rules_files(arguments, &settings)?)?;
    if arguments.support {
        let texts: Vec<_> = texts.into_iter().map(|file| (file.name.into(), file.text)).collect();
        writeln!(out, "{}", versions::support(&tree, &texts))?;
        return Ok(true);
    }
    let rules = load(&texts, &settings)?;
    if arguments.describe_rules || arguments.describe_rule.is_some() {
        return describe(out, arguments, &rules, settings.json_output);
    }
    if arguments.dry_run {
        info!("Dry run: configuration and rules can be used");
        return Ok(true);
    }
    if let Some(path) = &arguments.pidfile {
        session::write_pidfile(path)?;
    }
    if let Some(listen) = settings.web_listen {
        web::serve(listen)?;
    }
    watch(out, arguments, settings, rules, files)
}

/// What needs no rules.
fn answer(out: &mut impl Write, arguments: &Arguments, settings: &Settings) -> Option<anyhow::Result<bool>> {
    let format = arguments.list_format(settings.json_output);
    let result = if arguments.version {
        versions::print(out, settings.json_output).map_err(Into::into)
    } else if arguments.page_size {
        let size = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok().flatten();
        writeln!(out, "{}", size.unwrap_or_default()).map_err(Into::into)
    } else if arguments.config_schema || arguments.rule_schema {
        Err(anyhow::anyhow!("no JSON schema is built in; `tiercel-agent rules check` names every unknown key"))
    } else if arguments.ignored_events {
        lists::ignored(out).map_err(Into::into)
    } else if let Some(source) = &arguments.list {
        lists::fields(out, source, arguments.names_only, format)
    } else if arguments.list_events {
        lists::events(out, format).map_err(Into::into)
    } else if arguments.list_plugins {
        versions::list_plugins(out).map_err(Into::into)
    } else {
        let name = arguments.plugin_info.as_deref()?;
        versions::plugin_info(out, name)
    };
    Some(result.map(|()| true))
}

/// The tree of the configuration with the options of the command line in it, and the files that it is from.
fn configuration(arguments: &Arguments) -> anyhow::Result<(Value, Vec<PathBuf>)> {
    let default = Path::new(DEFAULT_CONFIG);
    let (mut tree, files) = match &arguments.config {
        Some(path) => document::read(path)?,
        None if default.exists() => document::read(default)?,
        None => (shipped(), Vec::new()),
    };
    for option in &arguments.options {
        document::assign(&mut tree, option)?;
    }
    Ok((tree, files))
}

/// What of the file that Falco ships makes a difference for those who have none.
fn shipped() -> Value {
    json!({"stdout_output": {"enabled": true}, "append_output": [{"suggested_output": true}]})
}

fn settings(arguments: &Arguments, tree: &Value) -> anyhow::Result<Settings> {
    let mut settings = Settings::of(tree)?;
    if let Some(text) = arguments.print.as_ref().filter(|text| !PRINT_NOTHING.contains(&text.as_str())) {
        settings.load.additions.push(Addition { text: text.clone(), ..Addition::default() });
    }
    choose_sources(arguments, &mut settings)?;
    Ok(settings)
}

fn rules_files(arguments: &Arguments, settings: &Settings) -> anyhow::Result<Vec<PathBuf>> {
    let files = if arguments.rules.is_empty() { &settings.rules_files } else { &arguments.rules };
    if files.is_empty() {
        bail!("You must specify at least one rules file/directory via -r or a rules_file entry in falco.yaml");
    }
    Ok(files.clone())
}

/// Switches sources on and off.
fn choose_sources(arguments: &Arguments, settings: &mut Settings) -> anyhow::Result<()> {
    let known: Vec<&str> = settings.load.sources.iter().map(|source| source.name()).collect();
    let mut named = arguments.disable_source.iter().chain(&arguments.enable_source);
    if let Some(unknown) = named.find(|source| !known.contains(&source.as_str())) {
        bail!("Attempted to enable or disable unknown event source: {unknown}");
    }
    let is_on = |source: EventSource| {
        let is_named = |names: &[String]| names.iter().any(|name| name == source.name());
        !is_named(&arguments.disable_source)
            && (arguments.enable_source.is_empty() || is_named(&arguments.enable_source))
    };
    settings.syscalls = is_on(EventSource::Syscall);
    settings.audit.take_if(|_| !is_on(EventSource::KubernetesAudit));
    if !settings.syscalls && settings.audit.is_none() {
        bail!("All event sources are disabled: there is nothing to watch");
    }
    Ok(())
}

fn validate(out: &mut impl Write, files: &[RuleFile], settings: &Settings) -> anyhow::Result<bool> {
    info!("Validating rules file(s):");
    files.iter().for_each(|file| info!("   {}", file.name));
    let (_, mut report) = RuleSet::load(files, &settings.load);
    wording::adapt(&mut report);
    match settings.json_output {
        true => writeln!(out, "{}", report.to_json())?,
        false => writeln!(out, "{report}")?,
    }
    Ok(report.is_ok())
}

/// Loads rules; unlike the agent itself, Falco does not start with a mistake in them.
fn load(files: &[RuleFile], settings: &Settings) -> anyhow::Result<RuleSet> {
    info!("Loading rules from:");
    files.iter().for_each(|file| info!("   {}", file.name));
    let (rules, report) = RuleSet::load(files, &settings.load);
    if !report.is_ok() {
        bail!("{report}");
    }
    warn_of(&report);
    Ok(rules)
}

fn warn_of(report: &LoadReport) {
    for file in report.files.iter().filter(|file| !file.warnings.is_empty()) {
        let warnings: Vec<_> = file.warnings.iter().map(ToString::to_string).collect();
        warn!("{}: Ok, with warnings\n{} Warnings:\n{}", file.name, warnings.len(), warnings.join("\n"));
    }
}

fn describe(out: &mut impl Write, arguments: &Arguments, rules: &RuleSet, as_json: bool) -> anyhow::Result<bool> {
    let name = arguments.describe_rule.as_deref();
    let chosen = || rules.rules().iter().filter(|rule| name.is_none_or(|name| *rule.name == *name));
    if let Some(name) = name
        && chosen().next().is_none()
    {
        bail!("No rule found with name: {name}");
    }
    match as_json {
        true => writeln!(out, "{}", rules.describe(name))?,
        false => lists::rules(out, chosen())?,
    }
    Ok(true)
}

/// Runs, and runs anew with what the files say then.
fn watch(
    out: &mut impl Write,
    arguments: &Arguments,
    mut settings: Settings,
    mut rules: RuleSet,
    mut files: Vec<PathBuf>,
) -> anyhow::Result<bool> {
    let signals = Signals::listen()?;
    let until = arguments.seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let fresh = || -> anyhow::Result<(Settings, RuleSet, Vec<PathBuf>)> {
        let (tree, files) = configuration(arguments)?;
        let settings = self::settings(arguments, &tree)?;
        let rules = load(&rules::read(&rules_files(arguments, &settings)?)?, &settings)?;
        Ok((settings, rules, files))
    };
    loop {
        files.extend(rules_files(arguments, &settings)?);
        let around = Surroundings { signals: &signals, until, files, check: &|| fresh().map(drop) };
        match session::run(out, &settings, rules, &around)? {
            Ended::Done => return Ok(true),
            Ended::Lost => return Ok(false),
            Ended::Restart => {
                (settings, rules, files) = fresh().context("failed to restart")?;
            }
        }
    }
}
