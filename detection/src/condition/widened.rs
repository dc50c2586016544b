//! From a condition to the least that must be so for it to hold, in the tests that a kernel program can make.

use super::ast::Modifier;
use super::compare::{Comparison, Relation, TextTest};
use super::prefix::PrefixSet;
use super::probe::{Check, Probe, Quantified};
use super::program::{Link, Operation, Program};
use super::transform::Source;
use crate::event::flags::{BPF_COMMANDS, CHMOD_MODE, CLONE_FLAGS, FILE_FLAGS, PTRACE_REQUESTS, SOCKET_FAMILIES};
use crate::event::{EventKind, FlagTable, Text, kinds};
use crate::field::{Argument, FieldId, FieldRef, Value, access, result_text};
use crate::filter::{Atom, DESCRIPTOR_KINDS, PROTOCOLS, PathPatterns, PathSubject, Quantity, Ranges, Terms};

/// The last errno that has a name, as a result.
const ERRNO_MIN: i64 = -133;

/// Parameters that are paths.
const PATH_PARAMETERS: [&str; 8] = ["path", "name", "filename", "pathname", "oldpath", "newpath", "linkpath", "target"];

/// What must be so for the condition to hold of an event of the kind.
pub(crate) fn widened(program: &Program, kind: EventKind, link: Link) -> Terms {
    let negated = link.is_negated();
    match program.operation(link) {
        Operation::Always if negated => Terms::none(),
        Operation::Always => Terms::all(),
        Operation::All(..) if negated => {
            let opposites = program.opposites_of_alternatives(link).iter();
            opposites.fold(Terms::none(), |terms, opposite| terms.or(widened(program, kind, opposite.not())))
        }
        Operation::All(..) => {
            let parts = program.conjuncts(&link).iter();
            parts.fold(Terms::all(), |terms, part| terms.and(&widened(program, kind, *part)))
        }
        Operation::Test(test) => of_probe(kind, program.plan.test(test), negated),
        // Only programs for evaluation put tests together.
        Operation::Any(..) => Terms::all(),
    }
}

fn of_probe(kind: EventKind, probe: &Probe, negated: bool) -> Terms {
    let Source::Field(field) = &probe.source else { return Terms::all() };
    let of_one = |quantified: &Quantified| match quantified.every {
        true => Terms::all(),
        false => of_comparison(kind, field, &quantified.comparison, negated),
    };
    match &probe.check {
        Check::Single(quantified) => of_one(quantified),
        Check::Each(modifier, list) => match (modifier, negated) {
            (Modifier::AnyOf | Modifier::OneOf, false) | (Modifier::AllOf, true) if !list.is_empty() => {
                list.iter().fold(Terms::none(), |terms, quantified| terms.or(of_one(quantified)))
            }
            (Modifier::AllOf, false) | (Modifier::AnyOf, true) => {
                list.iter().fold(Terms::all(), |terms, quantified| terms.and(&of_one(quantified)))
            }
            (Modifier::AnyOf | Modifier::OneOf | Modifier::AllOf, _) => Terms::all(),
        },
        Check::Exists | Check::Values(..) => Terms::all(),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "a kernel program knows nothing of the other fields")]
fn of_comparison(kind: EventKind, field: &FieldRef, comparison: &Comparison, negated: bool) -> Terms {
    let holds = |value: &Value<'_>| comparison.holds(value) != negated;
    match field.id {
        FieldId::EvtRawres => of_numbers(Quantity::Result, comparison, negated),
        FieldId::EvtRes => number(Quantity::Result, results(|result| holds(&result_text(result)))),
        FieldId::EvtFailed => number(Quantity::Result, results(|result| holds(&Value::Bool(result < 0)))),
        FieldId::FdNum => of_numbers(Quantity::Descriptor, comparison, negated),
        FieldId::FdType => {
            number(Quantity::DescriptorKind, places(&DESCRIPTOR_KINDS, |it| holds(&Value::text(it.name()))))
        }
        FieldId::FdTypechar => {
            number(Quantity::DescriptorKind, places(&DESCRIPTOR_KINDS, |it| holds(&Value::text(it.character()))))
        }
        FieldId::FdL4proto => number(Quantity::Protocol, places(&PROTOCOLS, |it| holds(&Value::text(it.name())))),
        FieldId::FdPort | FieldId::FdSport | FieldId::FdCport | FieldId::FdLport | FieldId::FdRport if !negated => {
            of_numbers(Quantity::Port, comparison, negated)
        }
        FieldId::UserUid => of_numbers(Quantity::User, comparison, negated),
        // What containers are called is not known here, only what the host is called instead.
        FieldId::ContainerId if !holds(&Value::text("host")) => number(Quantity::Contained, Ranges::new([(1, 1)])),
        FieldId::EvtIsOpenRead | FieldId::EvtIsOpenWrite | FieldId::EvtIsOpenExec | FieldId::EvtIsOpenCreate => {
            of_access(kind, field.id, holds(&Value::Bool(true)), holds(&Value::Bool(false)))
        }
        FieldId::FdName if !negated => of_path(PathSubject::Descriptor, comparison),
        FieldId::FdNameraw if !negated => of_path(PathSubject::Given, comparison),
        FieldId::FdDirectory if !negated => of_directory(comparison),
        FieldId::FdFilename if !negated => of_file_name(comparison),
        FieldId::EvtArg => of_argument(kind, &field.argument, comparison, negated),
        FieldId::EvtRawarg => of_raw_argument(kind, &field.argument, comparison, negated),
        _ => Terms::all(),
    }
}

fn number(quantity: Quantity, ranges: Ranges) -> Terms {
    if ranges == Ranges::all() { Terms::all() } else { Terms::atom(Atom::Number(quantity, ranges)) }
}

/// The results for which a test of their meaning holds; all successes mean the same. What is no errno that has a name
/// passes.
fn results(holds: impl Fn(i64) -> bool) -> Ranges {
    let successes = holds(0).then_some((0, i64::MAX));
    let failures = (ERRNO_MIN..0).filter(|result| holds(*result)).map(|result| (result, result));
    Ranges::new(failures.chain(successes).chain([(i64::MIN, ERRNO_MIN - 1)]))
}

/// The places of the items that satisfy a test.
fn places<T>(items: &[T], holds: impl Fn(&T) -> bool) -> Ranges {
    let found = (0..).zip(items).filter(|(_, item)| holds(item));
    Ranges::new(found.map(|(place, _)| (place, place)))
}

/// The numbers that satisfy a comparison of numbers.
fn of_numbers(quantity: Quantity, comparison: &Comparison, negated: bool) -> Terms {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the other comparisons are not of whole numbers")]
    let found = match comparison {
        Comparison::Signed(relation, constant) => Some((related(*relation, *constant, negated), false)),
        Comparison::SignedIn(set) => Some((listed(set.iter().copied(), negated), false)),
        Comparison::Unsigned(relation, constant) => {
            i64::try_from(*constant).ok().map(|constant| (related(*relation, constant, negated), true))
        }
        Comparison::UnsignedIn(set) => {
            let numbers: Result<Vec<i64>, _> = set.iter().map(|number| i64::try_from(*number)).collect();
            numbers.ok().map(|numbers| (listed(numbers.into_iter(), negated), true))
        }
        _ => None,
    };
    match found {
        None => Terms::all(),
        Some((ranges, false)) => number(quantity, ranges),
        // What an event has as a negative number is a large one to a comparison without signs.
        Some((ranges, true)) => number(quantity, ranges.union(&Ranges::new([(i64::MIN, -1)]))),
    }
}

fn listed(numbers: impl Iterator<Item = i64>, negated: bool) -> Ranges {
    if negated { Ranges::all_but(numbers) } else { Ranges::new(numbers.map(|number| (number, number))) }
}

fn related(relation: Relation, constant: i64, negated: bool) -> Ranges {
    let below = constant.checked_sub(1).map(|last| (i64::MIN, last));
    let above = constant.checked_add(1).map(|first| (first, i64::MAX));
    let equal = Some((constant, constant));
    let parts = match if negated { relation.opposite() } else { relation } {
        Relation::Equal => [equal, None],
        Relation::NotEqual => [below, above],
        Relation::Less => [below, None],
        Relation::LessEqual => [below, equal],
        Relation::Greater => [above, None],
        Relation::GreaterEqual => [above, equal],
    };
    Ranges::new(parts.into_iter().flatten())
}

/// How a file is opened. Events of other kinds say no to all of these.
fn of_access(kind: EventKind, id: FieldId, if_so: bool, if_not: bool) -> Terms {
    if if_not {
        return Terms::all();
    }
    if !if_so {
        return Terms::none();
    }
    let is_open = matches!(kind, kinds::OPEN | kinds::OPENAT | kinds::OPENAT2 | kinds::OPEN_BY_HANDLE_AT);
    let flags = |any| Terms::atom(Atom::Bits { parameter: "flags", table: None, any });
    let mode = || Terms::atom(Atom::Bits { parameter: "mode", table: None, any: access::MODE_EXECUTE });
    match (id, kind) {
        (FieldId::EvtIsOpenExec, kinds::CREAT) => mode(),
        (FieldId::EvtIsOpenExec, kinds::OPEN | kinds::OPENAT | kinds::OPENAT2) => {
            flags(access::CREATE | access::TEMPORARY).and(&mode())
        }
        (FieldId::EvtIsOpenRead, _) if is_open => flags(access::READ),
        (FieldId::EvtIsOpenWrite, _) if is_open => flags(access::WRITE),
        (FieldId::EvtIsOpenCreate, _) if is_open => flags(access::CREATED | access::TEMPORARY),
        _ => Terms::none(),
    }
}

fn paths(subject: PathSubject, patterns: Option<PathPatterns>) -> Terms {
    let small = patterns.filter(PathPatterns::is_small);
    small.map_or_else(Terms::all, |patterns| Terms::atom(Atom::Path(subject, patterns)))
}

fn text(bytes: &[u8]) -> Option<Text> {
    std::str::from_utf8(bytes).ok().map(Into::into)
}

/// The texts, if all of them are UTF-8.
fn texts<'a>(set: impl Iterator<Item = &'a [u8]>) -> Option<Vec<Text>> {
    set.map(text).collect()
}

fn of_path(subject: PathSubject, comparison: &Comparison) -> Terms {
    let Comparison::Text(test) = comparison else { return Terms::all() };
    #[expect(clippy::wildcard_enum_match_arm, reason = "the other tests name nothing that must be there")]
    let patterns = match test {
        TextTest::Order(Relation::Equal, path) => text(path).map(|it| PathPatterns::exact([it])),
        TextTest::In(set) => texts(set.iter()).map(PathPatterns::exact),
        TextTest::StartsWith(start) => text(start).map(|it| PathPatterns::prefixes([it])),
        TextTest::EndsWith(end) => text(end).map(|it| PathPatterns::suffixes([it])),
        TextTest::Contains(finder) => text(finder.needle()).map(PathPatterns::part),
        TextTest::Glob(glob) => {
            let Some((first, last)) = glob.literal_ends() else { return Terms::all() };
            let begins = text(first).filter(|it| it.len() > 1).map(|it| PathPatterns::prefixes([it]));
            let ends = text(last).filter(|it| !it.is_empty()).map(|it| PathPatterns::suffixes([it]));
            return paths(subject, begins).and(&paths(subject, ends));
        }
        // What a program gives may have empty components, which this test looks past.
        TextTest::PathMatch(set) if subject == PathSubject::Descriptor => beginnings(set),
        _ => None,
    };
    paths(subject, patterns)
}

/// What the paths below the listed ones begin with; `None` when that may be anything.
fn beginnings(set: &PrefixSet) -> Option<PathPatterns> {
    let beginnings = set.literal_beginnings();
    let starts = texts(beginnings.iter().map(Vec::as_slice))?;
    starts.iter().all(|start| start.len() > 1).then(|| PathPatterns::prefixes(starts))
}

/// A directory is what its files begin with. Falco says the root also of names without a slash; these are not known.
fn of_directory(comparison: &Comparison) -> Terms {
    let Comparison::Text(test) = comparison else { return Terms::all() };
    #[expect(clippy::wildcard_enum_match_arm, reason = "the other tests do not say how the directory begins")]
    let patterns = match test {
        TextTest::Order(Relation::Equal, path) => texts([&**path].into_iter()).and_then(directories),
        TextTest::In(set) => texts(set.iter()).and_then(directories),
        TextTest::StartsWith(start) => text(start).filter(|it| it.len() > 1).map(|it| PathPatterns::prefixes([it])),
        TextTest::PathMatch(set) => beginnings(set),
        _ => None,
    };
    paths(PathSubject::Descriptor, patterns)
}

fn directories(directories: Vec<Text>) -> Option<PathPatterns> {
    let (root, others): (Vec<Text>, Vec<Text>) = directories.into_iter().partition(|it| &**it == "/");
    if others.iter().any(|it| it.is_empty()) {
        return None;
    }
    let others = PathPatterns::prefixes(others);
    if root.is_empty() { Some(others) } else { others.union(&PathPatterns::top_level()) }
}

/// The last component is what the path ends with, but for paths without one.
fn of_file_name(comparison: &Comparison) -> Terms {
    let Comparison::Text(test) = comparison else { return Terms::all() };
    #[expect(clippy::wildcard_enum_match_arm, reason = "the other tests do not say how the name ends")]
    let ends = match test {
        TextTest::Order(Relation::Equal, name) => texts([&**name].into_iter()),
        TextTest::In(set) => texts(set.iter()),
        TextTest::EndsWith(end) => texts([&**end].into_iter()),
        _ => None,
    };
    let plain = ends.filter(|ends| ends.iter().all(|end| !end.is_empty() && !end.contains('/')));
    paths(PathSubject::Descriptor, plain.map(PathPatterns::suffixes))
}

/// How the texts of a parameter come from its number.
enum Encoding {
    /// Names of bits.
    Bits(&'static FlagTable),
    /// The names of one value.
    Choice(&'static FlagTable),
}

/// The encodings of the parameters that rules ask for. A parameter that is not here, or whose event has another
/// encoding after all, is not filtered by.
fn encoding(kind: EventKind, parameter: &str) -> Option<Encoding> {
    Some(match (kind, parameter) {
        (kinds::OPEN | kinds::OPENAT | kinds::OPENAT2 | kinds::OPEN_BY_HANDLE_AT, "flags") => {
            Encoding::Bits(FILE_FLAGS)
        }
        (kinds::CHMOD | kinds::FCHMOD | kinds::FCHMODAT, "mode") => Encoding::Bits(CHMOD_MODE),
        (kinds::CLONE | kinds::CLONE3 | kinds::FORK | kinds::VFORK | kinds::UNSHARE, "flags")
        | (kinds::SETNS, "nstype") => Encoding::Bits(CLONE_FLAGS),
        (kinds::SOCKET, "domain") => Encoding::Choice(SOCKET_FAMILIES),
        (kinds::PTRACE, "request") => Encoding::Choice(PTRACE_REQUESTS),
        (kinds::BPF, "cmd") => Encoding::Choice(BPF_COMMANDS),
        _ => return None,
    })
}

fn of_argument(kind: EventKind, argument: &Argument, comparison: &Comparison, negated: bool) -> Terms {
    let Some(name) = schema_parameter(kind, argument) else { return Terms::all() };
    let Comparison::Text(test) = comparison else { return Terms::all() };
    match encoding(kind, name) {
        Some(Encoding::Bits(table)) if !negated => of_bits(name, table, test),
        Some(Encoding::Bits(_)) => Terms::all(),
        Some(Encoding::Choice(table)) => number(Quantity::Choice(name, table), choices(table, comparison, negated)),
        None if PATH_PARAMETERS.contains(&name) && !negated => of_path(PathSubject::Parameter(name), comparison),
        None => Terms::all(),
    }
}

fn schema_parameter(kind: EventKind, argument: &Argument) -> Option<&'static str> {
    let mut names = kind.schema().parameters.iter().map(|(name, _)| *name);
    match argument {
        Argument::Key(name) => names.find(|known| *known == &**name),
        Argument::Index(_) | Argument::None | Argument::Pattern(_) => None,
    }
}

/// The numbers whose names satisfy the comparison, and all that have none.
fn choices(table: &FlagTable, comparison: &Comparison, negated: bool) -> Ranges {
    let values = table.rows.iter().filter_map(|(value, _)| i64::try_from(*value).ok());
    let text = |value: i64| {
        let names = table.rows.iter().filter(|(row, _)| i64::try_from(*row) == Ok(value)).map(|(_, name)| *name);
        names.collect::<Vec<_>>().join("|")
    };
    Ranges::all_but(values.filter(|value| comparison.holds(&Value::owned(text(*value))) == negated))
}

/// Bits of which one must be set for the text of their names to satisfy the test.
fn of_bits(name: &'static str, table: &'static FlagTable, test: &TextTest) -> Terms {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the other tests name no flag that must be there")]
    let needles: Vec<&[u8]> = match test {
        TextTest::Contains(finder) => vec![finder.needle()],
        TextTest::Order(Relation::Equal, names) => vec![names],
        TextTest::In(set) => set.iter().collect(),
        TextTest::StartsWith(names) | TextTest::EndsWith(names) => vec![names],
        _ => return Terms::all(),
    };
    let masks: Option<Vec<u64>> = needles.into_iter().map(|needle| mask(table, needle)).collect();
    let Some(masks) = masks else { return Terms::all() };
    let any = masks.into_iter().fold(0, |all, mask| all | mask);
    Terms::atom(Atom::Bits { parameter: name, table: Some(table), any })
}

/// The bits whose names have the text in them; `None` when it may stand in a text without them: across names, in a
/// number, or in the name of no bits.
fn mask(table: &FlagTable, needle: &[u8]) -> Option<u64> {
    let needle = std::str::from_utf8(needle).ok()?;
    let spans = needle.is_empty() || needle.contains('|') || needle.bytes().all(|byte| byte.is_ascii_digit());
    let mut rows = table.rows.iter().filter(|(_, name)| name.contains(needle));
    if spans { None } else { rows.try_fold(0, |all, (bits, _)| (*bits != 0).then_some(all | bits)) }
}

fn of_raw_argument(kind: EventKind, argument: &Argument, comparison: &Comparison, negated: bool) -> Terms {
    match schema_parameter(kind, argument) {
        Some(name) => of_numbers(Quantity::Parameter(name), comparison, negated),
        None => Terms::all(),
    }
}
