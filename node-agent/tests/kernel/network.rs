//! Calls on sockets.

use expect_test::expect;
use tiercel_agent::capture::observation::{Act, Address, Network};

use crate::harness::{Observed, call_name, observe};

fn address(observed: &Observed, ports: &[&str], address: Option<&Address>) -> String {
    match address {
        None => "-".to_owned(),
        Some(Address::Ip(ip, port)) => {
            let name = ports.iter().position(|known| *known == port.to_string());
            format!(
                "{ip}:{}",
                name.map_or(
                    if *port == 0 {
                        "0"
                    } else if *port == 1 {
                        "1"
                    } else {
                        "?"
                    },
                    |index| ["L", "C", "U", "V"][index]
                )
            )
        }
        Some(Address::Unix(path)) => format!("unix {:?}", observed.short(path)),
        Some(Address::Other(family)) => format!("family {family}"),
    }
}

/// One line for a call. Ports are named: L listener, C client, U and V the two datagram sockets.
fn line(observed: &Observed, ports: &[&str], call: &Network) -> String {
    let outcome = if call.result < 0 { call.result.to_string() } else { "ok".to_owned() };
    let mut line = format!("{} {outcome}", call_name(call.syscall));
    // What a socket keeps after a failure differs between kernels.
    if let (Some(socket), true) = (&call.socket, call.result >= 0) {
        let (local, remote) = (socket.local.as_ref(), socket.remote.as_ref());
        line += &format!(
            " [{} {} {}] {} -> {}",
            socket.family,
            socket.kind,
            socket.protocol,
            address(observed, ports, local),
            address(observed, ports, remote)
        );
    }
    if call.given.is_some() {
        line += &format!(" given {}", address(observed, ports, call.given.as_ref()));
    }
    if !call.data.is_empty() {
        line +=
            &format!(" data {} {:?}", call.data.len(), String::from_utf8_lossy(&call.data[..call.data.len().min(8)]));
    }
    line
}

#[test]
fn addresses_come_from_the_socket() {
    let Some(observed) = observe("network") else { return };
    let ports = std::fs::read_to_string(observed.path("ports")).unwrap();
    let ports: Vec<&str> = ports.split(' ').collect();
    let mut text = String::new();
    for one in &observed.observations {
        if let Act::Network(call) = &one.act {
            text += &line(&observed, &ports, call);
            text.push('\n');
        }
    }
    expect![[r#"
        socket ok [2 1 6] - -> -
        bind ok [2 1 6] 127.0.0.1:L -> - given 127.0.0.1:0
        listen ok [2 1 6] 127.0.0.1:L -> -
        socket ok [2 1 6] - -> -
        connect ok [2 1 6] 127.0.0.1:C -> 127.0.0.1:L given 127.0.0.1:L
        accept4 ok [2 1 6] 127.0.0.1:L -> 127.0.0.1:C
        sendto ok [2 1 6] 127.0.0.1:C -> 127.0.0.1:L data 5 "hello"
        recvfrom ok [2 1 6] 127.0.0.1:L -> 127.0.0.1:C data 5 "hello"
        sendto ok [2 1 6] 127.0.0.1:C -> 127.0.0.1:L data 12 "not reco"
        socket ok [2 2 17] - -> -
        bind ok [2 2 17] 127.0.0.1:U -> - given 127.0.0.1:0
        socket ok [2 2 17] - -> -
        bind ok [2 2 17] 127.0.0.1:V -> - given 127.0.0.1:0
        sendto ok [2 2 17] 127.0.0.1:U -> - given 127.0.0.1:V data 80 "uuuuuuuu"
        recvfrom ok [2 2 17] 127.0.0.1:V -> - given 127.0.0.1:U data 80 "uuuuuuuu"
        socket ok [1 1 0] unix "" -> -
        bind ok [1 1 0] unix "$D/socket" -> - given unix "$D/socket"
        listen ok [1 1 0] unix "$D/socket" -> -
        socket ok [1 1 0] unix "" -> -
        connect ok [1 1 0] unix "" -> unix "$D/socket" given unix "$D/socket"
        accept4 ok [1 1 0] unix "$D/socket" -> unix ""
        socket ok [2 2 17] - -> -
        bind ok [2 2 17] 127.0.0.1:? -> - given 127.0.0.1:0
        socket ok [2 2 17] - -> -
        bind ok [2 2 17] 127.0.0.1:? -> - given 127.0.0.1:0
        sendmsg ok [2 2 17] 127.0.0.1:? -> - given 127.0.0.1:? data 7 "message"
        recvmsg ok [2 2 17] 127.0.0.1:? -> - given 127.0.0.1:? data 7 "message"
        socket ok [2 1 6] - -> -
        connect -111 given 127.0.0.1:1
    "#]]
    .assert_eq(&text);
}

#[test]
fn the_ends_of_a_unix_connection_know_each_other() {
    let Some(observed) = observe("network") else { return };
    let call = |name: &str| {
        observed.observations.iter().find_map(|one| match &one.act {
            Act::Network(call) if call_name(call.syscall) == name => {
                call.socket.as_ref().filter(|socket| socket.family == 1).cloned()
            }
            _ => None,
        })
    };
    let (client, server) = (call("connect").unwrap(), call("accept4").unwrap());
    assert_eq!(client.unix_pointers, [server.unix_pointers[1], server.unix_pointers[0]]);
    assert!(client.unix_pointers.iter().all(|pointer| *pointer != 0));
    assert!(client.inode != 0 && client.inode != server.inode);
}
