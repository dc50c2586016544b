//! Socket addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::tail::{empty, lossy};
use crate::capture::observation::{Address, Text};

pub(super) fn v4(bytes: [u8; 16]) -> IpAddr {
    Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3]).into()
}

pub(super) fn v6(bytes: [u8; 16]) -> IpAddr {
    Ipv6Addr::from(bytes).to_canonical()
}

/// An end of an internet socket; `None` while it has neither an address nor a port.
pub(super) fn endpoint(ip: IpAddr, port: u16) -> Option<Address> {
    (port != 0 || !ip.is_unspecified()).then_some(Address::Ip(ip, port))
}

/// Decodes the bytes of a `struct sockaddr`; `None` when there is not even a family.
pub(super) fn socket_address(bytes: &[u8]) -> Option<Address> {
    let (family, rest) = bytes.split_first_chunk::<2>()?;
    let family = u16::from_ne_bytes(*family);
    let port = || rest.first_chunk::<2>().map(|port| u16::from_be_bytes(*port));
    Some(match i32::from(family) {
        libc::AF_INET => Address::Ip(Ipv4Addr::from(*rest.get(2..)?.first_chunk::<4>()?).into(), port()?),
        // Port, flow label, address.
        libc::AF_INET6 => Address::Ip(Ipv6Addr::from(*rest.get(6..)?.first_chunk::<16>()?).to_canonical(), port()?),
        libc::AF_UNIX => Address::Unix(unix_name(rest)),
        _ => Address::Other(family),
    })
}

/// A path up to its zero byte, or the whole of an abstract name behind an `@`.
fn unix_name(bytes: &[u8]) -> Text {
    match bytes.split_first() {
        None => empty(),
        Some((0, [])) => empty(),
        Some((0, name)) => format!("@{}", String::from_utf8_lossy(name).trim_end_matches('\0')).into(),
        Some(_) => lossy(bytes.split(|byte| *byte == 0).next().unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_each_family() {
        #[track_caller]
        fn check(bytes: &[u8], expected: Option<Address>) {
            assert_eq!(socket_address(bytes), expected);
        }
        check(b"\x02\0\x1f\x90\x7f\0\0\x01", Some(Address::Ip(Ipv4Addr::LOCALHOST.into(), 8080)));
        let mapped = [&b"\x0a\0\x00\x50\0\0\0\0"[..], &[0; 10], &[0xff, 0xff, 10, 0, 0, 1]].concat();
        check(&mapped, Some(Address::Ip(Ipv4Addr::new(10, 0, 0, 1).into(), 80)));
        check(b"\x01\0/run/a.sock\0junk", Some(Address::Unix("/run/a.sock".into())));
        check(b"\x01\0\0name", Some(Address::Unix("@name".into())));
        check(b"\x01\0", Some(Address::Unix("".into())));
        check(b"\x10\0whatever", Some(Address::Other(16)));
        check(b"\x02\0\x1f", None);
        check(b"\x02", None);
    }
}
