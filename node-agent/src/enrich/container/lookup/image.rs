//! Image references: `registry:5000/name:tag@sha256:digest`.

use tiercel_detection::event::Text;

/// The parts of a reference; what it does not have is empty.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ImageReference {
    pub(super) repository: Text,
    pub(super) tag: Text,
    pub(super) digest: Text,
}

/// Takes a reference apart. An id (`sha256:...` or 64 digits) names no repository.
pub(super) fn parse(reference: &str) -> ImageReference {
    let (name, digest) = reference.split_once('@').unwrap_or((reference, ""));
    if name.starts_with("sha256:") || super::is_id(name) {
        return ImageReference::default();
    }
    // A colon before the last slash belongs to the port of the registry.
    let (repository, tag) = match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (name, ""),
    };
    ImageReference { repository: repository.into(), tag: tag.into(), digest: digest.into() }
}

/// An id without its algorithm.
pub(super) fn bare_id(id: &str) -> &str {
    id.strip_prefix("sha256:").unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_taken_apart() {
        for (text, repository, tag, digest) in [
            ("busybox", "busybox", "", ""),
            ("docker.io/library/nginx:1.27", "docker.io/library/nginx", "1.27", ""),
            ("registry:5000/web", "registry:5000/web", "", ""),
            ("registry:5000/web:v1@sha256:ab", "registry:5000/web", "v1", "sha256:ab"),
            ("web@sha256:ab", "web", "", "sha256:ab"),
            ("sha256:0123", "", "", ""),
        ] {
            let expected = ImageReference { repository: repository.into(), tag: tag.into(), digest: digest.into() };
            assert_eq!(parse(text), expected, "{text}");
        }
    }
}
