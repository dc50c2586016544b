//! Falco's words where scripts may look for them.

use tiercel_detection::LoadReport;
use tiercel_detection::rule::Code;

/// What our YAML parser calls a mistake, and what Falco's does.
const YAML_MISTAKES: [(&str, &str); 1] = [("mapping values are not allowed in this context", "illegal map value")];

/// Lets the report speak of mistakes in YAML as Falco does.
pub(super) fn adapt(report: &mut LoadReport) {
    let errors = report.files.iter_mut().flat_map(|file| &mut file.errors);
    for error in errors.filter(|error| error.code == Code::YamlParse) {
        if let Some(message) = yaml(&error.message) {
            error.message = message;
        }
    }
}

fn yaml(message: &str) -> Option<String> {
    let (mistake, place) = message.rsplit_once(" at line ")?;
    let mistake = YAML_MISTAKES.iter().find(|(ours, _)| *ours == mistake).map_or(mistake, |(_, falco)| falco);
    Some(format!("yaml-cpp: error at line {place}: {mistake}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_in_yaml_are_told_as_falco_tells_them() {
        let ours = "mapping values are not allowed in this context at line 1, column 11";
        assert_eq!(yaml(ours).as_deref(), Some("yaml-cpp: error at line 1, column 11: illegal map value"));
        assert_eq!(yaml("something else"), None);
    }
}
