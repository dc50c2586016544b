//! What a rule file asks of the engine and its plugins.

use super::ENGINE_VERSION;
use super::decode::{Mistake, scalar_of, sequence_of};
use super::report::Code;
use super::yaml::Node;

/// The plugins of Falco whose work is built in, and the releases whose fields we have.
const PLUGINS: [(&str, &str); 3] = [("container", "0.7.0"), ("json", "0.7.3"), ("k8saudit", "0.16.0")];

/// Major, minor and patch number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Version(u64, u64, u64);

impl Version {
    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split('.').map(|number| number.parse().ok());
        let version = Self(numbers.next()??, numbers.next()??, numbers.next()??);
        numbers.next().is_none().then_some(version)
    }

    /// Same major number and at least as new.
    fn satisfies(self, required: Self) -> bool {
        self.0 == required.0 && self >= required
    }
}

/// Checks `required_engine_version`.
pub(super) fn check_engine(node: &Node) -> Result<(), Mistake> {
    let text = scalar_of(node)?;
    let required = match text.parse::<u64>() {
        Ok(minor) => Some(Version(0, minor, 0)),
        Err(_) => Version::parse(text),
    };
    let Some(required) = required else {
        return Err(Mistake::new(
            Code::YamlValidate,
            node,
            format!("Unable to parse engine version '{text}' as a semver string. Expected \"x.y.z\" semver format."),
        ));
    };
    let ours = Version::parse(ENGINE_VERSION).expect("our own version is a version");
    match ours.satisfies(required) {
        true => Ok(()),
        false => Err(Mistake::new(
            Code::Validate,
            node,
            format!("Rules require engine version {text}, but engine version is {ENGINE_VERSION}"),
        )),
    }
}

/// Checks `required_plugin_versions`: of each entry the plugin or one of its alternatives must be there.
pub(super) fn check_plugins(node: &Node) -> Result<(), Mistake> {
    for entry in sequence_of(node)? {
        let mut wanted = vec![plugin(entry)?];
        for alternative in entry.get("alternatives").map(sequence_of).transpose()?.unwrap_or_default() {
            let (name, version) = plugin(alternative)?;
            if wanted.iter().any(|(known, _)| *known == name) {
                let message = format!("Plugin '{name}' is named twice in one requirement");
                return Err(Mistake::new(Code::Validate, alternative, message));
            }
            wanted.push((name, version));
        }
        if !wanted.iter().any(|(name, version)| is_present(name, version)) {
            let list: Vec<String> = wanted.iter().map(|(name, version)| format!("{name} (>= {version})")).collect();
            let message = format!("Plugin requirement not satisfied, must load one of: {}", list.join(", "));
            return Err(Mistake::new(Code::Validate, entry, message));
        }
    }
    Ok(())
}

fn plugin(node: &Node) -> Result<(&str, &str), Mistake> {
    let text = |key| match node.get(key) {
        Some(value) => scalar_of(value),
        None => Err(Mistake::new(Code::YamlValidate, node, format!("Item has no mapping for key '{key}'"))),
    };
    Ok((text("name")?, text("version")?))
}

fn is_present(name: &str, version: &str) -> bool {
    let Some(required) = Version::parse(version) else { return false };
    let present = PLUGINS.iter().filter(|(plugin, _)| *plugin == name);
    present.filter_map(|(_, ours)| Version::parse(ours)).any(|ours| ours.satisfies(required))
}
