//! What a capture says of the machine: its name, its accounts, its network interfaces.

use std::net::{IpAddr, Ipv4Addr};

use super::ScapError;
use super::cursor::Cursor;

/// Bytes of the host name field.
const HOST_NAME_BYTES: usize = 128;

/// Entries shorter than this are padding.
pub(super) const ENTRY_BYTES_MIN: usize = 4;

/// The machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MachineEntry {
    /// Processors.
    pub processors: u32,
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// Host name.
    pub hostname: String,
    /// Boot time, nanoseconds since the epoch; 0 in older files.
    pub booted_at_ns: u64,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserEntry {
    /// User id.
    pub uid: u32,
    /// Primary group.
    pub gid: u32,
    /// Account name.
    pub name: String,
    /// Home directory.
    pub home: String,
    /// Login shell.
    pub shell: String,
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupEntry {
    /// Group id.
    pub gid: u32,
    /// Name.
    pub name: String,
}

/// A network interface with one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its address.
    pub address: IpAddr,
    /// The part of an IPv4 address that names the network.
    pub netmask: Ipv4Addr,
}

/// Reads the machine block.
pub(super) fn machine(mut cursor: Cursor<'_>) -> Result<MachineEntry, ScapError> {
    let processors = cursor.u32()?;
    let memory_bytes = cursor.u64()?;
    cursor.u64()?;
    let name = cursor.take(HOST_NAME_BYTES)?;
    let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
    let hostname = String::from_utf8_lossy(&name[..end]).into_owned();
    // The first files end here or have other fields; only the boot time is of use.
    let booted_at_ns = if cursor.left() >= 8 { cursor.u64()? } else { 0 };
    Ok(MachineEntry { processors, memory_bytes, hostname, booted_at_ns })
}

/// Reads a user list block.
pub(super) fn accounts(
    mut cursor: Cursor<'_>,
    sized: bool,
    users: &mut Vec<UserEntry>,
    groups: &mut Vec<GroupEntry>,
) -> Result<(), ScapError> {
    while cursor.left() >= ENTRY_BYTES_MIN {
        let mut entry = if sized { sized_entry(&mut cursor)? } else { cursor.clone() };
        match entry.u8()? {
            0 => users.push(UserEntry {
                uid: entry.u32()?,
                gid: entry.u32()?,
                name: entry.text()?,
                home: entry.text()?,
                shell: entry.text()?,
            }),
            1 => groups.push(GroupEntry { gid: entry.u32()?, name: entry.text()? }),
            _ => return Err(entry.malformed("an account is neither a user nor a group")),
        }
        if !sized {
            cursor = entry;
        }
    }
    Ok(())
}

/// An entry that begins with its length, these four bytes included.
pub(super) fn sized_entry<'a>(cursor: &mut Cursor<'a>) -> Result<Cursor<'a>, ScapError> {
    let length = cursor.u32()?;
    match length.checked_sub(4) {
        Some(length) => cursor.part(length as usize),
        None => Err(cursor.malformed("an entry has an impossible length")),
    }
}

/// Reads an interface list block.
pub(super) fn interfaces(mut cursor: Cursor<'_>, sized: bool) -> Result<Vec<Interface>, ScapError> {
    let mut found = Vec::new();
    while cursor.left() >= ENTRY_BYTES_MIN {
        let mut entry = if sized {
            let length = cursor.u32()?;
            cursor.part(length as usize)?
        } else {
            cursor.clone()
        };
        found.push(interface(&mut entry)?);
        if !sized {
            cursor = entry;
        }
    }
    Ok(found)
}

fn interface(entry: &mut Cursor<'_>) -> Result<Interface, ScapError> {
    let kind = entry.u16()?;
    let name_length = entry.u16()?;
    let (address, netmask) = match kind {
        1 | 3 => {
            let address = entry.ipv4()?;
            let mask = entry.u32()?.to_le_bytes();
            // Broadcast address.
            entry.take(4)?;
            (address, Ipv4Addr::from(mask))
        }
        2 | 4 => {
            let address = entry.ipv6()?;
            // Mask, which the writers leave empty, and broadcast address.
            entry.take(32)?;
            (address, Ipv4Addr::UNSPECIFIED)
        }
        _ => return Err(entry.malformed("an interface is neither IPv4 nor IPv6")),
    };
    // Link speed.
    if kind < 3 {
        entry.take(8)?;
    }
    let name = String::from_utf8_lossy(entry.take(usize::from(name_length))?).into_owned();
    Ok(Interface { name, address, netmask })
}
