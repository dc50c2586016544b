//! Paths as text, the way Falco names files: absolute, `.` and `..` resolved without asking the file system.

use std::borrow::Cow;

/// The directory of a relative path is not known.
const UNKNOWN_DIRECTORY: &str = "<UNKNOWN>";

/// Makes `path` absolute from `directory` and cleans it; an empty directory stands for one that is not known.
pub(super) fn absolute(directory: &str, path: &str) -> String {
    if path.starts_with('/') {
        return clean(path);
    }
    if directory.is_empty() || !directory.starts_with('/') {
        return format!("{UNKNOWN_DIRECTORY}/{path}");
    }
    if path.is_empty() { clean(directory) } else { clean(&format!("{directory}/{path}")) }
}

/// Whether the path is absolute and there is nothing to clean; most paths that programs give are so.
pub(super) fn is_clean(path: &str) -> bool {
    path.starts_with('/') && (path.len() == 1 || !path.ends_with('/')) && !path.contains("//") && !path.contains("/.")
}

/// Resolves `.`, `..` and empty components of an absolute path.
fn clean(path: &str) -> String {
    let mut cleaned = String::with_capacity(path.len());
    for component in path.split('/') {
        match component {
            "" | "." => {}
            ".." => cleaned.truncate(cleaned.rfind('/').unwrap_or(0)),
            name => {
                cleaned.push('/');
                cleaned.push_str(name);
            }
        }
    }
    if cleaned.is_empty() {
        cleaned.push('/');
    }
    cleaned
}

/// Removes repeated slashes and nothing else (`fd.nameraw`).
pub(super) fn without_repeated_slashes(path: &str) -> Cow<'_, str> {
    if !path.contains("//") {
        return Cow::Borrowed(path);
    }
    let mut single = String::with_capacity(path.len());
    for character in path.chars() {
        if character != '/' || !single.ends_with('/') {
            single.push(character);
        }
    }
    Cow::Owned(single)
}

/// A directory with the trailing slash that Falco prints (`proc.cwd`); empty stays empty.
pub(super) fn with_trailing_slash(directory: &str) -> String {
    match directory {
        "" => String::new(),
        ended if ended.ends_with('/') => ended.to_owned(),
        open => format!("{open}/"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_absolute_and_clean() {
        for (directory, given, expected) in [
            ("/root", "/etc/shadow", "/etc/shadow"),
            ("/root", "/tmp/../etc/shadow", "/etc/shadow"),
            ("/tmp/x", "../../etc/passwd", "/etc/passwd"),
            ("/tmp/x", "../../../../etc/passwd", "/etc/passwd"),
            ("/tmp/x/", "./a//b/.", "/tmp/x/a/b"),
            ("/", "a", "/a"),
            ("/", "", "/"),
            ("/tmp", "..", "/"),
            ("", "a/b", "<UNKNOWN>/a/b"),
            ("", "/a//b/", "/a/b"),
            ("pipe:[7]", "a", "<UNKNOWN>/a"),
            ("/ä", "ö/../ü", "/ä/ü"),
        ] {
            assert_eq!(absolute(directory, given), expected, "{directory:?} {given:?}");
            assert!(!is_clean(given) || given == expected, "{given:?}");
        }
    }

    #[test]
    fn plain_absolute_paths_are_clean() {
        for (path, clean) in [("/", true), ("/etc/shadow", true), ("/a/", false), ("/a/./b", false), ("a", false)] {
            assert_eq!(is_clean(path), clean, "{path:?}");
        }
    }

    #[test]
    fn raw_names_lose_only_repeated_slashes() {
        for (given, expected) in [("a//b///c", "a/b/c"), ("/../x", "/../x"), ("//", "/"), ("", "")] {
            assert_eq!(without_repeated_slashes(given), expected);
        }
    }

    #[test]
    fn directories_end_in_a_slash() {
        for (given, expected) in [("/", "/"), ("/tmp", "/tmp/"), ("/tmp/", "/tmp/"), ("", "")] {
            assert_eq!(with_trailing_slash(given), expected);
        }
    }
}
