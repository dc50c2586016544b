//! Texts that a path may be, begin with, end with or contain.

use crate::event::Text;

/// Texts of one set at most, what one map of a kernel program is made for. A set that needs more is left out of its
/// filter, which lets more pass.
const TEXTS_MAX: usize = 1_024;

/// Endings and parts of one set at most: each costs a look at the path of its own.
const SCANS_MAX: usize = 64;

/// Patterns of which one is enough. None of them is covered by another; each list is sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PathPatterns {
    exact: Vec<Text>,
    prefixes: Vec<Text>,
    suffixes: Vec<Text>,
    parts: Vec<Text>,
    top_level: bool,
}

impl PathPatterns {
    /// The path is one of these.
    pub(crate) fn exact(texts: impl IntoIterator<Item = Text>) -> Self {
        Self { exact: texts.into_iter().collect(), ..Self::default() }.reduced()
    }

    /// The path begins with one of these.
    pub(crate) fn prefixes(texts: impl IntoIterator<Item = Text>) -> Self {
        Self { prefixes: texts.into_iter().collect(), ..Self::default() }.reduced()
    }

    /// The path ends with one of these.
    pub(crate) fn suffixes(texts: impl IntoIterator<Item = Text>) -> Self {
        Self { suffixes: texts.into_iter().collect(), ..Self::default() }.reduced()
    }

    /// The path contains the text.
    pub(crate) fn part(text: Text) -> Self {
        Self { parts: vec![text], ..Self::default() }
    }

    /// The path has no slash but the first: a file of the root directory, or that directory.
    pub(crate) fn top_level() -> Self {
        Self { top_level: true, ..Self::default() }
    }

    /// Texts that the path may be.
    pub fn exact_texts(&self) -> &[Text] {
        &self.exact
    }

    /// Texts that it may begin with, of which none begins with another.
    pub fn beginnings(&self) -> &[Text] {
        &self.prefixes
    }

    /// Texts that it may end with.
    pub fn endings(&self) -> &[Text] {
        &self.suffixes
    }

    /// Texts that it may contain.
    pub fn contained(&self) -> &[Text] {
        &self.parts
    }

    /// Whether it may be a file of the root directory, or that directory.
    pub fn has_top_level(&self) -> bool {
        self.top_level
    }

    /// Whether the path satisfies one of them.
    pub fn is_match(&self, path: &str) -> bool {
        self.exact.binary_search_by(|text| (**text).cmp(path)).is_ok()
            || self.begins(path)
            || self.suffixes.iter().any(|text| path.ends_with(&**text))
            || self.contains(path)
            || self.top_level && path.strip_prefix('/').is_some_and(|rest| !rest.contains('/'))
    }

    /// What satisfies either; `None` when that would be too many texts.
    pub(crate) fn union(&self, other: &Self) -> Option<Self> {
        let both = |left: &[Text], right: &[Text]| left.iter().chain(right).cloned().collect();
        let union = Self {
            exact: both(&self.exact, &other.exact),
            prefixes: both(&self.prefixes, &other.prefixes),
            suffixes: both(&self.suffixes, &other.suffixes),
            parts: both(&self.parts, &other.parts),
            top_level: self.top_level || other.top_level,
        }
        .reduced();
        union.is_small().then_some(union)
    }

    /// Whether it keeps the bounds.
    pub(crate) fn is_small(&self) -> bool {
        self.exact.len() + self.prefixes.len() <= TEXTS_MAX && self.suffixes.len() + self.parts.len() <= SCANS_MAX
    }

    /// Whether every path that satisfies this one satisfies the other one, as far as each text shows it.
    pub(crate) fn implies(&self, other: &Self) -> bool {
        self.exact.iter().all(|text| other.is_match(text))
            && self.prefixes.iter().all(|text| other.begins(text) || other.contains(text))
            && self
                .suffixes
                .iter()
                .all(|text| other.suffixes.iter().any(|ending| text.ends_with(&**ending)) || other.contains(text))
            && self.parts.iter().all(|text| other.contains(text))
            && (!self.top_level || other.top_level)
    }

    fn begins(&self, path: &str) -> bool {
        // The only one that can begin it is the last that is not behind it, since none begins with another.
        let behind = self.prefixes.partition_point(|text| **text <= *path);
        behind > 0 && path.starts_with(&*self.prefixes[behind - 1])
    }

    fn contains(&self, path: &str) -> bool {
        self.parts.iter().any(|text| path.contains(&**text))
    }

    /// Sorts, and leaves out what is covered.
    fn reduced(mut self) -> Self {
        for list in [&mut self.exact, &mut self.prefixes, &mut self.suffixes, &mut self.parts] {
            list.sort_unstable();
            list.dedup();
        }
        // What begins with a text follows it in this order.
        self.prefixes.dedup_by(|later, earlier| later.starts_with(&**earlier));
        let exact = std::mem::take(&mut self.exact);
        self.exact = exact.into_iter().filter(|text| !self.is_match(text)).collect();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&'static str]) -> Vec<Text> {
        texts.iter().map(|text| Text::from(*text)).collect()
    }

    #[test]
    fn what_a_wider_text_covers_is_left_out() {
        let shallow = PathPatterns::prefixes(texts(&["/etc/ssl", "/etc", "/usr/lib", "/etc0"]));
        assert_eq!(shallow.beginnings(), texts(&["/etc", "/usr/lib"]));
        let both = shallow.union(&PathPatterns::exact(texts(&["/etc/shadow", "/tmp/x"]))).unwrap();
        assert_eq!(both.exact_texts(), texts(&["/tmp/x"]));
        for (path, expected) in
            [("/etc/a", true), ("/tmp/x", true), ("/tmp/xy", false), ("/usr/li", false), ("", false)]
        {
            assert_eq!(both.is_match(path), expected, "{path}");
        }
        assert!(shallow.implies(&both) && !both.implies(&shallow));
    }

    #[test]
    fn sets_that_grow_beyond_a_map_are_refused() {
        let many = |from: usize| PathPatterns::exact((from..from + 600).map(|at| Text::from(format!("/f{at}"))));
        assert!(many(0).union(&many(0)).is_some());
        assert!(many(0).union(&many(600)).is_none());
    }

    #[test]
    fn the_top_level_has_one_slash() {
        let root = PathPatterns::top_level();
        assert!(root.is_match("/x") && root.is_match("/") && !root.is_match("/x/y") && !root.is_match("x"));
    }
}
