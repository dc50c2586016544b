//! Constants of a condition, parsed as the type of the field demands.

use std::net::IpAddr;

use aho_corasick::AhoCorasick;
use ipnet::IpNet;

use super::CompileError;
use super::ast::{Literal, Operator};
use super::compare::{Comparison, Relation, TextTest};
use super::glob::Glob;
use super::posix;
use super::prefix::PrefixSet;
use super::transform::Source;
use crate::field::{FieldId, FieldRef, FieldType, services};

/// Bound on the compiled size of a regular expression, so that a rule file cannot exhaust memory.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// The comparison of values of a type with constants.
pub(super) fn constants(
    source: &Source,
    kind: FieldType,
    operator: Operator,
    literals: &[Literal],
) -> Result<Comparison, CompileError> {
    let list = operator.takes_list();
    // The parser gives every operator that takes no list exactly one constant.
    let first = literals.first();
    match kind {
        FieldType::Text | FieldType::Dynamic => text_test(operator, literals, true).map(Comparison::Text),
        FieldType::Bytes => text_test(operator, literals, false).map(Comparison::Text),
        FieldType::Signed => Ok(match (list, first, Relation::of(operator)) {
            (false, Some(literal), Some(relation)) => Comparison::Signed(relation, number(literal)?),
            _ => Comparison::SignedIn(literals.iter().map(number).collect::<Result<_, _>>()?),
        }),
        FieldType::Unsigned | FieldType::AbsoluteTime | FieldType::RelativeTime | FieldType::Port => {
            let bits = bits(source);
            let parse =
                |literal: &Literal| if kind == FieldType::Port { port(literal) } else { unsigned(literal, bits) };
            Ok(match (list, first, Relation::of(operator)) {
                (false, Some(literal), Some(relation)) => Comparison::Unsigned(relation, parse(literal)?),
                _ => Comparison::UnsignedIn(literals.iter().map(parse).collect::<Result<_, _>>()?),
            })
        }
        FieldType::Double => Ok(match (list, first, Relation::of(operator)) {
            (false, Some(literal), Some(relation)) => Comparison::Float(relation, float(literal)?),
            _ => Comparison::FloatIn(literals.iter().map(float).collect::<Result<_, _>>()?),
        }),
        FieldType::Bool => Ok(match (list, first) {
            (false, Some(literal)) => Comparison::Bool(truth(literal)? == (operator == Operator::Equal)),
            _ => Comparison::BoolIn(literals.iter().map(truth).collect::<Result<_, _>>()?),
        }),
        FieldType::Address => {
            let set = literals.iter().map(address).collect::<Result<_, _>>()?;
            Ok(Comparison::Address(set, operator != Operator::NotEqual))
        }
        FieldType::Network => {
            let mut networks: Vec<IpNet> = literals.iter().map(network).collect::<Result<_, _>>()?;
            // Falco looks only at the first network of a list for this one field.
            if matches!(source, Source::Field(FieldRef { id: FieldId::FdNet, .. })) {
                networks.truncate(1);
            }
            Ok(Comparison::Network(networks, operator != Operator::NotEqual))
        }
    }
}

fn text_test(operator: Operator, literals: &[Literal], is_text: bool) -> Result<TextTest, CompileError> {
    if is_text && let Some(literal) = literals.iter().find(|literal| literal.bytes.contains(&0)) {
        return Err(CompileError::new(literal.offset, "filter error: a string value cannot contain a NUL byte"));
    }
    if operator.takes_list() {
        let paths = || PrefixSet::new(literals.iter().map(Literal::text));
        let set = || literals.iter().map(|literal| literal.bytes.clone().into()).collect();
        return Ok(if operator == Operator::PathMatch { TextTest::PathMatch(paths()) } else { TextTest::In(set()) });
    }
    let Some(literal) = literals.first() else {
        return Err(CompileError::new(0, "filter error: a value is missing"));
    };
    let bytes = || literal.bytes.clone().into_boxed_slice();
    let finder = |bytes: &[u8]| Box::new(memchr::memmem::Finder::new(bytes).into_owned());
    if let Some(relation) = Relation::of(operator) {
        return Ok(TextTest::Order(relation, bytes()));
    }
    #[expect(clippy::wildcard_enum_match_arm, reason = "the other operators have been answered before")]
    Ok(match operator {
        Operator::Contains => TextTest::Contains(finder(&literal.bytes)),
        Operator::IgnoreCaseContains => TextTest::IgnoreCaseContains(Box::new(ignoring_case(literal)?)),
        Operator::BytesContain => TextTest::Contains(finder(&hexadecimal(literal)?)),
        Operator::BytesStartWith => TextTest::StartsWith(hexadecimal(literal)?.into()),
        Operator::StartsWith => TextTest::StartsWith(bytes()),
        Operator::EndsWith => TextTest::EndsWith(bytes()),
        Operator::Glob => TextTest::Glob(Glob::new(&literal.bytes, false)),
        Operator::IgnoreCaseGlob => TextTest::Glob(Glob::new(&literal.bytes, true)),
        _ => TextTest::Regex(regex(literal)?),
    })
}

fn ignoring_case(literal: &Literal) -> Result<AhoCorasick, CompileError> {
    let built = AhoCorasick::builder().ascii_case_insensitive(true).build([&literal.bytes]);
    built.map_err(|error| CompileError::new(literal.offset, format!("filter error: {error}")))
}

/// In Falco the whole text must match, and `^` and `$` within the pattern also stand for the ends of lines.
fn regex(literal: &Literal) -> Result<regex::bytes::Regex, CompileError> {
    let invalid = |message: &str| CompileError::new(literal.offset, format!("filter error: invalid regex: {message}"));
    let pattern = posix::translate(&literal.text())
        .map_err(|refusal| CompileError { hint: refusal.hint.map(str::to_owned), ..invalid(&refusal.message) })?;
    let anchored = format!("\\A(?:{pattern})\\z");
    let mut builder = regex::bytes::RegexBuilder::new(&anchored);
    builder.multi_line(true).size_limit(REGEX_BYTES_MAX).build().map_err(|error| invalid(&error.to_string()))
}

fn hexadecimal(literal: &Literal) -> Result<Vec<u8>, CompileError> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = literal.bytes.chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });
    let bytes: Option<Vec<u8>> = pairs.collect();
    let message = "filter error: bcontains and bstartswith operator support hex strings only";
    bytes.filter(|bytes| !bytes.is_empty()).ok_or_else(|| CompileError::new(literal.offset, message))
}

fn invalid(literal: &Literal, expected: &str) -> CompileError {
    CompileError::new(literal.offset, format!("filter error: '{}' is not {expected}", literal.text()))
}

fn number(literal: &Literal) -> Result<i64, CompileError> {
    literal.text().parse().map_err(|_| invalid(literal, "a decimal number"))
}

/// How many bits the values of an unsigned field have in Falco.
fn bits(source: &Source) -> u32 {
    match source {
        Source::Field(field) if field.field().type_name == "UINT32" => u32::BITS,
        Source::Field(_) | Source::Constant(_) | Source::List(_) | Source::Apply(_) => u64::BITS,
    }
}

/// A leading minus wraps around, as `scanf` lets it.
fn unsigned(literal: &Literal, bits: u32) -> Result<u64, CompileError> {
    let text = literal.text();
    let parsed = match text.strip_prefix('-') {
        Some(digits) => digits.parse::<u64>().map(|number| number.wrapping_neg() & (u64::MAX >> (u64::BITS - bits))),
        None => text.parse(),
    };
    parsed.map_err(|_| invalid(literal, "a decimal number"))
}

fn float(literal: &Literal) -> Result<f64, CompileError> {
    number(literal)?.to_string().parse().map_err(|_| invalid(literal, "a decimal number"))
}

fn truth(literal: &Literal) -> Result<bool, CompileError> {
    literal.text().parse().map_err(|_| invalid(literal, "'true' or 'false'"))
}

fn port(literal: &Literal) -> Result<u64, CompileError> {
    let text = literal.text();
    let number = || text.parse::<u16>().ok();
    let port = if text.is_empty() { Some(0) } else { number().or_else(|| services::port(&text)) };
    port.map(u64::from).ok_or_else(|| invalid(literal, "a port number or the name of a well-known service"))
}

fn address(literal: &Literal) -> Result<IpAddr, CompileError> {
    let parsed = literal.text().parse::<IpAddr>();
    parsed.map(|address| address.to_canonical()).map_err(|_| invalid(literal, "an IP address"))
}

fn network(literal: &Literal) -> Result<IpNet, CompileError> {
    literal.text().parse().map_err(|_| invalid(literal, "a network: an IP address, '/' and a prefix length"))
}
