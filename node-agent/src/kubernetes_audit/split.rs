//! Lines to JSON documents, each of which takes one line or several.

/// Cuts a stream of lines where a document ends: behind a line in which every bracket is closed.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    text: Vec<u8>,
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Splitter {
    /// Takes a line; returns the document that it completes.
    pub(super) fn push(&mut self, line: &[u8]) -> Option<Vec<u8>> {
        self.text.extend_from_slice(line);
        line.iter().for_each(|byte| self.note(*byte));
        // A text that never closes its brackets is no document: give up on it before it takes all memory.
        let complete = self.depth == 0 && !self.in_string || self.text.len() > super::BODY_BYTES_MAX;
        if complete { self.finish() } else { None }
    }

    /// What is left, complete or not.
    pub(super) fn finish(&mut self) -> Option<Vec<u8>> {
        let Self { text, .. } = std::mem::take(self);
        Some(text).filter(|text| !text.trim_ascii().is_empty())
    }

    fn note(&mut self, byte: u8) {
        match (self.in_string, self.escaped, byte) {
            (true, true, _) => self.escaped = false,
            (true, false, b'\\') => self.escaped = true,
            (_, _, b'"') => self.in_string = !self.in_string,
            (false, _, b'{' | b'[') => self.depth += 1,
            (false, _, b'}' | b']') => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }
}
