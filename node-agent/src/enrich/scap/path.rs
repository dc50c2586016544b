//! Paths as Falco joins them in captures: where the directory is not known, the path stays relative.

/// Longest path that is believed.
const PATH_BYTES_MAX: usize = 1024;

/// What stands for a longer one.
const TOO_LONG: &str = "/DIR_TOO_LONG/FILENAME_TOO_LONG";

/// Puts a directory before a path that is not absolute, and cleans the whole textually.
pub(super) fn join(directory: &str, path: &str) -> String {
    if directory.len() + path.len() + 1 > PATH_BYTES_MAX {
        return TOO_LONG.to_owned();
    }
    if path.starts_with('/') || directory.is_empty() {
        return clean(path);
    }
    clean(&format!("{directory}/{path}"))
}

fn clean(path: &str) -> String {
    let absolute = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    let joined = parts.join("/");
    if absolute { format!("/{joined}") } else { joined }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_joined_as_far_as_the_directory_is_known() {
        for (directory, path, expected) in [
            ("/root/", "/etc//passwd", "/etc/passwd"),
            ("/root/", "../tmp/./x", "/tmp/x"),
            ("", "./x", "x"),
            ("", "a/../../b", "b"),
            ("/", "..", "/"),
        ] {
            assert_eq!(join(directory, path), expected, "{directory} {path}");
        }
        assert_eq!(join("/", &"x".repeat(PATH_BYTES_MAX)), TOO_LONG);
    }
}
