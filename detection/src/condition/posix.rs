//! Regular expressions as RE2 reads them in its POSIX mode, in the words of the `regex` crate.
//!
//! The two agree on what a pattern matches but not on how it is written: RE2 refuses Perl's additions in this mode, and
//! reads as plain characters what has a meaning here (`&&` in brackets, `\<`, a brace without numbers).
//! <https://github.com/google/re2/wiki/Syntax> has the grammar.

use std::iter::Peekable;
use std::str::Chars;

/// RE2 repeats a part at most so often.
const REPETITIONS_MAX: u32 = 1000;

/// Why RE2 refuses a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) message: String,
    /// How else it can be written.
    pub(super) hint: Option<&'static str>,
}

impl Refusal {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    fn hint(self, hint: &'static str) -> Self {
        Self { hint: Some(hint), ..self }
    }
}

/// The pattern in the words of the `regex` crate. Mistakes that both find are left to it.
pub(super) fn translate(pattern: &str) -> Result<String, Refusal> {
    let mut translation = Translation { rest: pattern.chars().peekable(), written: String::new() };
    let mut repeats = false;
    while let Some(next) = translation.rest.next() {
        repeats = translation.token(next, repeats)?;
    }
    Ok(translation.written)
}

struct Translation<'a> {
    rest: Peekable<Chars<'a>>,
    written: String,
}

impl Translation<'_> {
    /// Translates what begins with a character; whether it is a repetition.
    fn token(&mut self, next: char, after_repetition: bool) -> Result<bool, Refusal> {
        match next {
            '\\' => {
                let escaped = self.escape()?;
                self.literal(escaped);
            }
            '[' => self.class()?,
            '(' if self.rest.peek() == Some(&'?') => {
                let hint = "POSIX has only plain groups '(...)'; spell out both cases of a letter as '[aA]'";
                return Err(Refusal::new("'(?' is not POSIX syntax").hint(hint));
            }
            // Behind another repetition it makes that one optional; it does not make it lazy.
            '?' if after_repetition => {
                self.written.push_str("{0,1}");
                return Ok(true);
            }
            '*' | '+' | '?' => {
                self.written.push(next);
                return Ok(true);
            }
            '{' => return self.braces(),
            other => self.written.push(other),
        }
        Ok(false)
    }

    fn literal(&mut self, character: char) {
        match character.is_control() {
            true => self.written.push_str(&format!("\\x{{{:x}}}", u32::from(character))),
            false => self.written.push_str(&regex::escape(character.encode_utf8(&mut [0; 4]))),
        }
    }

    /// A repetition with numbers, or a brace that stands for itself.
    fn braces(&mut self) -> Result<bool, Refusal> {
        let inner: String = self.rest.clone().take_while(|c| c.is_ascii_digit() || *c == ',').collect();
        let closed = self.rest.clone().nth(inner.len()) == Some('}');
        let (low, high) = inner.split_once(',').unwrap_or((&inner, ""));
        if !closed || low.is_empty() || high.contains(',') {
            self.literal('{');
            return Ok(false);
        }
        for number in [low, high].into_iter().filter(|number| !number.is_empty()) {
            if number.parse::<u32>().ok().is_none_or(|number| number > REPETITIONS_MAX) {
                let message = format!("a repetition of more than {REPETITIONS_MAX} times");
                return Err(Refusal::new(message));
            }
        }
        self.written.push_str(&format!("{{{inner}}}"));
        self.rest.nth(inner.len());
        Ok(true)
    }

    /// The character that an escape stands for.
    fn escape(&mut self) -> Result<char, Refusal> {
        let Some(next) = self.rest.next() else { return Err(Refusal::new("a '\\' at the end")) };
        Ok(match next {
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'a' => '\u{7}',
            'f' => '\u{c}',
            'v' => '\u{b}',
            'x' => self.hexadecimal()?,
            '0'..='7' => self.octal(next)?,
            _ if next.is_ascii() && !next.is_ascii_alphanumeric() && next != '_' => next,
            _ => {
                let refusal = Refusal::new(format!("'\\{next}' is not POSIX syntax"));
                return Err(match instead_of(next) {
                    Some(hint) => refusal.hint(hint),
                    None => refusal,
                });
            }
        })
    }

    fn hexadecimal(&mut self) -> Result<char, Refusal> {
        let (digits, enough): (String, usize) = match self.rest.next_if_eq(&'{') {
            Some(_) => (self.rest.by_ref().take_while(|c| *c != '}').collect(), 1),
            None => (self.rest.by_ref().take(2).collect(), 2),
        };
        let is_number = digits.len() >= enough && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let number = u32::from_str_radix(&digits, 16).ok().filter(|_| is_number);
        number.and_then(char::from_u32).ok_or_else(|| Refusal::new(format!("'\\x{digits}' is not a character")))
    }

    /// Up to three octal digits. A single digit other than zero would name a group.
    fn octal(&mut self, first: char) -> Result<char, Refusal> {
        let digit = |c: &char| ('0'..='7').contains(c);
        let mut value = first.to_digit(8).unwrap_or_default();
        if first != '0' && !self.rest.peek().is_some_and(digit) {
            return Err(Refusal::new(format!("'\\{first}' refers to a group, which is not supported")));
        }
        for _ in 0..2 {
            let Some(next) = self.rest.next_if(digit) else { break };
            value = value * 8 + next.to_digit(8).unwrap_or_default();
        }
        char::from_u32(value).ok_or_else(|| Refusal::new("an octal escape that is no character"))
    }

    /// A bracket expression whose opening bracket was taken.
    fn class(&mut self) -> Result<(), Refusal> {
        let open = || Refusal::new("a '[' that is not closed");
        self.written.push('[');
        if self.rest.next_if_eq(&'^').is_some() {
            self.written.push('^');
        }
        let mut is_first = true;
        loop {
            let next = self.rest.next().ok_or_else(open)?;
            match next {
                ']' if !is_first => break,
                '-' if !is_first && self.rest.peek() != Some(&']') => {
                    let hint = "write a '-' that stands for itself first or last";
                    return Err(Refusal::new("a '-' in brackets that is no range").hint(hint));
                }
                '[' if self.named_class() => {}
                _ => self.member(next)?,
            }
            is_first = false;
        }
        self.written.push(']');
        Ok(())
    }

    /// `[:alpha:]`, whose first bracket was taken.
    fn named_class(&mut self) -> bool {
        let rest: String = self.rest.clone().collect();
        let Some(length) = rest.strip_prefix(':').and_then(|rest| rest.find(":]")) else { return false };
        let name: String = rest.chars().take(length + 3).collect();
        self.written.push('[');
        self.written.push_str(&name);
        self.rest.nth(name.chars().count() - 1);
        true
    }

    /// A character in brackets, or a range that it begins.
    fn member(&mut self, next: char) -> Result<(), Refusal> {
        let low = if next == '\\' { self.escape()? } else { next };
        self.literal(low);
        let mut ahead = self.rest.clone();
        if ahead.next() != Some('-') || ahead.next().is_none_or(|high| high == ']') {
            return Ok(());
        }
        self.rest.next();
        let high = self.rest.next().unwrap_or_default();
        let high = if high == '\\' { self.escape()? } else { high };
        self.written.push('-');
        self.literal(high);
        Ok(())
    }
}

/// What POSIX has instead of an escape of Perl's.
fn instead_of(escape: char) -> Option<&'static str> {
    Some(match escape {
        'd' => "write '[0-9]'",
        'D' => "write '[^0-9]'",
        'w' => "write '[0-9A-Za-z_]'",
        'W' => "write '[^0-9A-Za-z_]'",
        's' => "write '[[:space:]]'",
        'S' => "write '[^[:space:]]'",
        'b' | 'B' | 'A' | 'z' | 'Z' => "the whole text must match anyway; spell out what stands around",
        'p' | 'P' => "write a POSIX class like '[[:alpha:]]' or the range of characters",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, expected: &str) {
        assert_eq!(translate(pattern).as_deref(), Ok(expected), "{pattern}");
    }

    #[test]
    fn what_both_read_alike_stays_as_it_is() {
        for pattern in ["/home/.*/dev", "^a+b{2,3}$", "(a|b)*c?", "[[:alpha:]_][^0-9]", "a{2}", "a{2,}", "ä.*"] {
            check(pattern, pattern);
        }
    }

    #[test]
    fn what_perl_added_is_refused() {
        let hint = |pattern: &str| translate(pattern).unwrap_err().hint;
        assert_eq!(hint("\\d+"), Some("write '[0-9]'"));
        assert_eq!(hint("[\\w]"), Some("write '[0-9A-Za-z_]'"));
        for pattern in [
            "(?i)a",
            "(?:a)",
            "\\bx",
            "\\p{Greek}",
            "\\_",
            "\\1",
            "\\",
            "[a",
            "a{1001}",
            "[a-b-c]",
            "\\xzz",
            "\\x4",
            "\\x+4",
        ] {
            assert!(translate(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn what_has_a_meaning_only_here_stands_for_itself() {
        check("a{,2}", "a\\{,2}");
        check("a{x", "a\\{x");
        check("\\<b\\>", "<b>");
        check("[a&&b]", "[a\\&\\&b]");
        check("[[]", "[\\[]");
        check("[]a-]", "[\\]a\\-]");
        check("a+?", "a+{0,1}");
        check("\\x41\\x{e4}\\012\\.", "Aä\\x{a}\\.");
    }
}
