//! `pmatch`: is one of the listed paths the file or above it?

use std::borrow::Cow;

use rustc_hash::FxHashMap;

use super::glob::Glob;

/// A set of paths as a tree of their components, which may be patterns: looking a path up costs what the path is long,
/// however many are listed.
#[derive(Debug, Clone)]
pub(super) struct PrefixSet {
    /// The first is the root.
    nodes: Vec<Node>,
}

/// A directory of a listed path.
#[derive(Debug, Clone, Default)]
struct Node {
    /// A listed path ends here: all below it matches.
    is_end: bool,
    exact: FxHashMap<Box<[u8]>, usize>,
    /// Component patterns, as they are written and ready to run; several may match one component.
    patterns: Vec<(Box<str>, Glob, usize)>,
}

impl PrefixSet {
    pub(super) fn new<'a>(paths: impl IntoIterator<Item = Cow<'a, str>>) -> Self {
        let mut set = Self { nodes: vec![Node::default()] };
        paths.into_iter().for_each(|path| set.add(&path));
        set
    }

    pub(super) fn is_match(&self, path: &[u8]) -> bool {
        self.matches_below(0, path)
    }

    /// What the paths that match begin with: of each listed path the components before the first pattern.
    pub(super) fn literal_beginnings(&self) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        self.visit_beginnings(0, &[], &mut found);
        found
    }

    fn add(&mut self, path: &str) {
        let mut at = 0;
        for component in path.split('/').filter(|component| !component.is_empty()) {
            at = self.child(at, component);
        }
        self.nodes[at].is_end = true;
    }

    fn child(&mut self, parent: usize, component: &str) -> usize {
        let new = self.nodes.len();
        let node = &mut self.nodes[parent];
        let child = if Glob::has_wildcards(component) {
            match node.patterns.iter().find(|(text, ..)| **text == *component) {
                Some((_, _, known)) => *known,
                None => {
                    node.patterns.push((component.into(), Glob::new(component, false), new));
                    new
                }
            }
        } else {
            *node.exact.entry(component.as_bytes().into()).or_insert(new)
        };
        if child == new {
            self.nodes.push(Node::default());
        }
        child
    }

    fn matches_below(&self, at: usize, path: &[u8]) -> bool {
        let node = &self.nodes[at];
        if node.is_end {
            return true;
        }
        let Some((component, rest)) = first_component(path) else { return false };
        node.exact.get(component).is_some_and(|child| self.matches_below(*child, rest))
            || node.patterns.iter().any(|(_, glob, child)| glob.is_match(component) && self.matches_below(*child, rest))
    }

    fn visit_beginnings(&self, at: usize, beginning: &[u8], found: &mut Vec<Vec<u8>>) {
        let node = &self.nodes[at];
        if node.is_end || !node.patterns.is_empty() {
            found.push(beginning.to_vec());
            return;
        }
        for (component, child) in &node.exact {
            self.visit_beginnings(*child, &[beginning, b"/", component].concat(), found);
        }
    }
}

/// The first component that is not empty, and what follows it.
fn first_component(path: &[u8]) -> Option<(&[u8], &[u8])> {
    let start = path.iter().position(|byte| *byte != b'/')?;
    let path = &path[start..];
    let end = memchr::memchr(b'/', path).unwrap_or(path.len());
    Some(path.split_at(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(paths: &[&'static str]) -> PrefixSet {
        PrefixSet::new(paths.iter().map(|path| (*path).into()))
    }

    #[test]
    fn paths_match_by_whole_components() {
        let system = set(&["/var/run", "/etc/", "/lib", "/usr/local"]);
        for path in ["/var/run/docker", "/var/run", "/etc/passwd", "/usr/local/lib64"] {
            assert!(system.is_match(path.as_bytes()), "{path}");
        }
        for path in ["/boot", "/var/running", "/var", "/usr", "/library"] {
            assert!(!system.is_match(path.as_bytes()), "{path}");
        }
        let patterns = set(&["/opt/*/subdir", "/opt3/*/subdir2/*"]);
        assert!(patterns.is_match(b"/opt/dir/subdir/file.txt"));
        assert!(patterns.is_match(b"/opt3/dir/subdir2/file.txt"));
        assert!(!patterns.is_match(b"/opt3/dir/subdir2"));
        assert!(set(&["/"]).is_match(b"/anything"));
    }

    #[test]
    fn every_way_down_is_tried() {
        let siblings = set(&["/a*/x", "/*b/y", "/ab/z", "/[a]b/w"]);
        for path in ["/ab/x", "/ab/y", "/ab/z", "/ab/w/below", "//ab//z"] {
            assert!(siblings.is_match(path.as_bytes()), "{path}");
        }
        assert!(!siblings.is_match(b"/ab/v") && !siblings.is_match(b"/ab"));
        assert!(!set(&[]).is_match(b"/a") && !set(&["/a"]).is_match(b""));
    }

    #[test]
    fn beginnings_stop_before_patterns() {
        let mut found = set(&["/etc/ssl", "/home/*/.ssh", "/etc"]).literal_beginnings();
        found.sort();
        assert_eq!(found, [b"/etc".to_vec(), b"/home".to_vec()]);
        assert_eq!(set(&["/a", "/*/b"]).literal_beginnings(), [b"".to_vec()]);
    }
}
