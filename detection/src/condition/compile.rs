//! Syntax tree to plan: names are looked up, types checked, constants parsed.

use std::net::IpAddr;

use ipnet::IpNet;

use super::CompileError;
use super::ast::{self, Expression, Function, Literal, Modifier, Operand, Operator, Right, Test};
use super::compare::{Comparison, Relation, TextTest};
use super::glob::Glob;
use super::plan::{Check, NodeId, Plan, Probe, Quantified};
use super::prefix::PrefixSet;
use super::transform::{Source, Transform};
use crate::event::EventKind;
use crate::field::{FieldError, FieldFlags, FieldId, FieldRef, FieldType, Value, closest, services};

/// Bound on the compiled size of a regular expression, so that a rule file cannot exhaust memory.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// Type of a value: of its parts, and whether it is a list of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Type {
    kind: FieldType,
    list: bool,
}

/// Adds a condition to the plan.
pub(crate) fn compile(expression: &Expression, plan: &mut Plan) -> Result<NodeId, CompileError> {
    Ok(match expression {
        Expression::And(parts) => {
            let parts = parts.iter().map(|part| compile(part, plan)).collect::<Result<_, _>>()?;
            plan.all(parts)
        }
        Expression::Or(parts) => {
            let parts = parts.iter().map(|part| compile(part, plan)).collect::<Result<_, _>>()?;
            plan.any(parts)
        }
        Expression::Not(part) => {
            let part = compile(part, plan)?;
            plan.not(part)
        }
        Expression::Macro(name, offset) => {
            return Err(CompileError::new(*offset, format!("Undefined macro '{name}' used in filter.")));
        }
        Expression::Expanded(name, body) => compile(body, plan).map_err(|error| error.inside(name))?,
        Expression::Check(check) => {
            let probe = probe(check)?;
            // A byte that is not UTF-8 prints as U+FFFD; such a text does not identify the test.
            let text = Some(check.to_string()).filter(|text| !text.contains('\u{fffd}'));
            plan.test(text, probe)
        }
    })
}

/// Finds a field, with a hint when there is none of that name.
fn field(name: &ast::FieldName) -> Result<FieldRef, CompileError> {
    FieldRef::find(&name.name, name.argument.as_deref()).map_err(|error| unknown_field(&error, name.offset))
}

pub(super) fn unknown_field(error: &FieldError, offset: usize) -> CompileError {
    let unknown = if let FieldError::Unknown(name) = error { closest(name) } else { None };
    let hint = unknown.map(|name| format!("did you mean '{name}'?"));
    CompileError { hint, ..CompileError::new(offset, error.to_string()) }
}

/// Compiles a field or transformer for use in an output.
pub(crate) fn source_of(operand: &Operand) -> Result<Source, CompileError> {
    source(operand).map(|(source, _)| source)
}

fn source(operand: &Operand) -> Result<(Source, Type), CompileError> {
    match operand {
        Operand::Field(name) => {
            let field = field(name)?;
            let kind = field.value_type().ok_or_else(|| {
                CompileError::new(
                    name.offset,
                    format!("filter error: operator not supported for type of field '{field}'"),
                )
            })?;
            let list = field.is_list();
            Ok((Source::Field(field), Type { kind, list }))
        }
        Operand::Transformer(transformer) => transform(transformer),
    }
}

fn transform(transformer: &ast::Transformer) -> Result<(Source, Type), CompileError> {
    let function = transformer.function;
    let wrong = |what: &str| {
        CompileError::new(transformer.offset, format!("filter error: transformer '{}' {what}", function.name()))
    };
    let mut arguments = Vec::new();
    let mut types = Vec::new();
    for item in &transformer.arguments {
        let (source, kind) = argument(item, function)?;
        arguments.push(source);
        types.push(kind);
    }
    let result = result_type(function, &types).ok_or_else(|| wrong("does not support these arguments"))?;
    let selector = match &transformer.selector {
        None => None,
        Some(text) => match (text.chars().next(), text.chars().count()) {
            (Some(letter), 1) => Some(letter),
            _ => return Err(wrong("needs one option letter in brackets")),
        },
    };
    let list = result.list && selector.is_none();
    let source = Source::Apply(Box::new(Transform { function, arguments, selector }));
    Ok((source, Type { kind: result.kind, list }))
}

fn argument(item: &ast::Argument, function: Function) -> Result<(Source, Type), CompileError> {
    match item {
        ast::Argument::Field(name) => {
            let (source, kind) = source(&Operand::Field(name.clone()))?;
            let forbidden =
                matches!(&source, Source::Field(field) if field.field().flags.has(FieldFlags::NO_TRANSFORM));
            if forbidden {
                let text = format!("filter error: field '{name}' does not support transformer '{}'", function.name());
                return Err(CompileError::new(name.offset, text));
            }
            Ok((source, kind))
        }
        ast::Argument::Transformer(inner) => transform(inner),
        ast::Argument::Literal(literal) => {
            let value = Value::owned(literal.text().into_owned());
            Ok((Source::Constant(value), Type { kind: FieldType::Text, list: false }))
        }
        ast::Argument::List(items) => {
            let sources = items.iter().map(|item| argument(item, function).map(|(source, _)| source));
            Ok((Source::List(sources.collect::<Result<_, _>>()?), Type { kind: FieldType::Text, list: true }))
        }
    }
}

fn result_type(function: Function, arguments: &[Type]) -> Option<Type> {
    let text = |list| Some(Type { kind: FieldType::Text, list });
    let is_text = |it: &Type| it.kind == FieldType::Text;
    let is_bytes = |it: &Type| matches!(it.kind, FieldType::Text | FieldType::Bytes);
    match (function, arguments) {
        (Function::ToLower | Function::ToUpper | Function::BaseName, [only]) if is_text(only) => Some(*only),
        (Function::Base64, [only]) if is_bytes(only) => Some(*only),
        (Function::Length, [only]) if only.list || is_bytes(only) => {
            Some(Type { kind: FieldType::Unsigned, list: false })
        }
        (Function::Join, [separator, items]) if is_text(separator) && !separator.list && items.list => text(false),
        (Function::Concatenate, [_, _, ..]) if arguments.iter().all(|it| is_text(it) && !it.list) => text(false),
        (Function::GetOption, [words, known]) if words.list && is_text(known) && !known.list => text(true),
        _ => None,
    }
}

fn probe(check: &ast::Check) -> Result<Probe, CompileError> {
    let (source, kind) = source(&check.left)?;
    if let Source::Field(field) = &source
        && field.field().flags.has(FieldFlags::PRINT_ONLY)
    {
        return Err(CompileError::new(
            check.offset,
            format!("filter error: field '{field}' is only usable in outputs"),
        ));
    }
    let check = match &check.test {
        Test::Exists => Check::Exists,
        Test::Compare { operator, modifier, right } => {
            supported(*operator, kind).map_err(|message| CompileError::new(check.offset, message))?;
            comparison(&source, kind, *operator, *modifier, right)?
        }
    };
    Ok(Probe { source, check })
}

fn comparison(
    source: &Source,
    kind: Type,
    operator: Operator,
    modifier: Option<Modifier>,
    right: &Right,
) -> Result<Check, CompileError> {
    let literals = match right {
        Right::Field(name) => return values(source, kind, operator, &Operand::Field(name.clone()), name.offset),
        Right::Transformer(it) => return values(source, kind, operator, &Operand::Transformer(it.clone()), it.offset),
        Right::Literal(literal) => std::slice::from_ref(literal),
        Right::List(items) => items.as_slice(),
    };
    if let Source::Field(FieldRef { id: FieldId::EvtType | FieldId::SyscallType, .. }) = source {
        known_events(operator, literals)?;
    }
    let quantified = |literals: &[Literal]| -> Result<Quantified, CompileError> {
        let comparison = constants(source, kind.kind, operator, literals)?;
        Ok(Quantified { every: operator == Operator::NotEqual && has_two_ends(source), comparison })
    };
    match modifier {
        Some(modifier) => {
            let each = literals.iter().map(|literal| quantified(std::slice::from_ref(literal)));
            Ok(Check::Each(modifier, each.collect::<Result<_, _>>()?))
        }
        None if kind.list => {
            let items = literals.iter().map(|literal| Value::owned(literal.text().into_owned())).collect();
            Ok(Check::Values(operator, Source::Constant(Value::List(items))))
        }
        None => Ok(Check::Single(quantified(literals)?)),
    }
}

/// Compares with another value of the event.
fn values(
    source: &Source,
    kind: Type,
    operator: Operator,
    right: &Operand,
    offset: usize,
) -> Result<Check, CompileError> {
    let refuse = |message: String| Err(CompileError::new(offset, message));
    let (right, right_kind) = self::source(right)?;
    let refuses =
        |source: &Source| matches!(source, Source::Field(field) if field.field().flags.has(FieldFlags::NO_RIGHT));
    if refuses(source) || refuses(&right) {
        return refuse("filter error: this field cannot be compared with another field".to_owned());
    }
    if matches!(operator, Operator::Regex | Operator::PathMatch) {
        return refuse(format!("filter error: '{}' does not compare with another field", operator.text()));
    }
    if kind != right_kind {
        return refuse("filter error: fields of different types cannot be compared".to_owned());
    }
    Ok(Check::Values(operator, right))
}

/// Fields that stand for both ends of a connection: `!=` must hold for both.
fn has_two_ends(source: &Source) -> bool {
    matches!(source, Source::Field(field) if matches!(field.id, FieldId::FdIp | FieldId::FdNet | FieldId::FdPort | FieldId::FdProto))
}

fn known_events(operator: Operator, literals: &[Literal]) -> Result<(), CompileError> {
    if !matches!(operator, Operator::Equal | Operator::NotEqual | Operator::In | Operator::Intersects) {
        return Ok(());
    }
    match literals.iter().find(|literal| EventKind::from_name(&literal.text()).is_none()) {
        None => Ok(()),
        Some(unknown) => {
            let text = unknown.text();
            let hint = nearest_event(&text).map(|name| format!("did you mean '{name}'?"));
            Err(CompileError {
                hint,
                ..CompileError::new(unknown.offset, format!("filter error: unknown event type {text}"))
            })
        }
    }
}

fn nearest_event(text: &str) -> Option<&'static str> {
    /// Below this similarity a name is no help.
    const SIMILARITY_MIN: f64 = 0.8;
    let similar = EventKind::all().map(|kind| (strsim::jaro_winkler(text, kind.name()), kind.name()));
    similar.filter(|it| it.0 >= SIMILARITY_MIN).max_by(|left, right| left.0.total_cmp(&right.0)).map(|it| it.1)
}

/// Whether values of the type can be compared so.
fn supported(operator: Operator, kind: Type) -> Result<(), String> {
    use Operator::{BytesContain, BytesStartWith, Contains, EndsWith, Equal, In, Intersects, NotEqual, StartsWith};
    let equality = matches!(operator, Equal | NotEqual | In | Intersects);
    let (allowed, family) = match kind.kind {
        _ if kind.list => (matches!(operator, In | Intersects), "list"),
        FieldType::Text | FieldType::Dynamic => (!matches!(operator, BytesContain | BytesStartWith), "string"),
        FieldType::Bytes => {
            let bytes = matches!(operator, Contains | StartsWith | EndsWith | BytesContain | BytesStartWith);
            (equality || bytes, "buffer")
        }
        FieldType::Address | FieldType::Network => (equality, "ip address and network"),
        FieldType::Bool => (equality, "numeric"),
        FieldType::Signed
        | FieldType::Unsigned
        | FieldType::AbsoluteTime
        | FieldType::RelativeTime
        | FieldType::Double
        | FieldType::Port => (equality || operator.orders(), "numeric"),
    };
    match allowed {
        true => Ok(()),
        false => Err(format!("filter error: '{}' operator not supported for {family} filters", operator.text())),
    }
}

fn constants(
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
            let parse = if kind == FieldType::Port { port } else { unsigned };
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
        Operator::IgnoreCaseContains => TextTest::IgnoreCaseContains(finder(&literal.bytes.to_ascii_lowercase())),
        Operator::BytesContain => TextTest::Contains(finder(&hexadecimal(literal)?)),
        Operator::BytesStartWith => TextTest::StartsWith(hexadecimal(literal)?.into()),
        Operator::StartsWith => TextTest::StartsWith(bytes()),
        Operator::EndsWith => TextTest::EndsWith(bytes()),
        Operator::Glob => TextTest::Glob(Glob::new(&literal.text(), false)),
        Operator::IgnoreCaseGlob => TextTest::Glob(Glob::new(&literal.text(), true)),
        _ => TextTest::Regex(regex(literal)?),
    })
}

fn regex(literal: &Literal) -> Result<regex::bytes::Regex, CompileError> {
    let anchored = format!("^(?:{})$", literal.text());
    let compiled = regex::bytes::RegexBuilder::new(&anchored).size_limit(REGEX_BYTES_MAX).build();
    compiled.map_err(|error| CompileError::new(literal.offset, format!("filter error: invalid regex: {error}")))
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

/// A leading minus wraps around, as `scanf` lets it.
fn unsigned(literal: &Literal) -> Result<u64, CompileError> {
    let text = literal.text();
    let parsed = match text.strip_prefix('-') {
        Some(digits) => digits.parse::<u64>().map(u64::wrapping_neg),
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
