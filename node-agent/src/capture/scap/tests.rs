//! A capture made here, whole and damaged.

use std::io::Cursor;

use proptest::prelude::*;

use super::*;

fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let padding = body.len().next_multiple_of(4) - body.len();
    let length = u32::try_from(body.len() + padding + 12).unwrap().to_le_bytes();
    [&kind.to_le_bytes()[..], &length, body, &[0; 3][..padding], &length].concat()
}

fn text(text: &str) -> Vec<u8> {
    [&u16::try_from(text.len()).unwrap().to_le_bytes()[..], text.as_bytes()].concat()
}

fn section() -> Vec<u8> {
    let mut body = 0x1a2b_3c4d_u32.to_le_bytes().to_vec();
    body.extend([1, 0, 2, 0]);
    body.extend((-1_i64).to_le_bytes());
    block(0x0a0d_0d0a, &body)
}

/// One process of the first version of the list: `cat`, 7, child of 1.
fn process_list() -> Vec<u8> {
    let mut body = Vec::new();
    for id in [7_i64, 7, 1] {
        body.extend(id.to_le_bytes());
    }
    for part in ["cat", "/bin/cat", "/etc/passwd\0", "/root"] {
        body.extend(text(part));
    }
    body.extend(1024_i64.to_le_bytes());
    for number in [0_u32, 500, 500] {
        body.extend(number.to_le_bytes());
    }
    block(0x202, &body)
}

fn descriptor_list() -> Vec<u8> {
    let mut body = 7_u64.to_le_bytes().to_vec();
    body.extend(3_i64.to_le_bytes());
    body.extend(42_u64.to_le_bytes());
    body.push(1);
    body.extend(text("/etc/passwd"));
    block(0x203, &body)
}

fn users() -> Vec<u8> {
    let mut body = vec![0];
    body.extend(500_u32.to_le_bytes());
    body.extend(500_u32.to_le_bytes());
    for part in ["ann", "/home/ann", "/bin/sh"] {
        body.extend(text(part));
    }
    block(0x206, &body)
}

/// An event of the first format.
fn event(code: u16, values: &[&[u8]]) -> Vec<u8> {
    let data: usize = values.iter().map(|value| value.len() + 2).sum();
    let mut body = 0_u16.to_le_bytes().to_vec();
    body.extend(1_000_u64.to_le_bytes());
    body.extend(7_i64.to_le_bytes());
    body.extend(u32::try_from(22 + data).unwrap().to_le_bytes());
    body.extend(code.to_le_bytes());
    for value in values {
        body.extend(u16::try_from(value.len()).unwrap().to_le_bytes());
    }
    body.extend(values.concat());
    block(0x204, &body)
}

fn capture() -> Vec<u8> {
    let close = event(4, &[&3_i64.to_le_bytes()]);
    let closed = event(5, &[&0_i64.to_le_bytes()]);
    [section(), process_list(), descriptor_list(), users(), block(0x7777, b"later"), close, closed].concat()
}

fn read(bytes: Vec<u8>) -> Result<(Metadata, Vec<CapturedEvent>), ScapError> {
    let (mut reader, metadata) = Reader::from_input(Cursor::new(bytes))?;
    let mut events = Vec::new();
    while let Some(event) = reader.next_event()? {
        events.push(event);
    }
    Ok((metadata, events))
}

#[test]
fn metadata_and_events_are_read_and_entries_join_their_exits() {
    let (metadata, events) = read(capture()).unwrap();
    let process = &metadata.processes[0];
    assert_eq!((process.tid, process.ptid, process.vtid, &*process.comm), (7, 1, -1, &b"cat"[..]));
    assert_eq!(metadata.descriptors[0].1[0].target, DescriptorTarget::Named { name: b"/etc/passwd".to_vec() });
    assert_eq!(metadata.users[0].name, "ann");
    let values: Vec<i64> = events[0].values.iter().map(|it| i64::from_le_bytes(*it.first_chunk().unwrap())).collect();
    assert_eq!((events.len(), events[0].code, values), (1, 5, vec![0, 3]));
}

#[test]
fn a_packed_capture_reads_like_a_plain_one() {
    use std::io::Write as _;
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(&capture()).unwrap();
    let (metadata, events) = read(packer.finish().unwrap()).unwrap();
    assert_eq!((metadata.processes.len(), events.len()), (1, 1));
}

#[track_caller]
fn refused(bytes: Vec<u8>, expected: &str) {
    let error = read(bytes).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn mistakes_are_named_with_their_place() {
    refused(Vec::new(), "offset 0: the file is empty");
    refused(vec![7; 64], "offset 0: a block has an impossible length");
    refused(block(0x201, &[0; 180]), "offset 8: this is not a capture");
    refused(capture()[..capture().len() - 3].to_vec(), "the file ends in the middle of a block");
    refused([capture(), block(0x7777, b"later")].concat(), "a block among the events holds none");
    let mut wrong_end = section();
    *wrong_end.last_mut().unwrap() = 1;
    refused(wrong_end, "offset 0: a block does not end with its length");
}

proptest! {
    /// Damage gives an error or another capture, never a panic.
    #[test]
    fn damage_is_survived(flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12), keep in any::<prop::sample::Index>()) {
        let mut bytes = capture();
        for (index, value) in flips {
            let at = index.index(bytes.len());
            bytes[at] ^= value;
        }
        bytes.truncate(keep.index(bytes.len()) + 1);
        drop(read(bytes));
    }
}
