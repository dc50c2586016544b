//! Amounts with units as people write them: `8MiB`.

use std::str::FromStr;

/// A number of bytes, written plain or with `KiB`, `MiB`, `GiB` (1024) or `kB`, `MB`, `GB` (1000).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Bytes(pub(super) u64);

const UNITS: [(&str, u64); 10] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("B", 1),
];

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (number, unit) = UNITS
            .iter()
            .find_map(|(suffix, unit)| text.strip_suffix(suffix).map(|number| (number.trim_end(), *unit)))
            .unwrap_or((text, 1));
        let number: u64 =
            number.parse().map_err(|_| "expected digits and a unit such as KiB, MiB or GiB".to_owned())?;
        number.checked_mul(unit).map(Self).ok_or_else(|| "too large".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_and_without_units() {
        for (text, bytes) in [("4096", 4096), ("8MiB", 8 << 20), ("1 GiB", 1 << 30), ("2kB", 2000), ("7B", 7)] {
            assert_eq!(text.parse(), Ok(Bytes(bytes)), "{text}");
        }
        for text in ["", "MiB", "1.5MiB", "-1", "99999999999TiB", "8 mib"] {
            assert!(text.parse::<Bytes>().is_err(), "{text}");
        }
    }
}
