//! Shell patterns as `fnmatch` with flags 0 matches them: `*` and `?` also match slashes and leading dots.

/// A compiled pattern.
#[derive(Debug, Clone)]
pub(super) struct Glob {
    shape: Shape,
    fold_case: bool,
}

/// Most patterns are constants with stars around them.
#[derive(Debug, Clone)]
enum Shape {
    Exact(Vec<u8>),
    /// Texts with stars between them, before them and behind them.
    Pieces {
        first: Vec<u8>,
        middle: Vec<memchr::memmem::Finder<'static>>,
        last: Vec<u8>,
    },
    General(Vec<Token>),
}

/// A character, or a byte that belongs to none behind all of them.
type Unit = u32;

/// The first unit that stands for a byte.
const BYTES: Unit = 0x11_0000;

#[derive(Debug, Clone)]
enum Token {
    Unit(Unit),
    One,
    Many,
    Class { negated: bool, members: Vec<Member> },
}

/// What a bracket expression matches.
#[derive(Debug, Clone)]
enum Member {
    Range(Unit, Unit),
    Named(fn(&char) -> bool),
}

impl Glob {
    pub(super) fn new(pattern: impl AsRef<[u8]>, fold_case: bool) -> Self {
        let pattern = pattern.as_ref();
        let pattern = if fold_case { pattern.to_ascii_lowercase() } else { pattern.to_owned() };
        Self { shape: shape(tokens(&pattern), fold_case), fold_case }
    }

    /// Whether the pattern has anything that matches more than itself.
    pub(super) fn has_wildcards(pattern: &str) -> bool {
        pattern.contains(['*', '?', '['])
    }

    /// What every text that matches begins and ends with; `None` when it is not compared byte by byte.
    pub(super) fn literal_ends(&self) -> Option<(&[u8], &[u8])> {
        match &self.shape {
            Shape::Exact(text) => Some((text, text)),
            Shape::Pieces { first, last, .. } => Some((first, last)),
            Shape::General(_) => None,
        }
    }

    pub(super) fn is_match(&self, text: &[u8]) -> bool {
        match &self.shape {
            Shape::Exact(bytes) => text == bytes,
            Shape::Pieces { first, middle, last } => {
                let inner = text.strip_prefix(&**first).and_then(|rest| rest.strip_suffix(&**last));
                inner.is_some_and(|inner| in_order(middle, inner))
            }
            Shape::General(tokens) => general(tokens, text, self.fold_case),
        }
    }
}

/// Whether the texts stand behind each other. The first place of each leaves most room for the others.
fn in_order(texts: &[memchr::memmem::Finder<'static>], mut rest: &[u8]) -> bool {
    texts.iter().all(|text| {
        let found = text.find(rest);
        rest = found.map_or(&[], |at| &rest[at + text.needle().len()..]);
        found.is_some()
    })
}

fn shape(tokens: Vec<Token>, fold_case: bool) -> Shape {
    let literal = |tokens: &[Token]| -> Option<Vec<u8>> {
        let mut text = Vec::new();
        for token in tokens {
            let Token::Unit(unit) = token else { return None };
            match char::from_u32(*unit) {
                Some(character) => text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
                None => text.push(u8::try_from(unit - BYTES).ok()?),
            }
        }
        Some(text)
    };
    let pieces: Option<Vec<Vec<u8>>> = tokens.split(|token| matches!(token, Token::Many)).map(literal).collect();
    match pieces.as_deref() {
        Some([only]) if !fold_case => Shape::Exact(only.clone()),
        Some([first, middle @ .., last]) if !fold_case => {
            let finder = |text: &Vec<u8>| memchr::memmem::Finder::new(text).into_owned();
            Shape::Pieces { first: first.clone(), middle: middle.iter().map(finder).collect(), last: last.clone() }
        }
        Some(_) | None => Shape::General(tokens),
    }
}

/// The unit that a text begins with, and its length.
fn unit(text: &[u8]) -> Option<(Unit, usize)> {
    let first = *text.first()?;
    let length = match first {
        0..0x80 => return Some((first.into(), 1)),
        0xc2..0xe0 => 2,
        0xe0..0xf0 => 3,
        _ => 4,
    };
    let character = text.get(..length).and_then(|it| std::str::from_utf8(it).ok()).and_then(|it| it.chars().next());
    Some(character.map_or((BYTES + Unit::from(first), 1), |character| (character.into(), length)))
}

fn units(mut text: &[u8]) -> Vec<Unit> {
    let mut units = Vec::new();
    while let Some((unit, length)) = unit(text) {
        units.push(unit);
        text = &text[length..];
    }
    units
}

fn tokens(pattern: &[u8]) -> Vec<Token> {
    let units = units(pattern);
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < units.len() {
        let (token, length) = match char::from_u32(units[at]) {
            Some('*') => (Token::Many, 1),
            Some('?') => (Token::One, 1),
            Some('[') => class(&units[at..]).unwrap_or((Token::Unit(units[at]), 1)),
            Some('\\') => match units.get(at + 1) {
                Some(escaped) => (Token::Unit(*escaped), 2),
                // What ends with an open escape matches nothing.
                None => (Token::Class { negated: false, members: Vec::new() }, 1),
            },
            Some(_) | None => (Token::Unit(units[at]), 1),
        };
        // Several stars in a row match what one matches.
        if !matches!((&token, tokens.last()), (Token::Many, Some(Token::Many))) {
            tokens.push(token);
        }
        at += length;
    }
    tokens
}

/// A bracket expression and its length; `None` when the bracket is never closed and stands for itself.
fn class(units: &[Unit]) -> Option<(Token, usize)> {
    let is = |at: usize, wanted: char| units.get(at) == Some(&Unit::from(wanted));
    let negated = is(1, '!') || is(1, '^');
    let first = 1 + usize::from(negated);
    let mut members = Vec::new();
    let mut at = first;
    // A closing bracket in the first place is a member.
    while at == first || !is(at, ']') {
        if let Some((member, length)) = named(&units[at..]) {
            members.push(member);
            at += length;
            continue;
        }
        let member = |at: usize| if is(at, '\\') { (units.get(at + 1), at + 2) } else { (units.get(at), at + 1) };
        let (low, after_low) = member(at);
        let low = *low?;
        let is_range = is(after_low, '-') && units.get(after_low + 1).is_some() && !is(after_low + 1, ']');
        let (high, after) = if is_range { member(after_low + 1) } else { (Some(&low), after_low) };
        members.push(Member::Range(low, *high?));
        at = after;
    }
    Some((Token::Class { negated, members }, at + 1))
}

/// `[:alpha:]` within a bracket expression, and its length.
fn named(units: &[Unit]) -> Option<(Member, usize)> {
    /// Longest of the names, with what encloses it.
    const LENGTH_MAX: usize = 10;
    let text: String = units.iter().take(LENGTH_MAX).map_while(|unit| char::from_u32(*unit)).collect();
    let name = text.strip_prefix("[:")?.split_once(":]")?.0;
    let test: fn(&char) -> bool = match name {
        "alpha" => char::is_ascii_alphabetic,
        "digit" => char::is_ascii_digit,
        "alnum" => char::is_ascii_alphanumeric,
        "upper" => char::is_ascii_uppercase,
        "lower" => char::is_ascii_lowercase,
        "punct" => char::is_ascii_punctuation,
        "graph" => char::is_ascii_graphic,
        "cntrl" => char::is_ascii_control,
        "xdigit" => char::is_ascii_hexdigit,
        "space" => |c| c.is_ascii_whitespace() || *c == '\u{b}',
        "blank" => |c| matches!(c, ' ' | '\t'),
        "print" => |c| c.is_ascii_graphic() || *c == ' ',
        _ => return None,
    };
    Some((Member::Named(test), name.len() + 4))
}

/// Matches with one point to return to: the last star, since an earlier star could only give up more.
fn general(tokens: &[Token], text: &[u8], fold_case: bool) -> bool {
    let next = |at: usize| unit(&text[at..]);
    let fold = |unit: Unit| match char::from_u32(unit) {
        Some(character) if fold_case => character.to_ascii_lowercase().into(),
        Some(_) | None => unit,
    };
    let (mut token, mut at) = (0, 0);
    let mut retry = None;
    loop {
        match (tokens.get(token), next(at)) {
            (None, None) => return true,
            (Some(Token::Many), _) => {
                retry = Some((token + 1, at));
                token += 1;
            }
            (Some(single), Some((unit, length))) if matches_one(single, fold(unit)) => {
                token += 1;
                at += length;
            }
            _ => match retry.and_then(|(after_star, from)| Some((after_star, from + next(from)?.1))) {
                Some(later) => {
                    retry = Some(later);
                    (token, at) = later;
                }
                None => return false,
            },
        }
    }
}

fn matches_one(token: &Token, unit: Unit) -> bool {
    match token {
        Token::Unit(expected) => *expected == unit,
        Token::One => true,
        Token::Many => false,
        Token::Class { negated, members } => {
            let is_member = |member: &Member| match member {
                Member::Range(low, high) => (*low..=*high).contains(&unit),
                Member::Named(test) => char::from_u32(unit).as_ref().is_some_and(test),
            };
            members.iter().any(is_member) != *negated
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_fnmatch_without_flags_does() {
        for (pattern, text, expected) in [
            ("/etc/*", "/etc/a/b", true),
            ("*.log", ".log", true),
            ("*/bin/*", "/usr/bin/x", true),
            ("/p?/q?", "/p\u{fffd}/q1", true),
            ("a[bc]d", "acd", true),
            ("a[!bc]d", "acd", false),
            ("a[b-d]e", "ace", true),
            ("a[]]b", "a]b", true),
            ("a[b", "a[b", true),
            ("a\\*b", "a*b", true),
            ("a\\*b", "axb", false),
            ("a*b*c", "a1b2b3c", true),
            ("a*b*c", "a1b2b3", false),
            ("", "", true),
            ("*", "", true),
            ("?", "", false),
            ("/proc/*/environ", "/proc/self/environ", true),
            ("/proc/*/environ", "/proc/environ", false),
            ("*a*a", "a", false),
            ("a*b*b*c", "abxbc", true),
            ("[[:digit:]x-]*", "7a", true),
            ("[[:digit:]x-]*", "-a", true),
            ("[![:digit:]]*", "7a", false),
            ("[a\\]b]", "]", true),
            ("a\\", "a\\", false),
            ("ä*?ü", "äxü", true),
            ("ä*?ü", "äü", false),
        ] {
            assert_eq!(Glob::new(pattern, false).is_match(text.as_bytes()), expected, "{pattern} {text}");
        }
        assert!(Glob::new(b"/p\xff*q?", false).is_match(b"/p\xff/q\xfe"));
        assert!(!Glob::new(b"/p\xff*", false).is_match("/p\u{fffd}".as_bytes()));
        assert!(Glob::new("MY*", true).is_match(b"myexe"));
        assert!(Glob::new("my*[x]E", true).is_match(b"MYEXE"));
    }
}
