//! Open descriptors of a process.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use tiercel_detection::event::{FdKind, Text};

use super::sockets;
use crate::enrich::parameters::anonymous_kind;

/// Descriptors whose kind is looked at; Falco's table of a process has no more.
const KINDS_LOOKED_AT_MAX: usize = 4096;

/// How many descriptors are open.
pub(super) fn count(directory: &Path) -> Option<u64> {
    Some(fs::read_dir(directory.join("fd")).ok()?.count() as u64)
}

/// The kinds of the open descriptors, each once, in the order of the first descriptor of each.
pub(super) fn kinds(directory: &Path) -> Option<Vec<FdKind>> {
    let entries = fs::read_dir(directory.join("fd")).ok()?;
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let mut numbers: Vec<u32> = numbers.take(KINDS_LOOKED_AT_MAX).collect();
    numbers.sort_unstable();
    let mut kinds = Vec::new();
    for number in numbers {
        if let Some(kind) = link(directory, number).map(|target| kind_of(directory, number, &target))
            && !kinds.contains(&kind)
        {
            kinds.push(kind);
        }
    }
    Some(kinds)
}

/// Kind and name of one descriptor.
pub(super) fn one(directory: &Path, number: u32) -> Option<(FdKind, Text)> {
    let target = link(directory, number)?;
    let kind = kind_of(directory, number, &target);
    let name = match target.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']')) {
        Some(inode) => sockets::name(directory, kind, inode),
        None => target,
    };
    Some((kind, name.into()))
}

/// Where the link of a descriptor leads, without the kernel's mark of files that have no name any more.
fn link(directory: &Path, number: u32) -> Option<String> {
    let target = fs::read_link(directory.join("fd").join(number.to_string())).ok()?;
    let target = String::from_utf8_lossy(target.as_os_str().as_bytes()).into_owned();
    Some(target.strip_suffix(" (deleted)").map(str::to_owned).unwrap_or(target))
}

fn kind_of(directory: &Path, number: u32, target: &str) -> FdKind {
    match target {
        _ if target.starts_with("socket:[") => sockets::kind(&directory.join("fd").join(number.to_string())),
        _ if target.starts_with("pipe:[") => FdKind::Pipe,
        _ if target.starts_with("/memfd:") => FdKind::Memfd,
        _ if target.starts_with('/') => file_kind(directory, number),
        _ => anonymous_kind(target.strip_prefix("anon_inode:").unwrap_or(target)).unwrap_or(FdKind::Unknown),
    }
}

/// Directories are told by how they were opened, as Falco does: to look at the file itself could wait for a server.
fn file_kind(directory: &Path, number: u32) -> FdKind {
    let flags = fs::read_to_string(directory.join("fdinfo").join(number.to_string())).ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("flags:"))?.trim().to_owned();
        i32::from_str_radix(&line, 8).ok()
    });
    if flags.is_some_and(|flags| flags & nix::libc::O_DIRECTORY != 0) { FdKind::Directory } else { FdKind::File }
}
