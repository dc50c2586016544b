//! Transformers, ready to run.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::ast::Function;
use crate::field::{FieldRef, Fields, Value};

/// Standard alphabet, padding optional.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Where a value comes from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// A field of the event.
    Field(FieldRef),
    /// A constant.
    Constant(Value<'static>),
    /// Several sources.
    List(Vec<Source>),
    /// A function of other sources.
    Apply(Box<Transform>),
}

/// A function with its arguments.
#[derive(Debug, Clone)]
pub(crate) struct Transform {
    pub(super) function: Function,
    pub(super) arguments: Vec<Source>,
    pub(super) selector: Option<char>,
}

impl Source {
    /// The value for one event; `None` when a field is missing or the function fails.
    pub(crate) fn value<'a, F: Fields>(&'a self, fields: &'a F) -> Option<Value<'a>> {
        match self {
            Self::Field(field) => fields.value(field),
            Self::Constant(value) => Some(value.clone()),
            Self::List(items) => {
                items.iter().map(|item| item.value(fields)).collect::<Option<Vec<_>>>().map(Value::List)
            }
            Self::Apply(transform) => transform.apply(fields),
        }
    }

    /// Every field that it reads.
    pub(crate) fn visit_fields(&self, visit: &mut impl FnMut(&FieldRef)) {
        match self {
            Self::Field(field) => visit(field),
            Self::Constant(_) => {}
            Self::List(items) => items.iter().for_each(|item| item.visit_fields(visit)),
            Self::Apply(transform) => transform.arguments.iter().for_each(|it| it.visit_fields(visit)),
        }
    }
}

impl Transform {
    fn apply<'a, F: Fields>(&'a self, fields: &'a F) -> Option<Value<'a>> {
        let argument = |index: usize| self.arguments.get(index)?.value(fields);
        match self.function {
            Function::ToLower => map(&argument(0)?, <[u8]>::to_ascii_lowercase),
            Function::ToUpper => map(&argument(0)?, <[u8]>::to_ascii_uppercase),
            Function::BaseName => map(&argument(0)?, |path| {
                let start = memchr::memrchr(b'/', path).map_or(0, |slash| slash + 1);
                path[start..].to_owned()
            }),
            Function::Base64 => decode(&argument(0)?),
            Function::Length => length(&argument(0)?),
            Function::Join => join(&argument(0)?, &argument(1)?),
            Function::Concatenate => self.concatenate(fields),
            Function::GetOption => self.options(&argument(0)?, &argument(1)?),
        }
    }

    fn concatenate<'a, F: Fields>(&'a self, fields: &'a F) -> Option<Value<'a>> {
        let texts = self.arguments.iter().map(|argument| bytes_of(&argument.value(fields)?));
        texts.collect::<Option<Vec<_>>>().map(|texts| of_bytes(texts.concat()))
    }

    fn options<'a>(&self, words: &Value<'a>, known: &Value<'a>) -> Option<Value<'a>> {
        let Value::List(words) = words else { return None };
        let words: Vec<String> = words.iter().map(text_of).collect::<Option<_>>()?;
        let options = parse_options(&words, &text_of(known)?);
        match self.selector {
            None => Some(Value::List(options.into_iter().flat_map(Found::into_values).map(Value::owned).collect())),
            Some(letter) => {
                let last = options.into_iter().rev().find(|option| option.letter == letter)?;
                Some(Value::owned(last.value.unwrap_or_else(|| letter.to_string())))
            }
        }
    }
}

/// An option of a command line.
struct Found {
    letter: char,
    /// Its value, when it takes one.
    value: Option<String>,
    /// It takes a value, but the line ended.
    incomplete: bool,
}

impl Found {
    /// Letter and value, as the list of options carries them; of an option without its value only an empty text.
    fn into_values(self) -> impl Iterator<Item = String> {
        let letter = (!self.incomplete).then(|| self.letter.to_string());
        letter.into_iter().chain(self.value)
    }
}

/// Parses options as `getopt` does: up to the first word that is none, `-` or `--`. Long options are skipped.
fn parse_options(words: &[String], known: &str) -> Vec<Found> {
    let mut found = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty() && *letters != "-") else {
            break;
        };
        if letters.starts_with('-') {
            continue;
        }
        let mut rest = letters.chars();
        while let Some(letter) = rest.next() {
            match takes_value(letter, known) {
                None => found.push(Found { letter: '?', value: None, incomplete: false }),
                Some(false) => found.push(Found { letter, value: None, incomplete: false }),
                Some(true) => {
                    let attached = rest.as_str();
                    let value = if attached.is_empty() { words.next().cloned() } else { Some(attached.to_owned()) };
                    found.push(Found { letter, incomplete: value.is_none(), value: Some(value.unwrap_or_default()) });
                    break;
                }
            }
        }
    }
    found
}

/// Whether the letter is known, and then whether a value follows it.
fn takes_value(letter: char, known: &str) -> Option<bool> {
    let at = known.find(letter).filter(|_| letter != ':')?;
    Some(known[at + letter.len_utf8()..].starts_with(':'))
}

/// Applies a function to a text, or to each of a list.
fn map<'a>(value: &Value<'a>, function: impl Fn(&[u8]) -> Vec<u8> + Copy) -> Option<Value<'a>> {
    match value {
        Value::List(items) => items.iter().map(|item| map(item, function)).collect::<Option<_>>().map(Value::List),
        Value::Text(_) | Value::Bytes(_) => value.as_bytes().map(|bytes| of_bytes(function(bytes))),
        Value::Signed(_) | Value::Unsigned(_) | Value::Float(_) | Value::Bool(_) | Value::Address(_) => None,
    }
}

/// Text if the bytes are one.
fn of_bytes(bytes: Vec<u8>) -> Value<'static> {
    String::from_utf8(bytes).map_or_else(|error| Value::Bytes(error.into_bytes().into()), Value::owned)
}

fn decode<'a>(value: &Value<'a>) -> Option<Value<'a>> {
    if let Value::List(items) = value {
        return items.iter().map(decode).collect::<Option<Vec<_>>>().map(Value::List);
    }
    let bytes = BASE64.decode(value.as_bytes()?).ok()?;
    Some(if let Value::Text(_) = value { of_bytes(bytes) } else { Value::Bytes(Cow::Owned(bytes)) })
}

fn length<'a>(value: &Value<'a>) -> Option<Value<'a>> {
    let length = if let Value::List(items) = value { items.len() } else { value.as_bytes()?.len() };
    Some(Value::Unsigned(length as u64))
}

fn join<'a>(separator: &Value<'a>, items: &Value<'a>) -> Option<Value<'a>> {
    let Value::List(items) = items else { return None };
    let texts: Vec<Vec<u8>> = items.iter().map(bytes_of).collect::<Option<_>>()?;
    Some(of_bytes(texts.join(&*bytes_of(separator)?)))
}

fn text_of(value: &Value<'_>) -> Option<String> {
    bytes_of(value).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn bytes_of(value: &Value<'_>) -> Option<Vec<u8>> {
    match value {
        Value::Text(_) | Value::Bytes(_) => value.as_bytes().map(<[u8]>::to_vec),
        Value::List(_) => None,
        Value::Signed(_) | Value::Unsigned(_) | Value::Float(_) | Value::Bool(_) | Value::Address(_) => {
            Some(value.to_field_value().to_string().into_bytes())
        }
    }
}
