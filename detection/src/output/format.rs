//! Format strings: `file=%fd.name gparent=%proc.aname[2]`.

use crate::alert::FieldValue;
use crate::condition::ast::{Argument, Operand, Transformer};
use crate::condition::{Source, parse_operand, source_of};
use crate::event::Text;
use crate::field::{FieldFlags, FieldId, FieldRef, Fields, closest, longest_prefix};

/// Widest that a token can be padded to.
const WIDTH_MAX: usize = 4096;

/// Why a text is not a format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FormatError {
    /// Byte offset of the place.
    pub offset: usize,
    /// What is wrong.
    pub message: String,
    /// The field that may have been meant.
    pub hint: Option<String>,
}

/// A format string, ready to be filled.
#[derive(Debug, Clone)]
pub struct Format {
    tokens: Vec<Token>,
    /// A missing field prints `<NA>` instead of dropping the whole text.
    tolerant: bool,
}

#[derive(Debug, Clone)]
enum Token {
    Text(String),
    Value {
        /// As `output_fields` names it.
        key: Text,
        source: Source,
        width: Option<usize>,
        /// The plain fields of a transformer, which `output_fields` carries too.
        fields: Vec<(Text, FieldRef)>,
    },
}

/// A filled format: the text and the values of its fields, in order of appearance.
#[derive(Debug, Clone, PartialEq)]
pub struct Filled {
    /// The text.
    pub text: String,
    /// The values.
    pub fields: Vec<(Text, FieldValue)>,
}

impl Format {
    /// Parses a format. With a leading `*` a missing field prints `<NA>`; without it one missing field drops the text.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        let body = text.strip_prefix('*').unwrap_or(text);
        let start = text.len() - body.len();
        let mut tokens = Vec::new();
        let mut at = 0;
        while at < body.len() {
            match body[at..].find('%') {
                None => {
                    tokens.push(Token::Text(body[at..].to_owned()));
                    break;
                }
                Some(length) => {
                    if length > 0 {
                        tokens.push(Token::Text(body[at..at + length].to_owned()));
                    }
                    at += length;
                    let (token, length) =
                        value(&body[at + 1..]).map_err(|message| refusal(start + at, &body[at + 1..], message))?;
                    tokens.push(token);
                    at += 1 + length;
                }
            }
        }
        Ok(Self { tokens, tolerant: start > 0 })
    }

    /// Fills it with the values of an event; `None` when a field is missing and the format does not tolerate that.
    pub fn fill<F: Fields>(&self, fields: &F) -> Option<Filled> {
        let mut filled = Filled { text: String::new(), fields: Vec::new() };
        for token in &self.tokens {
            match token {
                Token::Text(text) => filled.text.push_str(text),
                Token::Value { key, source, width, fields: inner } => {
                    let value = source.value(fields);
                    if value.is_none() && !self.tolerant {
                        return None;
                    }
                    let value = value.map_or(FieldValue::Missing, |value| value.to_field_value());
                    push_padded(&mut filled.text, &value.to_string(), *width);
                    filled.fields.push((key.clone(), carried(source, value, fields)));
                    for (key, field) in inner {
                        let value = fields.value(field).map_or(FieldValue::Missing, |value| value.to_field_value());
                        filled.fields.push((key.clone(), value));
                    }
                }
            }
        }
        Some(filled)
    }

    /// The fields that it names.
    pub fn fields(&self) -> Vec<FieldRef> {
        let mut found = Vec::new();
        for token in &self.tokens {
            if let Token::Value { source, .. } = token {
                source.visit_fields(&mut |field| found.push(field.clone()));
            }
        }
        found
    }
}

/// An error about the token that begins behind the percent sign at `offset`.
fn refusal(offset: usize, rest: &str, message: Option<String>) -> FormatError {
    let token = rest.split(char::is_whitespace).next().unwrap_or_default();
    let name = token.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '_')).next().unwrap_or_default();
    FormatError {
        offset,
        message: message.unwrap_or_else(|| format!("invalid formatting token {token}")),
        hint: closest(name).map(|name| format!("did you mean '%{name}'?")),
    }
}

/// What `output_fields` carries: times of the event as nanoseconds since the epoch, everything else as it is.
fn carried<F: Fields>(source: &Source, value: FieldValue, fields: &F) -> FieldValue {
    match source {
        Source::Field(field) if is_event_time(field.id) => FieldValue::Unsigned(fields.time().0),
        Source::Field(_) | Source::Constant(_) | Source::List(_) | Source::Apply(_) => value,
    }
}

fn is_event_time(id: FieldId) -> bool {
    matches!(
        id,
        FieldId::EvtTime | FieldId::EvtTimeS | FieldId::EvtTimeIso8601 | FieldId::EvtDatetime | FieldId::EvtDatetimeS
    )
}

fn push_padded(line: &mut String, text: &str, width: Option<usize>) {
    let Some(width) = width else { return line.push_str(text) };
    let length = (0..=width.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    line.push_str(&text[..length]);
    line.extend(std::iter::repeat_n(' ', width - length));
}

/// Parses what follows a percent sign. An error without text is one of form.
fn value(text: &str) -> Result<(Token, usize), Option<String>> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let width = match &text[..digits] {
        "" => None,
        number => Some(number.parse().ok().filter(|width| *width <= WIDTH_MAX).ok_or(None)?),
    };
    let rest = &text[digits..];
    let (operand, length) = match parse_operand(rest) {
        Some((Operand::Transformer(transformer), length)) => (Operand::Transformer(transformer), length),
        Some((Operand::Field(_), _)) | None => {
            return plain(rest, width).map(|(token, length)| (token, digits + length));
        }
    };
    let source = source_of(&operand).map_err(|error| Some(error.message))?;
    let mut fields = Vec::new();
    source.visit_fields(&mut |field| fields.push((Text::from(field.to_string()), field.clone())));
    let token = Token::Value { key: key(&operand).into(), source, width, fields };
    Ok((token, digits + length))
}

fn plain(text: &str, width: Option<usize>) -> Result<(Token, usize), Option<String>> {
    let (field, length) = longest_prefix(text).ok_or(None)?;
    if field.field().flags.has(FieldFlags::FILTER_ONLY) {
        return Err(Some(format!("field '{field}' is only usable in conditions")));
    }
    let token = Token::Value { key: text[..length].into(), source: Source::Field(field), width, fields: Vec::new() };
    Ok((token, length))
}

/// The name of a transformed value in `output_fields`: as it is written, without blanks and quotes.
fn key(operand: &Operand) -> String {
    match operand {
        Operand::Field(field) => field.to_string(),
        Operand::Transformer(transformer) => transformer_key(transformer),
    }
}

fn transformer_key(transformer: &Transformer) -> String {
    let arguments: Vec<String> = transformer.arguments.iter().map(argument_key).collect();
    let selector = transformer.selector.as_ref().map(|letter| format!("[{letter}]")).unwrap_or_default();
    format!("{}({}){selector}", transformer.function.name(), arguments.join(","))
}

fn argument_key(argument: &Argument) -> String {
    match argument {
        Argument::Field(field) => field.to_string(),
        Argument::Transformer(transformer) => transformer_key(transformer),
        Argument::Literal(literal) => literal.text().into_owned(),
        Argument::List(items) => format!("({})", items.iter().map(argument_key).collect::<Vec<_>>().join(",")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::FieldMap;

    #[track_caller]
    fn fills(format: &str, expected: &str, keys: &[&str]) {
        let fields = FieldMap::parse(
            r#"{"proc.name":"init","thread.tid":1,"proc.aname[0]":"init","proc.apid[0]":1,
                "evt.arg.path":"/test/dir","evt.arg[1]":"/test/dir","fd.types":["file","ipv4"]}"#,
        )
        .unwrap();
        let filled = Format::parse(format).unwrap().fill(&fields);
        assert_eq!(filled.as_ref().map(|it| it.text.as_str()), Some(expected).filter(|it| *it != "(dropped)"));
        let names: Vec<_> = filled.iter().flat_map(|it| &it.fields).map(|(name, _)| name.to_string()).collect();
        assert_eq!(names, keys, "{format}");
    }

    #[test]
    fn formats_fill_as_falco_fills_them() {
        fills("start %proc.name end", "start init end", &["proc.name"]);
        fills("start %2proc.name end", "start in end", &["proc.name"]);
        fills("start %10proc.name end", "start init       end", &["proc.name"]);
        fills("start%proc.nameand%thread.tidend", "startinitand1end", &["proc.name", "thread.tid"]);
        fills("%evt.asynctype", "(dropped)", &[]);
        fills("*start %proc.name %evt.asynctype end", "start init <NA> end", &["proc.name", "evt.asynctype"]);
        fills("start end", "start end", &[]);
        fills("start%proc.aname[0]and%proc.apid[0]end", "startinitand1end", &["proc.aname[0]", "proc.apid[0]"]);
        fills("%toupper(evt.arg[1])", "/TEST/DIR", &["toupper(evt.arg[1])", "evt.arg[1]"]);
        fills("%tolower( toupper( proc.name ) )", "init", &["tolower(toupper(proc.name))", "proc.name"]);
        fills("%2toupper(proc.name)", "IN", &["toupper(proc.name)", "proc.name"]);
        fills(
            "%join(\"->\", (proc.name, evt.arg.path))",
            "init->/test/dir",
            &["join(->,(proc.name,evt.arg.path))", "proc.name", "evt.arg.path"],
        );
        fills("*%proc.aname", "<NA>", &["proc.aname"]);
        fills("%fd.types", "(file,ipv4)", &["fd.types"]);
    }

    #[test]
    fn what_falco_refuses_is_refused() {
        for format in [
            "%some.field",
            "%a",
            "% end",
            "end %",
            "%some_transformer(proc.aname)",
            "%val(proc.name)",
            "%(proc.aname)",
            "%toupper(proc.aname",
            "%toupper(tolower)",
            "%toupper(val(proc.aname))",
            "%touper(",
            "%toupper(evt.num)",
            "%toupper (proc.name)",
            "%fd.ip",
        ] {
            assert!(Format::parse(format).is_err(), "{format}");
        }
    }
}
