//! What conditions may name, and what is loaded: `--list`, `--list-events`, `-i`, `-L`, `-l`.

use std::io::{self, Write};

use anyhow::bail;
use serde_json::{Value, json};
use tiercel_agent::capture::syscall::recorded_kinds;
use tiercel_detection::Rule;
use tiercel_detection::event::{EventKind, EventSource};
use tiercel_detection::field::{ArgumentRule, Class, Field, FieldFlags, FieldId};

use super::arguments::ListFormat;

/// Prints the fields of a source (all, when it is empty) that are not hidden or deprecated.
pub(super) fn fields(out: &mut impl Write, source: &str, names_only: bool, format: ListFormat) -> anyhow::Result<()> {
    let source = match (source, EventSource::from_name(source)) {
        ("", _) => None,
        (_, Some(source)) => Some(source),
        (other, None) => bail!("Value for --list must be a valid source type, found '{other}'"),
    };
    let listed = |field: &&Field| !(field.flags.has(FieldFlags::HIDDEN) || field.flags.has(FieldFlags::DEPRECATED));
    let of_source = FieldId::all().filter(|id| source.is_none_or(|source| id.is_of(source)));
    let fields: Vec<&Field> = of_source.map(FieldId::field).filter(listed).collect();
    if names_only {
        fields.iter().try_for_each(|field| writeln!(out, "{}", field.name))?;
        return Ok(());
    }
    let mut classes: Vec<Class> = fields.iter().map(|field| field.class).collect();
    classes.sort_unstable();
    classes.dedup();
    let classes = classes
        .into_iter()
        .map(|class| (class, fields.iter().copied().filter(|field| field.class == class).collect::<Vec<_>>()));
    match format {
        ListFormat::Json => {
            let classes: Vec<_> = classes.map(|(class, fields)| class_json(class, &fields)).collect();
            writeln!(out, "{}", json!({"fieldclasses": classes}))?;
        }
        ListFormat::Text => {
            for (class, fields) in classes {
                writeln!(
                    out,
                    "-------------------------------\nField Class:  {} ({})\n",
                    prefix(&fields),
                    class.title()
                )?;
                for field in fields {
                    writeln!(out, "{:<30}  ({}) {}", field.name, field.type_name, field.description)?;
                }
                writeln!(out)?;
            }
        }
        ListFormat::Markdown => {
            for (class, fields) in classes {
                writeln!(out, "## Field Class: {} ({})\n", prefix(&fields), class.title())?;
                writeln!(out, "Name | Type | Description\n:----|:-----|:-----------")?;
                for field in fields {
                    writeln!(out, "`{}` | {} | {}", field.name, field.type_name, field.description)?;
                }
                writeln!(out)?;
            }
        }
    }
    Ok(())
}

/// What the names of a class begin with.
fn prefix<'a>(fields: &[&'a Field]) -> &'a str {
    fields.first().and_then(|field| field.name.split('.').next()).unwrap_or_default()
}

fn class_json(class: Class, fields: &[&Field]) -> Value {
    let fields: Vec<_> = fields.iter().map(|field| field_json(field)).collect();
    json!({"name": class.title(), "desc": class.title(), "event_sources": sources(class), "fields": fields})
}

/// The sources whose events have fields of the class.
fn sources(class: Class) -> Vec<&'static str> {
    let has = |source: EventSource| FieldId::all().any(|id| id.field().class == class && id.is_of(source));
    EventSource::ALL.into_iter().filter(|source| has(*source)).map(EventSource::name).collect()
}

fn field_json(field: &Field) -> Value {
    let argument = match field.argument {
        ArgumentRule::None => Value::Null,
        ArgumentRule::Optional => json!({"required": false, "type": ["INDEX", "KEY"]}),
        ArgumentRule::Required => json!({"required": true, "type": ["INDEX", "KEY"]}),
    };
    json!({
        "name": field.name,
        "type": field.type_name,
        "desc": field.description,
        "is_list": field.flags.has(FieldFlags::LIST),
        "argument": argument,
    })
}

/// Prints the event types that conditions may name.
pub(super) fn events(out: &mut impl Write, format: ListFormat) -> io::Result<()> {
    match format {
        ListFormat::Json => {
            let names: Vec<_> = EventKind::all().map(EventKind::name).collect();
            writeln!(out, "{}", json!({"syscall_events": names}))
        }
        ListFormat::Text => EventKind::all().try_for_each(|kind| writeln!(out, "{}", kind.name())),
        ListFormat::Markdown => {
            writeln!(out, "Name\n:----")?;
            EventKind::all().try_for_each(|kind| writeln!(out, "`{}`", kind.name()))
        }
    }
}

/// Prints the event types that the sensor of this program cannot record.
pub(super) fn ignored(out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "Ignored syscall(s):")?;
    recorded_kinds().complement().iter().try_for_each(|kind| writeln!(out, "- {}", kind.name()))
}

/// Prints rules with their descriptions.
pub(super) fn rules<'a>(out: &mut impl Write, rules: impl Iterator<Item = &'a Rule>) -> io::Result<()> {
    writeln!(out, "{:<50} Description\n{:<50} -----------", "Rule", "----")?;
    for rule in rules {
        for (index, line) in wrapped(&rule.description).iter().enumerate() {
            writeln!(out, "{:<50} {line}", if index == 0 { &*rule.name } else { "" })?;
        }
    }
    Ok(())
}

/// The text in lines of at most 110 characters, as Falco wraps descriptions.
fn wrapped(text: &str) -> Vec<String> {
    const LINE_CHARACTERS_MAX: usize = 110;
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last_mut().expect("there is always one");
        if last.is_empty() {
            last.push_str(word);
        } else if last.chars().count() + 1 + word.chars().count() <= LINE_CHARACTERS_MAX {
            last.extend([" ", word]);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}
