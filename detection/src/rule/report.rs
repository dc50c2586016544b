//! What loading rule files found: errors and warnings with Falco's codes, the place, and what to do.

use serde_json::{Value, json};

use crate::condition::SuspicionKind;

/// Longest line of a snippet; Falco cuts there too.
const SNIPPET_CHARACTERS_MAX: usize = 160;

/// Codes of load errors and warnings, Falco's but for the lints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each code is documented by its text")]
pub enum Code {
    YamlParse,
    YamlValidate,
    CompileCondition,
    CompileOutput,
    Validate,
    UnknownSource,
    NoEventType,
    UnsafeMissing,
    UnknownFilter,
    UnusedMacro,
    UnusedList,
    UnknownItem,
    DeprecatedItem,
    AppendNoValues,
    ExceptionNameNotUnique,
    InvalidMacroName,
    InvalidListName,
    ConditionWarning,
    UnknownKey,
    UnfilledField,
    UnrecordedEvent,
    LintAppendOr,
    LintNeverTrue,
    LintAlwaysTrue,
    LintDeadException,
    LintShadowed,
    LintEventType,
}

impl Code {
    /// Its name.
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// The code of a suspicious part of a condition.
    pub(super) fn of(kind: SuspicionKind) -> Self {
        match kind {
            SuspicionKind::DeprecatedField => Self::DeprecatedItem,
            SuspicionKind::UnsafeMissing => Self::UnsafeMissing,
            SuspicionKind::Other => Self::ConditionWarning,
        }
    }

    /// Its text.
    pub fn text(self) -> &'static str {
        self.row().1
    }

    /// Whether the item that it is about is not used.
    pub fn is_error(self) -> bool {
        self <= Self::Validate
    }

    /// Whether it is a lint: not about what is wrong, but about what is hardly meant. What the source of events never
    /// tells is not among them: a rule that is blind should be known when it is loaded, not only when it is checked.
    pub fn is_lint(self) -> bool {
        self >= Self::LintAppendOr
    }

    fn row(self) -> (&'static str, &'static str) {
        match self {
            Self::YamlParse => ("LOAD_ERR_YAML_PARSE", "YAML parse error"),
            Self::YamlValidate => ("LOAD_ERR_YAML_VALIDATE", "Error validating internal structure of YAML file"),
            Self::CompileCondition => ("LOAD_ERR_COMPILE_CONDITION", "Error compiling condition"),
            Self::CompileOutput => ("LOAD_ERR_COMPILE_OUTPUT", "Error compiling output"),
            Self::Validate => ("LOAD_ERR_VALIDATE", "Error validating rule/macro/list/exception objects"),
            Self::UnknownSource => ("LOAD_UNKNOWN_SOURCE", "Unknown event source"),
            Self::NoEventType => ("LOAD_NO_EVTTYPE", "Condition has no event-type restriction"),
            Self::UnsafeMissing => ("LOAD_UNSAFE_NA_CHECK", "Unsafe <NA> comparison in condition"),
            Self::UnknownFilter => ("LOAD_UNKNOWN_FILTER", "Unknown field or event-type in condition or output"),
            Self::UnusedMacro => ("LOAD_UNUSED_MACRO", "Unused macro"),
            Self::UnusedList => ("LOAD_UNUSED_LIST", "Unused list"),
            Self::UnknownItem => ("LOAD_UNKNOWN_ITEM", "Unknown rules file item"),
            Self::DeprecatedItem => ("LOAD_DEPRECATED_ITEM", "Used deprecated item"),
            Self::AppendNoValues => ("LOAD_APPEND_NO_VALUES", "Overriding/appending with no values"),
            Self::ExceptionNameNotUnique => {
                ("LOAD_EXCEPTION_NAME_NOT_UNIQUE", "Multiple exceptions defined with the same name")
            }
            Self::InvalidMacroName => ("LOAD_INVALID_MACRO_NAME", "Invalid macro name"),
            Self::InvalidListName => ("LOAD_INVALID_LIST_NAME", "Invalid list name"),
            Self::ConditionWarning => ("LOAD_COMPILE_CONDITION", "Warning in rule condition"),
            Self::UnknownKey => ("LOAD_UNKNOWN_KEY", "Unknown key in item definition"),
            Self::UnfilledField => ("LINT_UNFILLED_FIELD", "Field that no event of this source has"),
            Self::UnrecordedEvent => ("LINT_UNRECORDED_EVENT", "Event type that this source never records"),
            Self::LintAppendOr => ("LINT_APPEND_OR", "Appended condition begins with 'or'"),
            Self::LintNeverTrue => ("LINT_NEVER_TRUE", "Condition holds for no event"),
            Self::LintAlwaysTrue => ("LINT_ALWAYS_TRUE", "Condition holds for every event"),
            Self::LintDeadException => ("LINT_DEAD_EXCEPTION", "Exception that can never match"),
            Self::LintShadowed => ("LINT_SHADOWED", "Rule that an earlier rule always forestalls"),
            Self::LintEventType => ("LINT_EVENT_TYPE", "Test that no event type satisfies"),
        }
    }
}

/// A place in a rule file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Position {
    /// File name.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Byte offset, from 0.
    pub offset: usize,
}

/// One step on the way to the place: the file, the rule, its condition ...
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// `rules content`, `rule`, `macro`, `list`, `exception`, `condition expression` ...
    pub item_type: &'static str,
    /// Name of the item, empty when it has none.
    pub item_name: String,
    /// Where it is.
    pub position: Position,
}

/// An error or a warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Its code.
    pub code: Code,
    /// What is wrong.
    pub message: String,
    /// From the file down to the exact place.
    pub locations: Vec<Location>,
    /// The line of the place and a caret below the column.
    pub snippet: String,
    /// What the user may have meant, or can do.
    pub hint: Option<String>,
    /// The deprecated field, when that is what it is about.
    pub deprecated_field: Option<&'static str>,
}

impl Diagnostic {
    /// The rule that it is about.
    pub(super) fn rule(&self) -> Option<&str> {
        self.locations.iter().find(|it| it.item_type == "rule").map(|it| it.item_name.as_str())
    }

    /// As Falco's JSON result has it; `hint` is our addition.
    pub fn to_json(&self) -> Value {
        let locations: Vec<Value> = self
            .locations
            .iter()
            .map(|location| {
                let Position { file, line, column, offset } = &location.position;
                json!({
                    "item_type": location.item_type,
                    "item_name": location.item_name,
                    "position": {"name": file, "line": line, "column": column, "offset": offset},
                })
            })
            .collect();
        let mut value = json!({
            "context": {"locations": locations, "snippet": self.snippet},
            "code": self.code.name(),
            "codedesc": self.code.text(),
            "message": self.message,
        });
        if let Some(hint) = &self.hint {
            value["hint"] = json!(hint);
        }
        if let Some(field) = self.deprecated_field {
            value["deprecated_field"] = json!(field);
        }
        value
    }
}

impl std::fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (depth, location) in self.locations.iter().enumerate() {
            let Position { file, line, column, .. } = &location.position;
            let indent = "  ".repeat(depth);
            let name = if location.item_name.is_empty() { String::new() } else { format!(" '{}'", location.item_name) };
            writeln!(f, "{indent}In {}{name}: ({file}:{line}:{column})", location.item_type)?;
        }
        writeln!(f, "------\n{}\n------", self.snippet)?;
        write!(f, "{} ({}): {}", self.code.name(), self.code.text(), self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

/// What loading one file found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileReport {
    /// File name.
    pub name: String,
    /// What is not used because of a mistake.
    pub errors: Vec<Diagnostic>,
    /// What is used but suspicious.
    pub warnings: Vec<Diagnostic>,
}

impl FileReport {
    /// Messages about what does not have the shape of a rules file.
    fn schema_violations(&self) -> impl Iterator<Item = &str> {
        let shape = [Code::YamlParse, Code::YamlValidate, Code::UnknownItem, Code::UnknownKey];
        let all = self.errors.iter().chain(&self.warnings);
        all.filter(move |it| shape.contains(&it.code)).map(|it| it.message.as_str())
    }

    fn verdict(&self) -> &'static str {
        match (self.errors.is_empty(), self.warnings.is_empty()) {
            (false, _) => "Invalid",
            (true, false) => "Ok, with warnings",
            (true, true) => "Ok",
        }
    }
}

/// What loading a list of files found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LoadReport {
    /// One report for each file, in the order of loading.
    pub files: Vec<FileReport>,
    /// How many rules can fire.
    pub rules_enabled: usize,
    /// How many rules were loaded, with those that are switched off.
    pub rules_loaded: usize,
}

impl LoadReport {
    /// Whether nothing was refused.
    pub fn is_ok(&self) -> bool {
        self.files.iter().all(|file| file.errors.is_empty())
    }

    /// All errors, in the order of the files.
    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.files.iter().flat_map(|file| &file.errors)
    }

    /// All warnings, in the order of the files.
    pub fn warnings(&self) -> impl Iterator<Item = &Diagnostic> {
        self.files.iter().flat_map(|file| &file.warnings)
    }

    /// The result in Falco's JSON shape; `hint` is our addition.
    pub fn to_json(&self) -> Value {
        let results: Vec<Value> = self
            .files
            .iter()
            .map(|file| {
                let list = |items: &[Diagnostic]| items.iter().map(Diagnostic::to_json).collect::<Vec<_>>();
                let schema: Vec<&str> = file.schema_violations().collect();
                json!({
                    "name": file.name,
                    "successful": file.errors.is_empty(),
                    "schema_valid": schema.is_empty(),
                    "schema_warnings": schema,
                    "errors": list(&file.errors),
                    "warnings": list(&file.warnings),
                })
            })
            .collect();
        json!({"falco_load_results": results})
    }
}

impl std::fmt::Display for LoadReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for file in &self.files {
            writeln!(f, "{}: {}", file.name, file.verdict())?;
            for (title, items) in [("Errors", &file.errors), ("Warnings", &file.warnings)] {
                if !items.is_empty() {
                    writeln!(f, "{} {title}:", items.len())?;
                }
                for item in items {
                    writeln!(f, "{item}")?;
                }
            }
        }
        write!(f, "{} rules loaded, {} enabled", self.rules_loaded, self.rules_enabled)
    }
}

/// The line of `text` at `offset` with a caret under it.
pub(super) fn snippet(text: &str, offset: usize) -> String {
    let offset = floor_boundary(text, offset);
    let start = text[..offset].rfind('\n').map_or(0, |newline| newline + 1);
    let line = text[start..].lines().next().unwrap_or_default();
    let column = text[start..offset].chars().count();
    // A long line is cut so that the place stays in the middle of what is shown.
    let skipped = column.saturating_sub(SNIPPET_CHARACTERS_MAX / 2);
    let shown: String = line.chars().skip(skipped).take(SNIPPET_CHARACTERS_MAX).collect();
    format!("{shown}\n{}^", " ".repeat(column - skipped))
}

/// The last place at or before the offset at which a character begins.
pub(super) fn floor_boundary(text: &str, offset: usize) -> usize {
    (0..=offset.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}
