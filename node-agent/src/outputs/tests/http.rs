use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::SystemTime;

use rustls::{ServerConnection, StreamOwned};
use tiercel_certs::{Authority, PairFiles, Request, Validity};
use tiercel_proto::mtls::{Credentials, Role, ServerTls, TlsFiles};

use super::*;
use crate::config::HttpOutput;

fn posting(url: &str, ca: Option<PathBuf>) -> Outputs {
    let http = HttpOutput { url: url.parse().unwrap(), ca, timeout: Duration::from_secs(5), format: Format::Json };
    Outputs::start(&OutputsConfig { http: Some(http), ..OutputsConfig::default() }).unwrap()
}

/// A server that answers its requests with these statuses in turn and hands over what it was asked.
fn server(statuses: &'static [u16]) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/alerts?token=secret", listener.local_addr().unwrap());
    let (sender, requests) = mpsc::sync_channel(64);
    std::thread::spawn(move || {
        for status in statuses {
            let (stream, _) = listener.accept().unwrap();
            answer(stream, *status, &sender);
        }
    });
    (url, requests)
}

fn answer(mut stream: impl Read + Write, status: u16, requests: &SyncSender<String>) {
    let request = read_request(&mut stream);
    write!(stream, "HTTP/1.1 {status} Whatever\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
    stream.flush().unwrap();
    requests.send(request).unwrap();
}

fn read_request(stream: &mut impl Read) -> String {
    let mut request = String::new();
    let mut buffer = [0; 4096];
    loop {
        let length = stream.read(&mut buffer).unwrap();
        assert!(length > 0, "the request ended early: {request}");
        request.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
        let Some((head, body)) = request.split_once("\r\n\r\n") else { continue };
        let announced =
            head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ").map(str::to_owned));
        if body.len() >= announced.unwrap().parse::<usize>().unwrap() {
            return request;
        }
    }
}

fn next(requests: &Receiver<String>) -> String {
    requests.recv_timeout(Duration::from_secs(10)).unwrap()
}

#[test]
fn an_alert_is_posted_as_it_is_printed() {
    let (url, requests) = server(&[200]);
    let mut outputs = posting(&url, None);
    outputs.offer(&[alert("hello")]);
    let request = next(&requests);
    assert!(request.starts_with("POST /alerts?token=secret HTTP/1.1\r\n"), "{request}");
    assert!(request.to_lowercase().contains("content-type: application/json\r\n"), "{request}");
    assert!(request.ends_with(&format!("\r\n\r\n{}", alert("hello").to_falco_json())), "{request}");
    assert!(outputs.finish(soon()));
}

#[test]
fn what_a_server_cannot_take_now_is_posted_again_in_order() {
    let (url, requests) = server(&[503, 429, 204, 200]);
    let mut outputs = posting(&url, None);
    outputs.offer(&[alert("first"), alert("second")]);
    let bodies: Vec<_> = (0..4).map(|_| next(&requests)).collect();
    for (body, expected) in bodies.iter().zip(["first", "first", "first", "second"]) {
        assert!(body.contains(&format!("\"output\":\"{expected}\"")), "{body}");
    }
    assert!(outputs.finish(soon()));
}

#[test]
fn what_a_server_refuses_for_good_is_not_posted_again() {
    let (url, requests) = server(&[400, 200]);
    let mut outputs = posting(&url, None);
    outputs.offer(&[alert("refused"), alert("taken")]);
    assert!(next(&requests).contains("\"output\":\"refused\""));
    assert!(next(&requests).contains("\"output\":\"taken\""));
    assert!(outputs.finish(soon()));
}

#[test]
fn a_server_that_is_not_there_yet_gets_its_alert_when_it_is() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut outputs = posting(&format!("http://{address}/"), None);
    outputs.offer(&[alert("waits")]);
    std::thread::sleep(Duration::from_millis(100));
    let listener = TcpListener::bind(address).unwrap();
    let (sender, requests) = mpsc::sync_channel(1);
    std::thread::spawn(move || answer(listener.accept().unwrap().0, 200, &sender));
    assert!(next(&requests).contains("\"output\":\"waits\""));
    assert!(outputs.finish(soon()));
}

#[test]
fn https_goes_to_servers_of_the_given_authority_only() {
    let folder = tempfile::tempdir().unwrap();
    let issuer = |name: &str| {
        let authority = Authority::create("tiercel", Validity::days(SystemTime::now(), 1)).unwrap();
        let folder = folder.path().join(name);
        fs::create_dir(&folder).unwrap();
        authority.save(&folder).unwrap();
        (authority, folder)
    };
    let (authority, ours) = issuer("ours");
    let (_, foreign) = issuer("foreign");
    let request = Request {
        role: Role::Aggregator,
        name: "server".to_owned(),
        dns_names: vec!["localhost".to_owned()],
        addresses: Vec::new(),
        validity: Validity::days(SystemTime::now(), 1),
    };
    let PairFiles { certificate, key } =
        authority.issue(&request).unwrap().save(&ours, Role::Aggregator, "server").unwrap();
    let files = TlsFiles { ca: ours.join("ca.pem"), certificate, key };
    let credentials = Credentials::load(files, Role::Aggregator).unwrap();
    let tls = Arc::new(ServerTls::new(&credentials, &[Role::Client]).web_config());

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
    let (sender, requests) = mpsc::sync_channel(4);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(&tls)).unwrap(), stream.unwrap());
            match stream.conn.complete_io(&mut stream.sock) {
                Ok(_) => answer(stream, 200, &sender),
                Err(error) => sender.send(format!("refused: {error}")).unwrap(),
            }
        }
    });

    let mut outputs = posting(&url, Some(ours.join("ca.pem")));
    outputs.offer(&[alert("safe")]);
    assert!(next(&requests).contains("\"output\":\"safe\""));
    assert!(outputs.finish(soon()));

    let mut outputs = posting(&url, Some(foreign.join("ca.pem")));
    outputs.offer(&[alert("not for strangers")]);
    let told = next(&requests);
    assert!(told.starts_with("refused: "), "{told}");
    assert!(!outputs.finish(Instant::now()));
}
