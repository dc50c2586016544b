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
    Prefix(Vec<u8>),
    Suffix(Vec<u8>),
    Within(Box<memchr::memmem::Finder<'static>>),
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
        Self { shape: shape(tokens(&pattern)), fold_case }
    }

    /// Whether the pattern has anything that matches more than itself.
    pub(super) fn has_wildcards(pattern: &str) -> bool {
        pattern.contains(['*', '?', '['])
    }

    pub(super) fn is_match(&self, text: &[u8]) -> bool {
        if self.fold_case {
            return self.matches(&text.to_ascii_lowercase());
        }
        self.matches(text)
    }

    fn matches(&self, text: &[u8]) -> bool {
        match &self.shape {
            Shape::Exact(bytes) => text == bytes,
            Shape::Prefix(bytes) => text.starts_with(bytes),
            Shape::Suffix(bytes) => text.ends_with(bytes),
            Shape::Within(finder) => finder.find(text).is_some(),
            Shape::General(tokens) => general(tokens, &String::from_utf8_lossy(text)),
        }
    }
}

fn shape(tokens: Vec<Token>) -> Shape {
    let literal = |tokens: &[Token]| -> Option<Vec<u8>> {
        let text = tokens.iter().map(|token| if let Token::Character(c) = token { Some(*c) } else { None });
        text.collect::<Option<String>>().map(String::into_bytes)
    };
    let simple = match tokens.as_slice() {
        [Token::Many, inner @ .., Token::Many] => {
            literal(inner).map(|text| Shape::Within(Box::new(memchr::memmem::Finder::new(&text).into_owned())))
        }
        [Token::Many, inner @ ..] => literal(inner).map(Shape::Suffix),
        [inner @ .., Token::Many] => literal(inner).map(Shape::Prefix),
        inner => literal(inner).map(Shape::Exact),
    };
    simple.unwrap_or(Shape::General(tokens))
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
fn general(tokens: &[Token], text: &str) -> bool {
    let characters: Vec<char> = text.chars().collect();
    let (mut token, mut at) = (0, 0);
    let mut retry = None;
    loop {
        match (tokens.get(token), characters.get(at)) {
            (None, None) => return true,
            (Some(Token::Many), _) => {
                retry = Some((token + 1, at));
                token += 1;
            }
            (Some(single), Some(character)) if matches_one(single, *character) => {
                token += 1;
                at += 1;
            }
            _ => match retry {
                Some((after_star, from)) if from < characters.len() => {
                    retry = Some((after_star, from + 1));
                    (token, at) = (after_star, from + 1);
                }
                _ => return false,
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
        ] {
            assert_eq!(Glob::new(pattern, false).is_match(text.as_bytes()), expected, "{pattern} {text}");
        }
        assert!(Glob::new("MY*", true).is_match(b"myexe"));
    }
}
