//! The network interfaces of the machine that was captured, which complete addresses that a socket left open.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tiercel_detection::event::Endpoint;

use crate::capture::scap::Metadata;

/// Bytes of an IPv6 address that name its network.
const IPV6_NETWORK_BYTES: usize = 8;

/// Addresses with their networks.
#[derive(Debug)]
pub(super) struct Interfaces(Vec<(IpAddr, Ipv4Addr)>);

impl Interfaces {
    /// Those of the capture, and the loopback addresses that every machine has.
    pub(super) fn new(metadata: &Metadata) -> Self {
        let captured = metadata.interfaces.iter().map(|it| (it.address, it.netmask));
        let every = [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()];
        Self(captured.chain(every.map(|address| (address, Ipv4Addr::BROADCAST))).collect())
    }

    /// Whether an address is one of the machine; of IPv6, only the network is looked at.
    pub(super) fn has(&self, address: IpAddr) -> bool {
        let exact = Ipv4Addr::BROADCAST;
        self.0.iter().any(|(own, _)| same_network(*own, address, exact))
    }

    /// Completes a connection of which one end has no address: with the other end's own address if that is one of the
    /// machine, else with one of the same network, else with the first that is no loopback address.
    pub(super) fn complete(&self, source: Endpoint, destination: Endpoint) -> (Endpoint, Endpoint) {
        let (open, other) = match (source.address.is_unspecified(), destination.address.is_unspecified()) {
            (true, _) => (source, destination),
            (false, true) => (destination, source),
            (false, false) => return (source, destination),
        };
        let address = self.nearest(other.address);
        if address == other.address && source.port == destination.port {
            return (source, destination);
        }
        let completed = Endpoint { address, ..open };
        if source.address.is_unspecified() { (completed, destination) } else { (source, completed) }
    }

    fn nearest(&self, other: IpAddr) -> IpAddr {
        let family = || self.0.iter().filter(|(own, _)| own.is_ipv4() == other.is_ipv4());
        let same = family().find(|(own, _)| *own == other);
        let near = same.or_else(|| family().find(|(own, mask)| same_network(*own, other, *mask)));
        let found = near.or_else(|| family().find(|(own, _)| !own.is_loopback()));
        let none = if other.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        found.map_or(none, |(own, _)| *own)
    }
}

fn same_network(one: IpAddr, other: IpAddr, mask: Ipv4Addr) -> bool {
    match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => one & mask == other & mask,
        (IpAddr::V6(one), IpAddr::V6(other)) => {
            one.octets()[..IPV6_NETWORK_BYTES] == other.octets()[..IPV6_NETWORK_BYTES]
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::scap::Interface;

    fn end(text: &str) -> Endpoint {
        let address: std::net::SocketAddr = text.parse().unwrap();
        Endpoint { address: address.ip(), port: address.port() }
    }

    #[test]
    fn an_end_without_an_address_gets_that_of_the_interface_nearest_to_the_other_end() {
        let interface = |address: &str, mask: [u8; 4]| Interface {
            name: "any".into(),
            address: address.parse().unwrap(),
            netmask: mask.into(),
        };
        let interfaces = vec![
            interface("127.0.0.1", [255, 0, 0, 0]),
            interface("10.0.2.15", [255, 255, 255, 0]),
            interface("172.17.0.1", [255, 255, 0, 0]),
            interface("2001:db8::5", [0; 4]),
        ];
        let interfaces = Interfaces::new(&Metadata { interfaces, ..Metadata::default() });
        for (source, destination, expected) in [
            ("0.0.0.0:5", "127.0.0.1:53", "127.0.0.1:5->127.0.0.1:53"),
            ("0.0.0.0:5", "127.0.0.53:53", "127.0.0.1:5->127.0.0.53:53"),
            ("0.0.0.0:5", "172.17.9.9:53", "172.17.0.1:5->172.17.9.9:53"),
            ("0.0.0.0:5", "8.8.8.8:53", "10.0.2.15:5->8.8.8.8:53"),
            ("8.8.8.8:53", "0.0.0.0:5", "8.8.8.8:53->10.0.2.15:5"),
            ("0.0.0.0:5", "10.0.2.15:5", "0.0.0.0:5->10.0.2.15:5"),
            ("1.1.1.1:5", "8.8.8.8:53", "1.1.1.1:5->8.8.8.8:53"),
            ("[::]:5", "[2001:db8::9]:53", "2001:db8::5:5->2001:db8::9:53"),
        ] {
            let (source, destination) = interfaces.complete(end(source), end(destination));
            assert_eq!(super::super::address::ends_text(source, destination), expected);
        }
    }
}
