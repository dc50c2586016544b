//! Comparisons of one value with constants, ready to run.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::net::IpAddr;

use ipnet::IpNet;
use rustc_hash::FxHashSet;

use super::ast::Operator;
use super::glob::Glob;
use super::prefix::PrefixSet;
use crate::field::Value;

/// How an ordering is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

impl Relation {
    pub(super) fn of(operator: Operator) -> Option<Self> {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the other operators do not order")]
        match operator {
            Operator::Equal => Some(Self::Equal),
            Operator::NotEqual => Some(Self::NotEqual),
            Operator::Less => Some(Self::Less),
            Operator::LessEqual => Some(Self::LessEqual),
            Operator::Greater => Some(Self::Greater),
            Operator::GreaterEqual => Some(Self::GreaterEqual),
            _ => None,
        }
    }

    /// The relation that holds when this one does not.
    pub(super) fn opposite(self) -> Self {
        match self {
            Self::Equal => Self::NotEqual,
            Self::NotEqual => Self::Equal,
            Self::Less => Self::GreaterEqual,
            Self::LessEqual => Self::Greater,
            Self::Greater => Self::LessEqual,
            Self::GreaterEqual => Self::Less,
        }
    }

    pub(super) fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::NotEqual => ordering.is_ne(),
            Self::Less => ordering.is_lt(),
            Self::LessEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterEqual => ordering.is_ge(),
        }
    }
}

/// A comparison with constants. A value of another type than the constant's satisfies none.
#[derive(Debug, Clone)]
pub(super) enum Comparison {
    /// Text or bytes.
    Text(TextTest),
    /// A signed number.
    Signed(Relation, i64),
    /// One of several signed numbers.
    SignedIn(FxHashSet<i64>),
    /// An unsigned number.
    Unsigned(Relation, u64),
    /// One of several unsigned numbers.
    UnsignedIn(FxHashSet<u64>),
    /// A fraction.
    Float(Relation, f64),
    /// One of several fractions.
    FloatIn(Vec<f64>),
    /// A truth value: the one that satisfies it.
    Bool(bool),
    /// One of several truth values.
    BoolIn(Vec<bool>),
    /// An address: one of these, or none of these.
    Address(FxHashSet<IpAddr>, bool),
    /// An address in a network, or in none of them.
    Network(Vec<IpNet>, bool),
}

/// A comparison of bytes.
#[derive(Debug, Clone)]
pub(super) enum TextTest {
    Order(Relation, Box<[u8]>),
    Contains(Box<memchr::memmem::Finder<'static>>),
    IgnoreCaseContains(Box<aho_corasick::AhoCorasick>),
    StartsWith(Box<[u8]>),
    EndsWith(Box<[u8]>),
    Glob(Glob),
    Regex(regex::bytes::Regex),
    In(TextSet),
    PathMatch(PrefixSet),
}

/// A set of texts. Most texts that are looked up are not in it, and most of these have a length that none in it has.
#[derive(Debug, Clone)]
pub(super) struct TextSet {
    texts: FxHashSet<Box<[u8]>>,
    /// A bit for each length that occurs; the highest stands for all longer ones.
    lengths: u64,
}

impl TextSet {
    fn length_bit(length: usize) -> u64 {
        1 << length.min(63)
    }

    #[inline]
    pub(super) fn contains(&self, text: &[u8]) -> bool {
        self.lengths & Self::length_bit(text.len()) != 0 && self.texts.contains(text)
    }

    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.texts.iter().map(|text| &**text)
    }
}

impl FromIterator<Box<[u8]>> for TextSet {
    fn from_iter<I: IntoIterator<Item = Box<[u8]>>>(texts: I) -> Self {
        let texts: FxHashSet<Box<[u8]>> = texts.into_iter().collect();
        let lengths = texts.iter().fold(0, |bits, text| bits | Self::length_bit(text.len()));
        Self { texts, lengths }
    }
}

/// What a text must be, begin with, or have within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Pattern<'a> {
    /// It is this text.
    Exact(&'a [u8]),
    /// It begins with this text.
    Prefix(&'a [u8]),
    /// It contains this text.
    Within(&'a [u8]),
}

impl Comparison {
    /// Adds patterns of which a value matches at least one if it satisfies the comparison; `None` when there are none.
    pub(super) fn patterns<'a>(&'a self, patterns: &mut Vec<Pattern<'a>>) -> Option<()> {
        let Self::Text(test) = self else { return None };
        #[expect(clippy::wildcard_enum_match_arm, reason = "the other tests do not name a text that must be there")]
        match test {
            TextTest::Order(Relation::Equal, text) => patterns.push(Pattern::Exact(text)),
            TextTest::In(set) => patterns.extend(set.iter().map(Pattern::Exact)),
            TextTest::StartsWith(text) if !text.is_empty() => patterns.push(Pattern::Prefix(text)),
            TextTest::EndsWith(text) if !text.is_empty() => patterns.push(Pattern::Within(text)),
            TextTest::Contains(finder) if !finder.needle().is_empty() => {
                patterns.push(Pattern::Within(finder.needle()))
            }
            _ => return None,
        }
        Some(())
    }

    #[inline]
    pub(super) fn holds(&self, value: &Value<'_>) -> bool {
        match (self, value) {
            (Self::Text(test), value) => value.as_bytes().is_some_and(|bytes| test.holds(bytes)),
            (Self::Signed(relation, constant), Value::Signed(value)) => relation.holds(value.cmp(constant)),
            (Self::SignedIn(set), Value::Signed(value)) => set.contains(value),
            (Self::Unsigned(relation, constant), Value::Unsigned(value)) => relation.holds(value.cmp(constant)),
            (Self::UnsignedIn(set), Value::Unsigned(value)) => set.contains(value),
            (Self::Float(relation, constant), Value::Float(value)) => {
                value.partial_cmp(constant).is_some_and(|ordering| relation.holds(ordering))
            }
            (Self::FloatIn(set), Value::Float(value)) => set.contains(value),
            (Self::Bool(wanted), Value::Bool(value)) => wanted == value,
            (Self::BoolIn(set), Value::Bool(value)) => set.contains(value),
            (Self::Address(set, wanted), Value::Address(address)) => set.contains(address) == *wanted,
            (Self::Network(networks, wanted), Value::Address(address)) => {
                networks.iter().any(|network| network.contains(address)) == *wanted
            }
            _ => false,
        }
    }
}

impl TextTest {
    #[inline]
    fn holds(&self, bytes: &[u8]) -> bool {
        match self {
            Self::Order(relation, constant) => relation.holds(bytes.cmp(constant)),
            Self::Contains(finder) => finder.find(bytes).is_some(),
            Self::IgnoreCaseContains(finder) => finder.is_match(bytes),
            Self::StartsWith(prefix) => bytes.starts_with(prefix),
            Self::EndsWith(suffix) => bytes.ends_with(suffix),
            Self::Glob(glob) => glob.is_match(bytes),
            Self::Regex(regex) => regex.is_match(bytes) || matches_replaced(regex, bytes),
            Self::In(set) => set.contains(bytes),
            Self::PathMatch(paths) => paths.is_match(bytes),
        }
    }
}

/// Whether a text that is not UTF-8 matches once U+FFFD stands for what is not: Falco gives no other text to patterns.
fn matches_replaced(regex: &regex::bytes::Regex, bytes: &[u8]) -> bool {
    match String::from_utf8_lossy(bytes) {
        Cow::Borrowed(_) => false,
        Cow::Owned(text) => regex.is_match(text.as_bytes()),
    }
}

/// Compares two values of the event. Values of different types satisfy no operator.
pub(super) fn compare_values(operator: Operator, left: &Value<'_>, right: &Value<'_>) -> bool {
    if let (Some(left), Some(right)) = (left.as_bytes(), right.as_bytes()) {
        return compare_bytes(operator, left, right);
    }
    if matches!((left, right), (Value::List(_), _) | (_, Value::List(_))) {
        let (left, right) = (items(left), items(right));
        let mut found = left.iter().map(|item| right.contains(item));
        return if operator == Operator::In { found.all(|it| it) } else { found.any(|it| it) };
    }
    let ordering = match (left, right) {
        (Value::Signed(left), Value::Signed(right)) => Some(left.cmp(right)),
        (Value::Unsigned(left), Value::Unsigned(right)) => Some(left.cmp(right)),
        (Value::Float(left), Value::Float(right)) => left.partial_cmp(right),
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (Value::Address(left), Value::Address(right)) => Some(left.cmp(right)),
        _ => None,
    };
    let relation = Relation::of(operator).or(operator.takes_list().then_some(Relation::Equal));
    relation.zip(ordering).is_some_and(|(relation, ordering)| relation.holds(ordering))
}

fn items<'v, 'a>(value: &'v Value<'a>) -> &'v [Value<'a>] {
    if let Value::List(items) = value { items } else { std::slice::from_ref(value) }
}

fn compare_bytes(operator: Operator, left: &[u8], right: &[u8]) -> bool {
    let contains = |text: &[u8], part: &[u8]| memchr::memmem::find(text, part).is_some();
    let glob = |fold_case| Glob::new(right, fold_case).is_match(left);
    match operator {
        Operator::Equal | Operator::In | Operator::Intersects => left == right,
        Operator::NotEqual => left != right,
        Operator::Less => left < right,
        Operator::LessEqual => left <= right,
        Operator::Greater => left > right,
        Operator::GreaterEqual => left >= right,
        Operator::Contains | Operator::BytesContain => contains(left, right),
        Operator::IgnoreCaseContains => contains(&left.to_ascii_lowercase(), &right.to_ascii_lowercase()),
        Operator::StartsWith | Operator::BytesStartWith => left.starts_with(right),
        Operator::EndsWith => left.ends_with(right),
        Operator::Glob => glob(false),
        Operator::IgnoreCaseGlob => glob(true),
        // The compiler refuses these two between fields.
        Operator::Regex | Operator::PathMatch => false,
    }
}
