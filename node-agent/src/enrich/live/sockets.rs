//! Sockets of a process: of what family they are, and what they are connected to.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use procfs::net::{TcpNetEntries, TcpState};
use procfs::{FromBufReadSI as _, current_system_info};
use tiercel_detection::event::FdKind;

/// Bytes that are read of a table of sockets, some 28,000 connections; a socket beyond that has no name.
const TABLE_BYTES_MAX: u64 = 4 << 20;

/// Longest name of a protocol that is told apart.
const PROTOCOL_BYTES_MAX: usize = 32;

/// Column of the inode in the tables of IP sockets, and in that of unix sockets.
const IP_INODE_COLUMN: usize = 9;
const UNIX_INODE_COLUMN: usize = 6;

/// The family of a socket, by the name of the protocol that made it. The kernel tells that without a look at any table.
pub(super) fn kind(descriptor: &Path) -> FdKind {
    let mut name = [0; PROTOCOL_BYTES_MAX];
    let Ok(length) = rustix::fs::getxattr(descriptor, "system.sockprotoname", &mut name) else {
        return FdKind::Unknown;
    };
    let name = String::from_utf8_lossy(&name[..length]);
    match name.trim_end_matches('\0') {
        "NETLINK" => FdKind::Netlink,
        unix if unix.starts_with("UNIX") => FdKind::Unix,
        ip if ip.ends_with("v6") => FdKind::Ipv6,
        ip if ["TCP", "UDP", "UDP-Lite", "RAW", "PING", "MPTCP", "SCTP"].contains(&ip) => FdKind::Ipv4,
        _ => FdKind::Unknown,
    }
}

/// What a socket is called: client and server of a connection, the address that it listens on, the path of a unix
/// socket; nothing when that cannot be found.
pub(super) fn name(directory: &Path, kind: FdKind, inode: &str) -> String {
    #[expect(clippy::wildcard_enum_match_arm, reason = "other sockets have no names")]
    let tables: &[&str] = match kind {
        FdKind::Ipv4 => &["tcp", "udp"],
        // Connections that are IPv4 to both ends stand in the table of IPv6 when the socket is.
        FdKind::Ipv6 => &["tcp6", "udp6"],
        FdKind::Unix => return unix_name(directory, inode).unwrap_or_default(),
        _ => return String::new(),
    };
    tables.iter().find_map(|table| ip_name(&directory.join("net").join(table), inode)).unwrap_or_default()
}

fn ip_name(table: &Path, inode: &str) -> Option<String> {
    let (mut header, mut found, mut listening) = (None, None, Vec::new());
    for line in lines(table)? {
        let columns: Vec<&str> = line.split_whitespace().take(IP_INODE_COLUMN + 1).collect();
        if header.is_none() {
            header = Some(line);
            continue;
        }
        let [_, local, _, state, ..] = columns[..] else { continue };
        if state == LISTENING {
            listening.extend(local.rsplit_once(':').map(|(_, port)| port.to_owned()));
        }
        let is_sought = columns.get(IP_INODE_COLUMN) == Some(&inode);
        if is_sought {
            found = Some(line);
        }
    }
    let text = format!("{}\n{}\n", header?, found?);
    let entries = TcpNetEntries::from_buf_read(text.as_bytes(), current_system_info()).ok()?.0;
    let entry = entries.into_iter().next()?;
    let (local, remote) = (entry.local_address, entry.remote_address);
    let serves = listening.iter().any(|port| u16::from_str_radix(port, 16) == Ok(local.port()));
    let text = |end: std::net::SocketAddr| format!("{}:{}", end.ip().to_canonical(), end.port());
    Some(match (entry.state == TcpState::Listen || remote.port() == 0, serves) {
        (true, _) => text(local),
        (false, true) => format!("{}->{}", text(remote), text(local)),
        (false, false) => format!("{}->{}", text(local), text(remote)),
    })
}

/// The state of a socket that listens, as the tables write it.
const LISTENING: &str = "0A";

fn unix_name(directory: &Path, inode: &str) -> Option<String> {
    let mut found = lines(&directory.join("net").join("unix"))?
        .filter(|line| line.split_whitespace().nth(UNIX_INODE_COLUMN) == Some(inode));
    Some(found.next()?.split_whitespace().nth(UNIX_INODE_COLUMN + 1).unwrap_or_default().to_owned())
}

fn lines(table: &Path) -> Option<impl Iterator<Item = String> + use<>> {
    let file = File::open(table).ok()?;
    Some(BufReader::new(file.take(TABLE_BYTES_MAX)).lines().map_while(Result::ok))
}
