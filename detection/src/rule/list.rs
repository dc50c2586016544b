//! Lists are put into conditions as text.

use std::ops::Range;

use super::source::SourceText;

/// Replaces every place where `name` stands alone by the items. An empty list takes a neighbouring comma with it.
/// `None` when the name does not occur.
pub(super) fn substitute(text: &SourceText, name: &str, items: &[String]) -> Option<SourceText> {
    let mut ranges = occurrences(text.text(), name);
    if ranges.is_empty() {
        return None;
    }
    if items.is_empty() {
        ranges.iter_mut().for_each(|range| *range = with_comma(text.text(), range.clone()));
    }
    let quoted: Vec<String> = items.iter().map(|item| quote(item)).collect();
    Some(text.replace(&ranges, &quoted.join(", ")))
}

/// An item with a blank is quoted unless it brings its own quotes.
pub(super) fn quote(item: &str) -> String {
    match item.contains(' ') && !item.starts_with(['"', '\'']) {
        true => format!("\"{item}\""),
        false => item.to_owned(),
    }
}

fn occurrences(text: &str, name: &str) -> Vec<Range<usize>> {
    let alone = |start: usize| {
        let before = text[..start].chars().next_back().is_none_or(is_delimiter);
        before && text[start + name.len()..].chars().next().is_none_or(is_delimiter)
    };
    let starts = memchr::memmem::find_iter(text.as_bytes(), name.as_bytes()).filter(|start| alone(*start));
    starts.map(|start| start..start + name.len()).collect()
}

fn is_delimiter(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '(' | ')' | ',' | '=')
}

fn with_comma(text: &str, range: Range<usize>) -> Range<usize> {
    let before = text[..range.start].trim_end();
    let after = &text[range.end..];
    if before.ends_with(',') {
        return before.len() - 1..range.end;
    }
    match after.trim_start().strip_prefix(',') {
        Some(rest) => range.start..text.len() - rest.len(),
        None => range,
    }
}
