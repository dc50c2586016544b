//! `falco.yaml` as a tree: read, merged from several files, expanded, and changed by `-o`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use serde_json::{Map, Value};

/// Configuration files are typed by people.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What happens to a key that an earlier file has given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Strategy {
    /// Lists grow, everything else is replaced.
    Append,
    /// Everything is replaced.
    Override,
    /// Nothing is replaced.
    AddOnly,
}

/// Reads the file and those that its `config_files` names; returns the tree and the files, in the order of reading.
pub(super) fn read(path: &Path) -> anyhow::Result<(Value, Vec<PathBuf>)> {
    let mut tree = parse_file(path)?;
    let mut files = vec![path.to_owned()];
    for (place, strategy) in further_files(&tree)? {
        for file in expand(&place)? {
            merge(&mut tree, parse_file(&file)?, strategy);
            files.push(file);
        }
    }
    Ok((tree, files))
}

fn parse_file(path: &Path) -> anyhow::Result<Value> {
    let failed = || format!("failed to read {}", path.display());
    if fs::metadata(path).with_context(failed)?.len() > FILE_BYTES_MAX {
        bail!("{}: more than {FILE_BYTES_MAX} bytes are not read", path.display());
    }
    let text = fs::read_to_string(path).with_context(failed)?;
    let mut tree = parse(&text).with_context(|| format!("failed to parse {}", path.display()))?;
    expand_variables(&mut tree, &|name| std::env::var(name).ok());
    match tree {
        Value::Null => Ok(Value::Object(Map::new())),
        Value::Object(_) => Ok(tree),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            bail!("{}: expected keys with values", path.display())
        }
    }
}

fn parse(text: &str) -> anyhow::Result<Value> {
    let tree: Option<Value> = serde_saphyr::from_str(text).map_err(|error| anyhow!("{}", error.without_snippet()))?;
    Ok(tree.unwrap_or(Value::Null))
}

fn further_files(tree: &Value) -> anyhow::Result<Vec<(PathBuf, Strategy)>> {
    let entries = tree.get("config_files").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    entries
        .iter()
        .map(|entry| {
            let path = entry.as_str().or_else(|| entry.get("path")?.as_str());
            let path = path.ok_or_else(|| anyhow!("config_files: expected a path or {{path, strategy}}"))?;
            let strategy = match entry.get("strategy").and_then(Value::as_str) {
                None | Some("append") => Strategy::Append,
                Some("override") => Strategy::Override,
                Some("add-only") => Strategy::AddOnly,
                Some(other) => bail!("config_files: unknown strategy `{other}`: expected append, override or add-only"),
            };
            Ok((PathBuf::from(path), strategy))
        })
        .collect()
}

/// A folder stands for its files in the order of their names; one that does not exist for none.
fn expand(place: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !place.is_dir() {
        return Ok(if place.exists() { vec![place.to_owned()] } else { Vec::new() });
    }
    let failed = || format!("failed to read {}", place.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(place).with_context(failed)? {
        let path = entry.with_context(failed)?.path();
        if path.is_file() && path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn merge(tree: &mut Value, other: Value, strategy: Strategy) {
    let (Value::Object(tree), Value::Object(other)) = (tree, other) else { return };
    for (key, value) in other {
        match (strategy, tree.get_mut(&key), value) {
            // Only the first file may name further ones.
            _ if key == "config_files" => {}
            (Strategy::AddOnly, Some(_), _) => {}
            (Strategy::Append, Some(Value::Array(items)), Value::Array(more)) => items.extend(more),
            (_, _, value) => drop(tree.insert(key, value)),
        }
    }
}

/// Replaces `${NAME}` in every text by the variable, `$${NAME}` by a literal `${NAME}`.
fn expand_variables(value: &mut Value, variable: &impl Fn(&str) -> Option<String>) {
    match value {
        Value::String(text) => {
            if text.contains("${") {
                *text = expanded(text, variable);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| expand_variables(item, variable)),
        Value::Object(entries) => entries.values_mut().for_each(|entry| expand_variables(entry, variable)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn expanded(text: &str, variable: &impl Fn(&str) -> Option<String>) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let Some(length) = rest[start..].find('}') else { break };
        let token = &rest[start..=start + length];
        match rest[..start].strip_suffix('$') {
            Some(before) => result.extend([before, token]),
            None => {
                result.push_str(&rest[..start]);
                result.push_str(&variable(&token[2..token.len() - 1]).unwrap_or_default());
            }
        }
        rest = &rest[start + length + 1..];
    }
    result + rest
}

/// A step of the path of `-o`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
    /// `[]`: behind the last item.
    Next,
}

/// Applies one `-o key.sub[0].other=value`.
pub(super) fn assign(tree: &mut Value, option: &str) -> anyhow::Result<()> {
    let wrong = || format!("Error parsing config option \"{option}\". Must be of the form key=val or key.subkey=val");
    let (path, text) = option.split_once('=').with_context(wrong)?;
    let steps = steps(path).with_context(wrong)?;
    let value = if text.starts_with(['{', '[']) {
        parse(text).with_context(|| format!("failed to parse the value of {path}"))?
    } else {
        Value::String(text.to_owned())
    };
    put(tree, &steps, value);
    Ok(())
}

fn steps(path: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut key = String::new();
    let mut characters = path.chars();
    let finish = |key: &mut String, steps: &mut Vec<Step>| {
        if !key.is_empty() {
            steps.push(Step::Key(std::mem::take(key)));
        }
    };
    while let Some(character) = characters.next() {
        match character {
            '\\' => key.push(characters.next()?),
            '.' => finish(&mut key, &mut steps),
            '[' => {
                finish(&mut key, &mut steps);
                let index: String = characters.by_ref().take_while(|character| *character != ']').collect();
                steps.push(if index.is_empty() { Step::Next } else { Step::Index(index.trim().parse().ok()?) });
            }
            other => key.push(other),
        }
    }
    finish(&mut key, &mut steps);
    matches!(steps.first(), Some(Step::Key(_))).then_some(steps)
}

fn put(place: &mut Value, steps: &[Step], value: Value) {
    let Some((step, rest)) = steps.split_first() else {
        *place = value;
        return;
    };
    match step {
        Step::Key(key) => {
            if !place.is_object() {
                *place = Value::Object(Map::new());
            }
            let entries = place.as_object_mut().expect("it was made one above");
            put(entries.entry(key.clone()).or_insert(Value::Null), rest, value);
        }
        Step::Index(_) | Step::Next => {
            if !place.is_array() {
                *place = Value::Array(Vec::new());
            }
            let items = place.as_array_mut().expect("it was made one above");
            match step {
                // An index far behind the end would only make a list of nothings.
                Step::Index(index) if *index < items.len() => put(&mut items[*index], rest, value),
                Step::Index(_) | Step::Next | Step::Key(_) => {
                    items.push(Value::Null);
                    put(items.last_mut().expect("one was pushed"), rest, value);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(options: &[&str], expected: &str) {
        let mut tree = parse("a: {b: [1, 2]}\nappend_output: [{suggested_output: true}]\n").unwrap();
        options.iter().for_each(|option| assign(&mut tree, option).unwrap());
        assert_eq!(tree.to_string(), expected);
    }

    #[test]
    fn options_reach_every_place() {
        let rest = r#""append_output":[{"suggested_output":true}]"#;
        check(&["a.b[0]=x"], &format!(r#"{{"a":{{"b":["x",2]}},{rest}}}"#));
        check(&["a.b[]=x"], &format!(r#"{{"a":{{"b":[1,2,"x"]}},{rest}}}"#));
        check(&["a.c\\.d=x"], &format!(r#"{{"a":{{"b":[1,2],"c.d":"x"}},{rest}}}"#));
        check(
            &["rules[].disable.rule=*", "rules[].enable.tag=x"],
            &format!(
                r#"{{"a":{{"b":[1,2]}},{rest},"rules":[{{"disable":{{"rule":"*"}}}},{{"enable":{{"tag":"x"}}}}]}}"#
            ),
        );
        check(
            &[r#"append_output[]={"match": {"source": "syscall"}, "extra_output": "x=y"}"#],
            r#"{"a":{"b":[1,2]},"append_output":[{"suggested_output":true},{"match":{"source":"syscall"},"extra_output":"x=y"}]}"#,
        );
        check(
            &["append_output.suggested_output=false"],
            r#"{"a":{"b":[1,2]},"append_output":{"suggested_output":"false"}}"#,
        );
        assert!(assign(&mut Value::Null, "no value").is_err());
        assert!(assign(&mut Value::Null, "[0]=x").is_err());
    }

    #[test]
    fn variables_are_expanded_inside_texts() {
        let variable = |name: &str| (name == "HOME").then(|| "/root".to_owned());
        let cases = [
            ("${HOME}/x", "/root/x"),
            ("a${NONE}b", "ab"),
            ("$${HOME}", "${HOME}"),
            ("${HOME", "${HOME"),
            ("$HOME", "$HOME"),
        ];
        for (text, expected) in cases {
            assert_eq!(expanded(text, &variable), expected, "{text}");
        }
    }

    #[test]
    fn further_files_are_merged_by_their_strategy() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for (strategy, expected) in [
            ("append", r#""list":[1,2],"text":"new","more":true"#),
            ("override", r#""list":[2],"text":"new","more":true"#),
            ("add-only", r#""list":[1],"text":"old","more":true"#),
        ] {
            let more = path("more.yaml");
            let first =
                format!("config_files: [{{path: {}, strategy: {strategy}}}]\nlist: [1]\ntext: old\n", more.display());
            fs::write(path("falco.yaml"), first).unwrap();
            fs::write(&more, "list: [2]\ntext: new\nmore: true\n").unwrap();
            let (tree, files) = read(&path("falco.yaml")).unwrap();
            assert!(tree.to_string().ends_with(&format!("{expected}}}")), "{strategy}: {tree}");
            assert_eq!(files.len(), 2);
        }
    }
}
