//! Syntax tree to plan: names are looked up, types checked, constants parsed.

use super::CompileError;
use super::ast::{self, Expression, Function, Literal, Modifier, Operand, Operator, Right, Test};
use super::constant::constants;
use super::plan::{NodeId, Plan};
use super::probe::{Check, Probe, Quantified};
use super::transform::{Source, Transform};
use crate::event::EventKind;
use crate::field::{FieldError, FieldFlags, FieldId, FieldRef, FieldType, Value, closest};

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
            plan.add_test(identity(check), probe)
        }
    })
}

/// A text that two tests share only if they are the same test. A byte that is not UTF-8 prints as U+FFFD; a test with
/// such a text has no identity.
fn identity(check: &ast::Check) -> Option<String> {
    let side = match &check.test {
        Test::Exists => "exists",
        Test::Compare { right: Right::Literal(_) | Right::List(_), .. } => "constant",
        // The constant "val(fd.name)" prints as the field does.
        Test::Compare { right: Right::Field(_) | Right::Transformer(_), .. } => "value",
    };
    Some(format!("{side}: {check}")).filter(|text| !text.contains('\u{fffd}'))
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

pub(super) fn probe(check: &ast::Check) -> Result<Probe, CompileError> {
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
    let operator = match source {
        // What is compared is how far away the moment is.
        Source::Field(FieldRef { id: FieldId::EvtAround, .. }) if operator == Operator::Equal => Operator::LessEqual,
        Source::Field(_) | Source::Apply(_) | Source::Constant(_) | Source::List(_) => operator,
    };
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

/// Fields that stand for both ends of a connection, or for all names of an address: `!=` must hold for each.
fn has_two_ends(source: &Source) -> bool {
    let Source::Field(field) = source else { return false };
    let ends = matches!(field.id, FieldId::FdIp | FieldId::FdNet | FieldId::FdPort | FieldId::FdProto);
    ends || field.id.is_host_name()
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
