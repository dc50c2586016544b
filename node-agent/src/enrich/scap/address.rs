//! Socket addresses as events carry them, and their texts.

use std::net::{Ipv4Addr, Ipv6Addr};

use tiercel_detection::event::Endpoint;

const FAMILY_UNIX: u8 = 1;
const FAMILY_IPV4: u8 = 2;
const FAMILY_IPV6: u8 = 10;

/// One address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    /// IP.
    Ip(Endpoint),
    /// Path of a unix socket.
    Unix(String),
}

/// Both ends of a connection, as the event has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tuple {
    /// IP.
    Ip {
        /// The end that the kernel gave first.
        source: Endpoint,
        /// The other one.
        destination: Endpoint,
        /// It is a connection of IPv6.
        v6: bool,
    },
    /// A unix socket.
    Unix {
        /// Kernel address of this end.
        source: u64,
        /// Kernel address of the other end.
        destination: u64,
        /// Path.
        path: String,
    },
}

/// Reads a socket address.
pub(super) fn address(bytes: &[u8]) -> Option<Address> {
    let (family, rest) = bytes.split_first()?;
    match *family {
        FAMILY_UNIX => Some(Address::Unix(text(rest))),
        FAMILY_IPV4 => endpoint4(rest).map(|(end, _)| Address::Ip(end)),
        FAMILY_IPV6 => endpoint6(rest).map(|(end, _)| Address::Ip(unmapped(end))),
        _ => None,
    }
}

/// Takes an end from the beginning of bytes.
type ReadEnd = fn(&[u8]) -> Option<(Endpoint, &[u8])>;

/// Reads a tuple.
pub(super) fn tuple(bytes: &[u8]) -> Option<Tuple> {
    let (family, rest) = bytes.split_first()?;
    let ends = |read: ReadEnd, v6| {
        let (source, rest) = read(rest)?;
        let (destination, _) = read(rest)?;
        // Only a connection that is mapped at both ends is one of IPv4.
        let mapped = [source, destination].iter().all(|end| end.address.to_canonical().is_ipv4());
        let [source, destination] = [source, destination].map(|end| if mapped { unmapped(end) } else { end });
        Some(Tuple::Ip { source, destination, v6: v6 && !mapped })
    };
    match *family {
        FAMILY_UNIX => {
            let (source, rest) = rest.split_first_chunk()?;
            let (destination, path) = rest.split_first_chunk()?;
            Some(Tuple::Unix {
                source: u64::from_le_bytes(*source),
                destination: u64::from_le_bytes(*destination),
                path: text(path),
            })
        }
        FAMILY_IPV4 => ends(endpoint4, false),
        FAMILY_IPV6 => ends(endpoint6, true),
        _ => None,
    }
}

fn endpoint4(bytes: &[u8]) -> Option<(Endpoint, &[u8])> {
    let (address, rest) = bytes.split_first_chunk::<4>()?;
    let (port, rest) = rest.split_first_chunk()?;
    Some((Endpoint { address: Ipv4Addr::from(*address).into(), port: u16::from_le_bytes(*port) }, rest))
}

fn endpoint6(bytes: &[u8]) -> Option<(Endpoint, &[u8])> {
    let (address, rest) = bytes.split_first_chunk::<16>()?;
    let (port, rest) = rest.split_first_chunk()?;
    Some((Endpoint { address: Ipv6Addr::from(*address).into(), port: u16::from_le_bytes(*port) }, rest))
}

/// IPv4-mapped addresses are IPv4 addresses.
pub(super) fn unmapped(end: Endpoint) -> Endpoint {
    Endpoint { address: end.address.to_canonical(), ..end }
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// `address:port`.
pub(super) fn endpoint_text(end: Endpoint) -> String {
    format!("{}:{}", end.address, end.port)
}

/// `source->destination`.
pub(super) fn ends_text(source: Endpoint, destination: Endpoint) -> String {
    format!("{}->{}", endpoint_text(source), endpoint_text(destination))
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ip(end) => f.write_str(&endpoint_text(*end)),
            Self::Unix(path) => f.write_str(path),
        }
    }
}

impl std::fmt::Display for Tuple {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ip { source, destination, .. } => f.write_str(&ends_text(*source, *destination)),
            Self::Unix { source, destination, path } => write!(f, "{source:x}->{destination:x} {path}"),
        }
    }
}
