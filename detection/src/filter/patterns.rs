//! Texts that a path may be, begin with, end with or contain.

use crate::event::Text;

/// What a path is compared with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum PathPattern {
    /// It is this text.
    Exact(Text),
    /// It begins with this text.
    Prefix(Text),
    /// It ends with this text.
    Suffix(Text),
    /// It contains this text.
    Within(Text),
    /// It has no slash but the first: a file of the root directory, or that directory.
    TopLevel,
}

impl PathPattern {
    /// Whether the path satisfies it.
    pub fn is_match(&self, path: &str) -> bool {
        match self {
            Self::Exact(text) => path == &**text,
            Self::Prefix(text) => path.starts_with(&**text),
            Self::Suffix(text) => path.ends_with(&**text),
            Self::Within(text) => path.contains(&**text),
            Self::TopLevel => path.strip_prefix('/').is_some_and(|rest| !rest.contains('/')),
        }
    }

    /// Whether every path that satisfies this one satisfies the other one.
    fn implies(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Exact(path), other) => other.is_match(path),
            (Self::Prefix(text), Self::Prefix(other)) => text.starts_with(&**other),
            (Self::Suffix(text), Self::Suffix(other)) => text.ends_with(&**other),
            (Self::Prefix(text) | Self::Suffix(text) | Self::Within(text), Self::Within(other)) => {
                text.contains(&**other)
            }
            (Self::TopLevel, Self::Prefix(other)) => "/".starts_with(&**other),
            (Self::TopLevel, Self::Within(other)) => "/".contains(&**other),
            (
                Self::Prefix(_) | Self::Suffix(_) | Self::Within(_) | Self::TopLevel,
                Self::Exact(_) | Self::Prefix(_) | Self::Suffix(_) | Self::TopLevel,
            ) => false,
        }
    }
}

/// Patterns of which one is enough, sorted, none of them covered by another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPatterns(Vec<PathPattern>);

impl PathPatterns {
    pub(crate) fn new(patterns: impl IntoIterator<Item = PathPattern>) -> Self {
        let mut all: Vec<PathPattern> = patterns.into_iter().collect();
        all.sort_unstable();
        all.dedup();
        let covered = |at: &usize| {
            let others = all.iter().enumerate().filter(|(other, _)| other != at);
            others.into_iter().any(|(_, other)| all[*at].implies(other))
        };
        let kept = (0..all.len()).filter(|at| !covered(at)).map(|at| all[at].clone()).collect();
        Self(kept)
    }

    /// The patterns.
    pub fn patterns(&self) -> &[PathPattern] {
        &self.0
    }

    /// Whether the path satisfies one of them.
    pub fn is_match(&self, path: &str) -> bool {
        self.0.iter().any(|pattern| pattern.is_match(path))
    }

    pub(crate) fn union(&self, other: &Self) -> Self {
        Self::new(self.0.iter().chain(&other.0).cloned())
    }

    pub(crate) fn implies(&self, other: &Self) -> bool {
        self.0.iter().all(|pattern| other.0.iter().any(|wider| pattern.implies(wider)))
    }
}
