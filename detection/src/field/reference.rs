//! The catalogue as a document.

use std::fmt::Write as _;

use super::{ArgumentRule, Class, Field, FieldFlags, FieldId};

const INTRODUCTION: &str = "# Fields

Every field that conditions and outputs of rules may use. A field that an event does not have makes every comparison
with it false; `not` then makes it true. In outputs it prints `<NA>`.

Marks: `[N]` takes a number or a key in brackets, `[N]?` may take one; *list* has several values; *condition only*;
*output only*; *suggested* is added to every output; *read when judged* is asked of the machine at the moment when a rule
or an output reads it, a little later than the act, and is missing when the process is gone by then; *not filled yet* is
known, so that rules load, but no live event has it; *never set* is known, but neither Falco nor this agent fills it.
";

/// Describes all fields that users may use, in Markdown. `docs/fields.md` is this text.
pub fn reference() -> String {
    let mut text = INTRODUCTION.to_owned();
    let listed: Vec<&Field> =
        FieldId::all().map(FieldId::field).filter(|it| !it.flags.has(FieldFlags::HIDDEN)).collect();
    let mut classes: Vec<Class> = listed.iter().map(|field| field.class).collect();
    classes.sort();
    classes.dedup();
    for class in classes.into_iter().filter(|class| *class != Class::Internal) {
        let title = class.title();
        text.push_str(&format!(
            "\n## {}{}\n\n| field | type | meaning |\n|---|---|---|\n",
            title[..1].to_uppercase(),
            &title[1..]
        ));
        for field in listed.iter().filter(|field| field.class == class) {
            let meaning = field.description.replace('|', "\\|");
            writeln!(text, "| `{}{}`{} | {} | {meaning} |", field.name, argument(field), marks(field), field.type_name)
                .expect("writing to a string does not fail");
        }
    }
    text
}

fn argument(field: &Field) -> &'static str {
    match field.argument {
        ArgumentRule::None => "",
        ArgumentRule::Optional => "[N]?",
        ArgumentRule::Required => "[N]",
    }
}

fn marks(field: &Field) -> String {
    let mut marks = String::new();
    for (flag, mark) in [
        (FieldFlags::LIST, "list"),
        (FieldFlags::FILTER_ONLY, "condition only"),
        (FieldFlags::PRINT_ONLY, "output only"),
        (FieldFlags::DEPRECATED, "deprecated"),
        (FieldFlags::SUGGESTED, "suggested"),
        (FieldFlags::LATE, "read when judged"),
        (FieldFlags::UNSET, "not filled yet"),
        (FieldFlags::NEVER, "never set"),
    ] {
        if field.flags.has(flag) {
            marks.push_str(&format!(" *{mark}*"));
        }
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `UPDATE_EXPECT=1` writes the document anew.
    #[test]
    fn the_document_is_the_catalogue() {
        expect_test::expect_file!["../../../docs/fields.md"].assert_eq(&reference());
    }
}
