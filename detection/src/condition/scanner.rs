//! Tokens of a condition. The grammar decides which token may come next, so each is tried where it is expected.

use super::ParseError;
use super::ast::Offset;

/// A position in the text of a condition.
#[derive(Debug, Clone)]
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: Offset,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn offset(&self) -> Offset {
        self.at
    }

    pub(super) fn rewind(&mut self, to: Offset) {
        self.at = to;
    }

    pub(super) fn at_end(&self) -> bool {
        self.at == self.text.len()
    }

    pub(super) fn error(&self, message: impl Into<String>) -> ParseError {
        ParseError { offset: self.at, message: message.into() }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Skips blanks and says whether there was one.
    pub(super) fn blank(&mut self) -> bool {
        self.take_while(is_blank).is_some()
    }

    /// Takes exactly this text.
    pub(super) fn token(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    /// Looks at the next character.
    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Takes a macro name.
    pub(super) fn identifier(&mut self) -> Option<&'a str> {
        let length = identifier_length(self.rest())?;
        Some(self.advance(length))
    }

    /// Takes a field name: at least two identifiers with dots between them.
    pub(super) fn field_name(&mut self) -> Option<&'a str> {
        let rest = self.rest();
        let mut length = identifier_length(rest)?;
        let mut dots = 0;
        // The parts behind the first dot may begin with a digit or an underscore (`container.image.x_1`).
        while let Some(part) = rest[length..].strip_prefix('.').map(part_length).filter(|part| *part > 0) {
            length += 1 + part;
            dots += 1;
        }
        (dots > 0).then(|| self.advance(length))
    }

    /// Takes a number that is followed by a blank, a closing parenthesis or the end.
    pub(super) fn number(&mut self) -> Option<&'a str> {
        let length = number_length(self.rest())?;
        let next = self.rest()[length..].chars().next();
        next.is_none_or(|next| is_blank(next) || next == ')').then(|| self.advance(length))
    }

    /// Takes a number that may be followed by anything.
    pub(super) fn number_prefix(&mut self) -> Option<&'a str> {
        let length = number_length(self.rest())?;
        Some(self.advance(length))
    }

    /// Takes a quoted string and returns what it says; `None` when no string begins here.
    pub(super) fn quoted(&mut self) -> Result<Option<Vec<u8>>, ParseError> {
        let Some(quote) = self.peek().filter(|quote| matches!(quote, '"' | '\'')) else {
            return Ok(None);
        };
        let inner = &self.rest()[1..];
        let close = inner.char_indices().find(|(at, next)| *next == quote && !inner[..*at].ends_with('\\'));
        let Some((length, _)) = close else {
            return Err(self.error(format!("expected a closing {quote}")));
        };
        let bytes = unescape(&inner[..length], quote).map_err(|message| self.error(message))?;
        self.advance(length + 2);
        Ok(Some(bytes))
    }

    /// Takes a string without quotes.
    pub(super) fn bare(&mut self) -> Option<&'a str> {
        self.take_while(|c| !is_blank(c) && !matches!(c, '(' | ')' | ',' | '=' | '"' | '\''))
    }

    /// Takes the text of a bracketed argument without quotes.
    pub(super) fn bare_argument(&mut self) -> Option<&'a str> {
        self.take_while(|c| !is_blank(c) && !matches!(c, '[' | ']' | '"' | '\''))
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> Option<&'a str> {
        let rest = self.rest();
        let length = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        (length > 0).then(|| self.advance(length))
    }

    fn advance(&mut self, length: usize) -> &'a str {
        let taken = &self.text[self.at..self.at + length];
        self.at += length;
        taken
    }
}

pub(super) fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\u{8}' | '\t' | '\n' | '\r')
}

fn identifier_length(text: &str) -> Option<usize> {
    text.starts_with(|c: char| c.is_ascii_alphabetic()).then(|| part_length(text))
}

fn part_length(text: &str) -> usize {
    text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len())
}

fn number_length(text: &str) -> Option<usize> {
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        let length = digits.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(digits.len());
        return (length > 0).then_some(length + 2);
    }
    let sign = usize::from(text.starts_with(['+', '-']));
    let digits = |from: usize| text[from..].bytes().take_while(u8::is_ascii_digit).count();
    let whole = digits(sign);
    if whole == 0 {
        return None;
    }
    let mut length = sign + whole;
    if text[length..].starts_with('.') {
        length += 1;
        length += digits(length);
    }
    let exponent = text[length..].starts_with(['e', 'E']) && text[length + 1..].starts_with(['+', '-']);
    if exponent && digits(length + 2) > 0 {
        length += 2 + digits(length + 2);
    }
    Some(length)
}

/// Resolves the escapes of a quoted string.
fn unescape(text: &str, quote: char) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(next) = characters.next() {
        if next != '\\' {
            bytes.extend_from_slice(next.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        bytes.push(match characters.next() {
            Some('b') => 0x8,
            Some('f') => 0xc,
            Some('n') => b'\n',
            Some('r') => b'\r',
            Some('t') => b'\t',
            Some('\\') | Some(' ') => b'\\',
            Some('/') => b'/',
            Some(escaped) if escaped == quote => u8::try_from(escaped).unwrap_or(b'?'),
            Some('x') => hexadecimal(&mut characters)?,
            Some(other) => return Err(format!("invalid escape sequence '\\{other}' in string")),
            None => return Err("invalid escape sequence at the end of a string".to_owned()),
        });
    }
    Ok(bytes)
}

fn hexadecimal(characters: &mut std::str::Chars<'_>) -> Result<u8, String> {
    let mut digit = || characters.next().and_then(|c| c.to_digit(16));
    match (digit(), digit()) {
        (Some(high), Some(low)) => Ok(u8::try_from(high * 16 + low).expect("two hexadecimal digits fit a byte")),
        _ => Err("invalid escape sequence: '\\x' needs two hexadecimal digits".to_owned()),
    }
}
