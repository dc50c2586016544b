//! `pmatch`: is one of the listed paths the file or above it?

use super::glob::Glob;

/// A set of paths, each a list of components that may be patterns.
#[derive(Debug, Clone)]
pub(super) struct PrefixSet(Vec<Vec<Component>>);

#[derive(Debug, Clone)]
enum Component {
    Exact(Vec<u8>),
    Pattern(Glob),
}

impl PrefixSet {
    pub(super) fn new<'a>(paths: impl IntoIterator<Item = std::borrow::Cow<'a, str>>) -> Self {
        Self(
            paths
                .into_iter()
                .map(|path| path.split('/').filter(|part| !part.is_empty()).map(component).collect())
                .collect(),
        )
    }

    pub(super) fn is_match(&self, path: &[u8]) -> bool {
        self.0.iter().any(|prefix| {
            let mut parts = path.split(|byte| *byte == b'/').filter(|part| !part.is_empty());
            prefix.iter().all(|component| parts.next().is_some_and(|part| component.is_match(part)))
        })
    }
}

impl Component {
    fn is_match(&self, part: &[u8]) -> bool {
        match self {
            Self::Exact(text) => text == part,
            Self::Pattern(glob) => glob.is_match(part),
        }
    }
}

fn component(text: &str) -> Component {
    match Glob::has_wildcards(text) {
        true => Component::Pattern(Glob::new(text, false)),
        false => Component::Exact(text.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_match_by_whole_components() {
        let set = |paths: &[&'static str]| PrefixSet::new(paths.iter().map(|path| (*path).into()));
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
}
