//! Texts that are put together from several places of several files, and the way back from an offset to the place.

use std::sync::Arc;

use super::report::{Position, floor_boundary, snippet};
use super::yaml::Node;

/// A loaded file.
#[derive(Debug)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) text: String,
    /// Its place among the files.
    pub(super) number: usize,
    /// Where each line begins: counting them anew for each of thousands of rules would take longer than all else.
    lines: Vec<usize>,
}

impl File {
    pub(super) fn new(name: &str, text: &str, number: usize) -> Self {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { name: name.to_owned(), text: text.to_owned(), number, lines }
    }

    /// Line and column of an offset.
    pub(super) fn position(&self, offset: usize) -> Position {
        let end = floor_boundary(&self.text, offset);
        let line = self.lines.partition_point(|start| *start <= end);
        let column = self.text[self.lines[line - 1]..end].chars().count() + 1;
        Position { file: self.name.clone(), line, column, offset }
    }

    /// The line of an offset with a caret below it.
    pub(super) fn snippet(&self, offset: usize) -> String {
        snippet(&self.text, offset)
    }
}

/// A scalar of a file.
#[derive(Debug, Clone)]
pub(super) struct Scalar {
    pub(super) file: Arc<File>,
    offset: usize,
    length: usize,
    value: Arc<str>,
}

impl Scalar {
    pub(super) fn new(file: &Arc<File>, node: &Node) -> Self {
        let value = node.scalar().unwrap_or_default().into();
        Self { file: file.clone(), offset: node.offset, length: node.length, value }
    }

    /// Its text.
    pub(super) fn value(&self) -> &str {
        &self.value
    }

    /// Where it is.
    pub(super) fn position(&self) -> Position {
        self.file.position(self.offset)
    }

    /// Byte offset in the file of a byte offset in the value. Quotes, folding and indentation change only what is blank
    /// between the characters, so the n-th character that is not blank is the same one in both, once an escape counts
    /// as what it stands for.
    fn file_offset(&self, value_offset: usize) -> usize {
        let written = self.file.text.get(self.offset..self.offset + self.length).unwrap_or_default();
        let before = self.value.get(..value_offset).unwrap_or(&self.value);
        let wanted = before.chars().filter(|c| !c.is_whitespace()).count();
        let body = body_start(written);
        let quote = written.chars().next().filter(|first| matches!(first, '"' | '\''));
        let mut characters = Characters { rest: &written[body..], at: body, quote };
        characters.nth(wanted).map_or(self.offset, |at| self.offset + at)
    }
}

/// Where the characters of a scalar that are not blank are written.
struct Characters<'a> {
    rest: &'a str,
    at: usize,
    quote: Option<char>,
}

impl Iterator for Characters<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        loop {
            let first = self.rest.chars().next()?;
            let (length, blank) = match (first, self.quote) {
                ('\\', Some('"')) => escape(self.rest),
                ('\'', Some('\'')) if self.rest.starts_with("\'\'") => (2, false),
                _ => (first.len_utf8(), first.is_whitespace()),
            };
            let at = self.at;
            let length = length.min(self.rest.len());
            self.rest = self.rest.get(length..).unwrap_or_default();
            self.at += length;
            if !blank {
                return Some(at);
            }
        }
    }
}

/// How long an escape of a double-quoted scalar is, and whether it stands for a blank or for nothing.
fn escape(text: &str) -> (usize, bool) {
    let Some(kind) = text[1..].chars().next() else { return (1, false) };
    match kind {
        'x' => (4, false),
        'u' => (6, false),
        'U' => (10, false),
        _ => (
            1 + kind.len_utf8(),
            matches!(kind, 't' | 'n' | 'v' | 'f' | 'r' | ' ' | '_' | 'N' | 'L' | 'P' | '\n' | '\t'),
        ),
    }
}

/// Where the text of a scalar begins: behind its quote, or below the header of a block.
fn body_start(written: &str) -> usize {
    match written.chars().next() {
        Some('"' | '\'') => 1,
        Some('>' | '|') => written.find('\n').map_or(0, |newline| newline + 1),
        _ => 0,
    }
}

/// A text whose parts come from scalars.
#[derive(Debug, Clone, Default)]
pub(super) struct SourceText {
    text: String,
    pieces: Vec<Piece>,
}

/// From `start` on the text comes from this place.
#[derive(Debug, Clone)]
struct Piece {
    start: usize,
    scalar: Scalar,
    value_offset: usize,
    /// The text stands for something else (the items of a list): all of it has the same place.
    fixed: bool,
}

impl SourceText {
    /// The whole value of a scalar, without blanks around it.
    pub(super) fn new(scalar: Scalar) -> Self {
        let value = scalar.value.clone();
        let text = value.trim().to_owned();
        let value_offset = value.len() - value.trim_start().len();
        Self { text, pieces: vec![Piece { start: 0, scalar, value_offset, fixed: false }] }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Adds a text behind it, with a blank between them.
    pub(super) fn append(&mut self, other: &Self) {
        self.text.push(' ');
        let shift = self.text.len();
        self.text.push_str(&other.text);
        self.pieces.extend(other.pieces.iter().map(|piece| Piece { start: piece.start + shift, ..piece.clone() }));
    }

    /// Adds a text that stands for `scalar`.
    pub(super) fn push(&mut self, text: &str, scalar: &Scalar) {
        self.pieces.push(Piece { start: self.text.len(), scalar: scalar.clone(), value_offset: 0, fixed: true });
        self.text.push_str(text);
    }

    /// Encloses it in parentheses.
    pub(super) fn parenthesise(&mut self) {
        self.text = format!("({})", self.text);
        self.pieces.iter_mut().for_each(|piece| piece.start += 1);
    }

    /// Replaces ranges, which must be in order and apart, by texts.
    pub(super) fn replace(&self, ranges: &[std::ops::Range<usize>], by: &str) -> Self {
        let mut result = Self::default();
        let mut from = 0;
        for range in ranges {
            result.copy(self, from..range.start);
            let piece = self.piece(range.start);
            let value_offset = piece.value_offset_at(range.start);
            result.pieces.push(Piece { start: result.text.len(), value_offset, fixed: true, ..piece.clone() });
            result.text.push_str(by);
            from = range.end;
        }
        result.copy(self, from..self.text.len());
        result
    }

    /// Place in its file of an offset in the text.
    pub(super) fn place(&self, offset: usize) -> (Arc<File>, usize) {
        let piece = self.piece(offset);
        (piece.scalar.file.clone(), piece.scalar.file_offset(piece.value_offset_at(offset)))
    }

    fn copy(&mut self, other: &Self, range: std::ops::Range<usize>) {
        if range.is_empty() {
            return;
        }
        let shift = |start: usize| self.text.len() + start.max(range.start) - range.start;
        let first = other.pieces.partition_point(|piece| piece.start <= range.start).saturating_sub(1);
        let copied: Vec<Piece> = other.pieces[first..]
            .iter()
            .take_while(|piece| piece.start < range.end)
            .map(|piece| {
                let value_offset = piece.value_offset_at(piece.start.max(range.start));
                Piece { start: shift(piece.start), value_offset, ..piece.clone() }
            })
            .collect();
        self.pieces.extend(copied);
        self.text.push_str(&other.text[range]);
    }

    fn piece(&self, offset: usize) -> &Piece {
        let index = self.pieces.partition_point(|piece| piece.start <= offset).saturating_sub(1);
        &self.pieces[index]
    }
}

impl Piece {
    fn value_offset_at(&self, offset: usize) -> usize {
        if self.fixed { self.value_offset } else { self.value_offset + offset.saturating_sub(self.start) }
    }
}
