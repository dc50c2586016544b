//! The Rust and the C side of a record agree: every size and offset is compared with the BTF of the compiled object.

#![expect(clippy::unwrap_used, reason = "a test that cannot read the object has failed")]

use std::collections::BTreeMap;

use tiercel_ebpf::abi::{LAYOUTS, RECORD_BYTES_MAX};

/// Bytes of BTF's own structures (Documentation/bpf/btf.rst).
const TYPE_BYTES: usize = 12;
const MEMBER_BYTES: usize = 12;
const KIND_STRUCT: u32 = 4;

/// A structure of the object: its size, and the offset of each member.
#[derive(Debug, PartialEq)]
struct Structure {
    size: usize,
    members: BTreeMap<String, usize>,
}

#[test]
fn every_record_has_the_size_and_the_offsets_of_its_c_structure() {
    let structures = structures(section(tiercel_ebpf::sensor_object(), ".BTF"));
    for layout in LAYOUTS {
        let expected = Structure {
            size: layout.size,
            members: layout.fields.iter().map(|(name, offset)| ((*name).to_owned(), *offset)).collect(),
        };
        let found =
            structures.get(layout.c_name).unwrap_or_else(|| panic!("struct {} is not in the object", layout.c_name));
        assert_eq!(found, &expected, "struct {}", layout.c_name);
    }
}

#[test]
fn the_longest_record_fits_the_memory_in_which_it_is_built() {
    let structures = structures(section(tiercel_ebpf::sensor_object(), ".BTF"));
    let scratch = &structures["scratch"];
    // Fixed part, tail, and once more a fixed part that is never used.
    assert_eq!(scratch.size - scratch.members["bytes"], RECORD_BYTES_MAX + 512);
}

#[test]
fn the_license_lets_the_kernel_load_it() {
    assert_eq!(section(tiercel_ebpf::sensor_object(), "license"), b"Dual BSD/GPL\0");
}

fn u16_at(bytes: &[u8], at: usize) -> usize {
    usize::from(u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap()))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn u64_at(bytes: &[u8], at: usize) -> usize {
    usize::try_from(u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())).unwrap()
}

fn text_at(bytes: &[u8], at: usize) -> &str {
    let end = at + bytes[at..].iter().position(|byte| *byte == 0).unwrap();
    std::str::from_utf8(&bytes[at..end]).unwrap()
}

/// Returns the bytes of a section of a 64-bit little-endian ELF file.
fn section<'a>(elf: &'a [u8], name: &str) -> &'a [u8] {
    let (table, entry_bytes, count, names_index) = (u64_at(elf, 40), u16_at(elf, 58), u16_at(elf, 60), u16_at(elf, 62));
    let header = |index: usize| &elf[table + index * entry_bytes..][..entry_bytes];
    let content = |header: &[u8]| &elf[u64_at(header, 24)..][..u64_at(header, 32)];
    let names = content(header(names_index));
    (0..count)
        .map(header)
        .find(|header| text_at(names, u32_at(header, 0) as usize) == name)
        .map(content)
        .unwrap_or_else(|| panic!("the object has no section {name}"))
}

/// Reads all structures of BTF, by name.
fn structures(btf: &[u8]) -> BTreeMap<String, Structure> {
    let header_bytes = u32_at(btf, 4) as usize;
    let (types_at, types_bytes) = (header_bytes + u32_at(btf, 8) as usize, u32_at(btf, 12) as usize);
    let strings = &btf[header_bytes + u32_at(btf, 16) as usize..];
    let types = &btf[types_at..types_at + types_bytes];
    let mut found = BTreeMap::new();
    let mut at = 0;
    while at < types.len() {
        let (name, info, size) = (u32_at(types, at), u32_at(types, at + 4), u32_at(types, at + 8));
        let (kind, count) = (info >> 24 & 0x1f, (info & 0xffff) as usize);
        let bitfields = info >> 31 != 0;
        if kind == KIND_STRUCT && name != 0 {
            let members = (0..count).map(|index| {
                let member = at + TYPE_BYTES + index * MEMBER_BYTES;
                let bits = if bitfields { u32_at(types, member + 8) & 0xff_ffff } else { u32_at(types, member + 8) };
                (text_at(strings, u32_at(types, member) as usize).to_owned(), bits as usize / 8)
            });
            let structure = Structure { size: size as usize, members: members.collect() };
            found.insert(text_at(strings, name as usize).to_owned(), structure);
        }
        at += TYPE_BYTES + trailing_bytes(kind, count);
    }
    found
}

/// Bytes that follow the common part of a type.
fn trailing_bytes(kind: u32, count: usize) -> usize {
    match kind {
        // INT, VAR, DECL_TAG
        1 | 14 | 17 => 4,
        // ARRAY
        3 => 12,
        // STRUCT, UNION, DATASEC, ENUM64
        4 | 5 | 15 | 19 => count * 12,
        // ENUM, FUNC_PROTO
        6 | 13 => count * 8,
        // PTR, FWD, TYPEDEF, VOLATILE, CONST, RESTRICT, FUNC, FLOAT, TYPE_TAG
        2 | 7..=12 | 16 | 18 => 0,
        other => panic!("BTF kind {other} is not known to this test"),
    }
}
