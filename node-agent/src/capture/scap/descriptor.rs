//! The descriptor lists of a capture.

use std::net::IpAddr;

use super::ScapError;
use super::cursor::Cursor;
use super::host::{ENTRY_BYTES_MIN, sized_entry};

/// Transport protocol as captures number it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum L4 {
    /// Not known, or none.
    Unknown,
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP.
    Icmp,
    /// Raw IP.
    Raw,
}

/// What a descriptor refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DescriptorTarget {
    /// An IP socket with both ends.
    Connection {
        /// The end that the capture calls source.
        source: (IpAddr, u16),
        /// The other end.
        destination: (IpAddr, u16),
        /// Transport.
        l4: L4,
    },
    /// A bound IP socket.
    Server {
        /// Where it listens.
        address: (IpAddr, u16),
        /// Transport.
        l4: L4,
    },
    /// A unix socket.
    Unix {
        /// Kernel address of this end.
        source: u64,
        /// Kernel address of the other end.
        destination: u64,
        /// Its path.
        path: Vec<u8>,
    },
    /// A file that was opened by path.
    File {
        /// Open flags, Falco's encoding.
        flags: u32,
        /// Its path.
        name: Vec<u8>,
        /// Device number, 0 when not recorded.
        device: u32,
    },
    /// Anything else.
    Named {
        /// Its name.
        name: Vec<u8>,
    },
}

/// A descriptor as it was when the capture began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescriptorEntry {
    /// Its number.
    pub fd: i64,
    /// Inode.
    pub inode: u64,
    /// The number of its type.
    pub kind: u8,
    /// What it refers to.
    pub target: DescriptorTarget,
}

/// Reads a descriptor list block: the thread that owns the descriptors, and them.
pub(super) fn descriptors(mut cursor: Cursor<'_>, sized: bool) -> Result<(i64, Vec<DescriptorEntry>), ScapError> {
    let tid = cursor.i64()?;
    let mut found = Vec::new();
    while cursor.left() >= ENTRY_BYTES_MIN {
        if sized {
            let mut entry = sized_entry(&mut cursor)?;
            found.push(descriptor(&mut entry, true)?);
        } else {
            found.push(descriptor(&mut cursor, false)?);
        }
    }
    Ok((tid, found))
}

fn descriptor(entry: &mut Cursor<'_>, sized: bool) -> Result<DescriptorEntry, ScapError> {
    let (fd, inode, kind) = (entry.i64()?, entry.u64()?, entry.u8()?);
    let target = match kind {
        3 => connection(entry, Cursor::ipv4)?,
        4 => connection(entry, Cursor::ipv6)?,
        5 => server(entry, Cursor::ipv4)?,
        6 => server(entry, Cursor::ipv6)?,
        8 => {
            DescriptorTarget::Unix { source: entry.u64()?, destination: entry.u64()?, path: entry.counted()?.to_vec() }
        }
        16 => DescriptorTarget::File {
            flags: entry.u32()?,
            name: entry.counted()?.to_vec(),
            device: if sized && entry.left() >= 4 { entry.u32()? } else { 0 },
        },
        1 | 2 | 7 | 9..=15 | 17..=21 => DescriptorTarget::Named { name: entry.counted()?.to_vec() },
        // A type that came later; its length is known, so the next entry can be found.
        _ if sized => DescriptorTarget::Named { name: Vec::new() },
        _ => return Err(entry.malformed("a descriptor has an unknown type")),
    };
    Ok(DescriptorEntry { fd, inode, kind, target })
}

type Address<'a> = fn(&mut Cursor<'a>) -> Result<IpAddr, ScapError>;

fn connection<'a>(entry: &mut Cursor<'a>, address: Address<'a>) -> Result<DescriptorTarget, ScapError> {
    let (source, destination) = (address(entry)?, address(entry)?);
    let (source_port, destination_port) = (entry.u16()?, entry.u16()?);
    Ok(DescriptorTarget::Connection {
        source: (source, source_port),
        destination: (destination, destination_port),
        l4: l4(entry)?,
    })
}

fn server<'a>(entry: &mut Cursor<'a>, address: Address<'a>) -> Result<DescriptorTarget, ScapError> {
    Ok(DescriptorTarget::Server { address: (address(entry)?, entry.u16()?), l4: l4(entry)? })
}

fn l4(entry: &mut Cursor<'_>) -> Result<L4, ScapError> {
    Ok(match entry.u8()? {
        2 => L4::Tcp,
        3 => L4::Udp,
        4 => L4::Icmp,
        5 => L4::Raw,
        _ => L4::Unknown,
    })
}
