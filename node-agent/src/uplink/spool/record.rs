//! How one alert lies in a segment, and how to find the next good one behind a damaged one.
//!
//! ```text
//! length u32 | crc32 u32 | sequence u64 | payload        (little endian; the sum covers all but itself)
//! ```

use tiercel_proto::Sequence;

/// Bytes before the payload.
pub(super) const HEADER_BYTES: usize = 16;

/// Largest payload. An alert of the official rules has about 1 KiB; command lines and lists are cut long before.
/// What is larger is counted and left out, so that one alert can never block a lane.
pub(super) const PAYLOAD_BYTES_MAX: usize = 256 * 1024;

/// One good record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) sequence: Sequence,
    pub(super) payload: &'a [u8],
}

impl Record<'_> {
    /// Bytes on disk.
    pub(super) fn length(&self) -> usize {
        HEADER_BYTES + self.payload.len()
    }
}

/// What stands at a place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed<'a> {
    /// A good record.
    Record(Record<'a>),
    /// The bytes end before the record does; `needed` from its start on would hold it, if its length is true.
    Short { needed: usize },
    /// Not a record.
    Damaged,
}

/// Appends a record to the buffer.
pub(super) fn encode(sequence: Sequence, payload: &[u8], buffer: &mut Vec<u8>) {
    let length = u32::try_from(payload.len()).expect("payloads are bounded by PAYLOAD_BYTES_MAX");
    buffer.extend_from_slice(&length.to_le_bytes());
    buffer.extend_from_slice(&sum(length, sequence.0, payload).to_le_bytes());
    buffer.extend_from_slice(&sequence.0.to_le_bytes());
    buffer.extend_from_slice(payload);
}

/// Reads the record at the start of the bytes.
pub(super) fn parse(bytes: &[u8]) -> Parsed<'_> {
    let Some((header, rest)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
        return Parsed::Short { needed: HEADER_BYTES };
    };
    let (length, expected, sequence) = fields(header);
    let size = usize::try_from(length).unwrap_or(usize::MAX);
    if size == 0 || size > PAYLOAD_BYTES_MAX {
        return Parsed::Damaged;
    }
    match rest.get(..size) {
        None => Parsed::Short { needed: HEADER_BYTES + size },
        Some(payload) if sum(length, sequence, payload) == expected => {
            Parsed::Record(Record { sequence: Sequence(sequence), payload })
        }
        Some(_) => Parsed::Damaged,
    }
}

/// Looks for the next good record at or after `from` whose sequence lies in the range; returns where it starts.
/// Only places whose sequence is plausible are summed up, so this costs about one pass over the bytes.
pub(super) fn find(bytes: &[u8], from: usize, sequences: std::ops::Range<Sequence>) -> Option<(usize, Record<'_>)> {
    (from..bytes.len().saturating_sub(HEADER_BYTES)).find_map(|start| {
        let header = bytes[start..].first_chunk::<HEADER_BYTES>()?;
        let (_, _, sequence) = fields(header);
        if !sequences.contains(&Sequence(sequence)) {
            return None;
        }
        match parse(&bytes[start..]) {
            Parsed::Record(record) => Some((start, record)),
            Parsed::Short { .. } | Parsed::Damaged => None,
        }
    })
}

/// The length that the header at the start of the bytes speaks of, true or not.
pub(super) fn claimed_length(bytes: &[u8]) -> Option<usize> {
    let (length, _, _) = fields(bytes.first_chunk()?);
    usize::try_from(length).ok().filter(|length| *length > 0).map(|length| HEADER_BYTES + length)
}

fn fields(header: &[u8; HEADER_BYTES]) -> (u32, u32, u64) {
    let [a, b, c, d, e, f, g, h, sequence @ ..] = *header;
    (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]), u64::from_le_bytes(sequence))
}

fn sum(length: u32, sequence: u64, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length.to_le_bytes());
    hasher.update(&sequence.to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Vec<u8> {
        let mut bytes = Vec::new();
        for sequence in 5..8 {
            encode(Sequence(sequence), format!("payload {sequence}").as_bytes(), &mut bytes);
        }
        bytes
    }

    #[test]
    fn record_survives() {
        let bytes = three();
        let expected = Record { sequence: Sequence(5), payload: b"payload 5" };
        assert_eq!(parse(&bytes), Parsed::Record(expected));
        assert_eq!(expected.length(), 25);
    }

    #[test]
    fn every_single_bit_flip_is_noticed() {
        let bytes = three();
        for bit in 0..25 * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let parsed = parse(&flipped);
            assert!(!matches!(parsed, Parsed::Record(_)), "bit {bit}: {parsed:?}");
            let (start, next) = find(&flipped, 1, Sequence(6)..Sequence(8)).unwrap();
            assert_eq!((start, next.sequence), (25, Sequence(6)), "bit {bit}");
        }
    }

    #[test]
    fn every_cut_is_short() {
        let bytes = three();
        for length in 0..25 {
            assert!(matches!(parse(&bytes[..length]), Parsed::Short { .. }), "{length}");
        }
    }

    #[test]
    fn zeros_are_damage() {
        assert_eq!(parse(&[0; 64]), Parsed::Damaged);
        assert_eq!(find(&[0; 64], 0, Sequence(0)..Sequence(9)), None);
    }
}
