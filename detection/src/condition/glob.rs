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

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Character(char),
    One,
    Many,
    Class { negated: bool, ranges: Vec<(char, char)> },
}

impl Glob {
    pub(super) fn new(pattern: &str, fold_case: bool) -> Self {
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
            Shape::General(tokens) => general(tokens, &String::from_utf8_lossy(text), self.fold_case),
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
        let text = tokens.iter().map(|token| if let Token::Character(c) = token { Some(*c) } else { None });
        text.collect::<Option<String>>().map(String::into_bytes)
    };
    let pieces: Option<Vec<Vec<u8>>> = tokens.split(|token| *token == Token::Many).map(literal).collect();
    match pieces.as_deref() {
        Some([only]) if !fold_case => Shape::Exact(only.clone()),
        Some([first, middle @ .., last]) if !fold_case => {
            let finder = |text: &Vec<u8>| memchr::memmem::Finder::new(text).into_owned();
            Shape::Pieces { first: first.clone(), middle: middle.iter().map(finder).collect(), last: last.clone() }
        }
        Some(_) | None => Shape::General(tokens),
    }
}

fn tokens(pattern: &str) -> Vec<Token> {
    let characters: Vec<char> = pattern.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < characters.len() {
        let (token, length) = match characters[at] {
            '*' => (Token::Many, 1),
            '?' => (Token::One, 1),
            '[' => class(&characters[at..]).unwrap_or((Token::Character('['), 1)),
            '\\' if at + 1 < characters.len() => (Token::Character(characters[at + 1]), 2),
            other => (Token::Character(other), 1),
        };
        // Several stars in a row match what one matches.
        if token != Token::Many || tokens.last() != Some(&Token::Many) {
            tokens.push(token);
        }
        at += length;
    }
    tokens
}

/// A bracket expression and its length; `None` when the bracket is never closed and stands for itself.
fn class(characters: &[char]) -> Option<(Token, usize)> {
    let negated = matches!(characters.get(1), Some('!' | '^'));
    let first = 1 + usize::from(negated);
    let mut ranges = Vec::new();
    let mut at = first;
    loop {
        match *characters.get(at)? {
            // A closing bracket in the first place is a member.
            ']' if at > first => return Some((Token::Class { negated, ranges }, at + 1)),
            low if characters.get(at + 1) == Some(&'-') && characters.get(at + 2).is_some_and(|high| *high != ']') => {
                ranges.push((low, characters[at + 2]));
                at += 3;
            }
            single => {
                ranges.push((single, single));
                at += 1;
            }
        }
    }
}

/// Matches with one point to return to: the last star, since an earlier star could only give up more.
fn general(tokens: &[Token], text: &str, fold_case: bool) -> bool {
    let next = |at: usize| text[at..].chars().next();
    let (mut token, mut at) = (0, 0);
    let mut retry = None;
    loop {
        match (tokens.get(token), next(at)) {
            (None, None) => return true,
            (Some(Token::Many), _) => {
                retry = Some((token + 1, at));
                token += 1;
            }
            (Some(single), Some(c)) if matches_one(single, if fold_case { c.to_ascii_lowercase() } else { c }) => {
                token += 1;
                at += c.len_utf8();
            }
            _ => match retry.and_then(|(after_star, from)| Some((after_star, from + next(from)?.len_utf8()))) {
                Some(later) => {
                    retry = Some(later);
                    (token, at) = later;
                }
                None => return false,
            },
        }
    }
}

fn matches_one(token: &Token, character: char) -> bool {
    match token {
        Token::Character(expected) => *expected == character,
        Token::One => true,
        Token::Many => false,
        Token::Class { negated, ranges } => {
            ranges.iter().any(|(low, high)| (*low..=*high).contains(&character)) != *negated
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
            ("ä*?ü", "äxü", true),
            ("ä*?ü", "äü", false),
        ] {
            assert_eq!(Glob::new(pattern, false).is_match(text.as_bytes()), expected, "{pattern} {text}");
        }
        assert!(Glob::new("MY*", true).is_match(b"myexe"));
        assert!(Glob::new("my*[x]E", true).is_match(b"MYEXE"));
    }
}
