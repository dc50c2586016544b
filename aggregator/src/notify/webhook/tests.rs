//! What a webhook endpoint sees and what its answers mean, over real sockets.

use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};

use super::super::{DeliveryError, Notifier, document, testing};
use super::{RawConfig, WebhookNotifier};

/// Requests that arrived: headers that interest us, and the body.
type Seen = Arc<Mutex<Vec<(Vec<(String, String)>, String)>>>;

fn config(url: &str) -> RawConfig {
    let timeout = Some("2s".to_owned());
    RawConfig { url: url.to_owned(), timeout, secret_file: None, ca: None, headers: Default::default() }
}

/// Serves `answer` on a free port and returns its URL.
async fn serve(answer: fn() -> HttpResponse) -> (String, Seen) {
    let seen = Seen::default();
    let keep = seen.clone();
    let server = HttpServer::new(move || {
        let keep = keep.clone();
        App::new().default_service(web::to(move |request: HttpRequest, body: String| {
            let header =
                |(name, value): (&actix_web::http::header::HeaderName, &actix_web::http::header::HeaderValue)| {
                    (name.to_string(), value.to_str().unwrap().to_owned())
                };
            keep.lock().unwrap().push((request.headers().iter().map(header).collect(), body));
            async move { answer() }
        }))
    })
    .workers(1)
    .bind(("127.0.0.1", 0))
    .unwrap();
    let url = format!("http://{}/hook?token=hidden", server.addrs()[0]);
    actix_web::rt::spawn(server.run());
    (url, seen)
}

#[actix_web::test]
async fn the_endpoint_gets_body_and_headers() {
    let directory = tempfile::tempdir().unwrap();
    let secret = directory.path().join("secret");
    fs::write(&secret, "0123456789abcdef\n").unwrap();
    let (url, seen) = serve(|| HttpResponse::NoContent().finish()).await;
    let headers = [("X-Team".to_owned(), "blue".to_owned())].into();
    let config = RawConfig { secret_file: Some(secret), headers, ..config(&url) };
    let notifier = WebhookNotifier::build("pager", &config).unwrap();
    notifier.deliver(&testing::finding()).await.unwrap();

    let (headers, body) = seen.lock().unwrap().pop().unwrap();
    assert_eq!(body, document::render(&testing::finding()));
    let header = |name: &str| headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    assert_eq!(header("webhook-id"), Some("00000000-0000-0000-0000-000000001234"));
    assert_eq!(header("x-attempt"), Some("2"));
    assert_eq!(header("x-possible-duplicate"), Some("true"));
    assert_eq!(header("content-type"), Some("application/json"));
    assert_eq!(header("x-team"), Some("blue"));
    assert!(header("webhook-timestamp").unwrap().parse::<u64>().unwrap() > 1_700_000_000);
    assert!(header("webhook-signature").unwrap().starts_with("v1,"));
}

/// How the next attempt goes out.
#[derive(Debug, PartialEq, Eq)]
enum Retry {
    /// As one that may be a repeat.
    Marked,
    Unmarked,
    Never,
}

#[track_caller]
fn failure(error: DeliveryError) -> (Retry, Option<Duration>, String) {
    match error {
        DeliveryError::Retryable { after, may_have_arrived, source } => {
            let retry = if may_have_arrived { Retry::Marked } else { Retry::Unmarked };
            (retry, after, format!("{source:#}"))
        }
        DeliveryError::Final { source } => (Retry::Never, None, format!("{source:#}")),
    }
}

#[actix_web::test]
async fn a_busy_endpoint_is_left_alone_for_as_long_as_it_asks() {
    let busy = || HttpResponse::TooManyRequests().insert_header(("retry-after", "7")).body("slow\ndown");
    let (url, _) = serve(busy).await;
    let notifier = WebhookNotifier::build("pager", &config(&url)).unwrap();
    let (retry, after, text) = failure(notifier.deliver(&testing::finding()).await.unwrap_err());
    assert_eq!((retry, after), (Retry::Unmarked, Some(Duration::from_secs(7))));
    assert!(text.ends_with("answered 429 Too Many Requests: slowdown"), "{text}");
    assert!(!text.contains("hidden"), "{text}");
}

#[actix_web::test]
async fn a_refusal_is_final() {
    let (url, _) = serve(|| HttpResponse::Gone().finish()).await;
    let notifier = WebhookNotifier::build("pager", &config(&url)).unwrap();
    let (retry, _, text) = failure(notifier.deliver(&testing::finding()).await.unwrap_err());
    assert_eq!(retry, Retry::Never);
    assert!(text.ends_with("answered 410 Gone"), "{text}");
}

#[actix_web::test]
async fn a_redirect_is_not_followed() {
    let (url, seen) = serve(|| HttpResponse::Found().insert_header(("location", "/elsewhere")).finish()).await;
    let notifier = WebhookNotifier::build("pager", &config(&url)).unwrap();
    let (retry, _, _) = failure(notifier.deliver(&testing::finding()).await.unwrap_err());
    assert_eq!(retry, Retry::Marked);
    assert_eq!(seen.lock().unwrap().len(), 1);
}

#[actix_web::test]
async fn nobody_there_is_worth_another_attempt() {
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}/hook?token=hidden", taken.local_addr().unwrap());
    drop(taken);
    let notifier = WebhookNotifier::build("pager", &config(&url)).unwrap();
    let (retry, after, text) = failure(notifier.deliver(&testing::finding()).await.unwrap_err());
    assert_eq!((retry, after), (Retry::Unmarked, None));
    assert!(text.contains("refused") && !text.contains("hidden"), "{text}");
}

#[actix_web::test]
async fn a_connection_that_breaks_after_the_request_may_have_brought_it() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let endpoint = std::thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        std::io::Read::read(&mut connection, &mut [0; 1024]).unwrap()
    });
    let notifier = WebhookNotifier::build("pager", &config(&url)).unwrap();
    let (retry, _, text) = failure(notifier.deliver(&testing::finding()).await.unwrap_err());
    assert_eq!(retry, Retry::Marked, "{text}");
    assert!(endpoint.join().unwrap() > 0);
}

#[actix_web::test]
async fn a_wrong_address_or_token_is_retried_until_it_is_repaired() {
    let (url, _) = serve(|| HttpResponse::Unauthorized().finish()).await;
    let notifier = WebhookNotifier::build("pager", &config(&url)).unwrap();
    let (retry, _, text) = failure(notifier.deliver(&testing::finding()).await.unwrap_err());
    assert_eq!(retry, Retry::Unmarked, "{text}");
}

#[actix_web::test]
async fn an_endpoint_that_hangs_runs_into_the_timeout() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let config = RawConfig { timeout: Some("50ms".to_owned()), ..config(&url) };
    let notifier = WebhookNotifier::build("pager", &config).unwrap();
    let (retry, _, text) = failure(notifier.deliver(&testing::finding()).await.unwrap_err());
    assert_eq!(retry, Retry::Marked);
    assert!(text.contains("timed out"), "{text}");
}

#[track_caller]
fn check_refused(config: RawConfig, expected: &str) {
    let error = WebhookNotifier::build("pager", &config).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn bad_configurations_say_which_key_and_what_is_expected() {
    let good = config("https://pager.example/hook");
    check_refused(config("pager.example"), "receiver `pager`: webhook.url: `pager.example`");
    check_refused(config("ftp://pager.example"), "expected http://host");
    check_refused(RawConfig { timeout: Some("soon".into()), ..good.clone() }, "webhook.timeout: `soon`");
    check_refused(RawConfig { timeout: Some("2h".into()), ..good.clone() }, "at most 1m");
    check_refused(
        RawConfig { ca: Some("/no/such.pem".into()), ..good.clone() },
        "webhook.ca: failed to open /no/such.pem",
    );
    check_refused(RawConfig { ca: Some("/dev/null".into()), ..good.clone() }, "holds no certificate");
    check_refused(RawConfig { secret_file: Some("/dev/null".into()), ..good.clone() }, "holds 0 secrets");
    let reserved = [("Webhook-Id".to_owned(), "1".to_owned())].into();
    check_refused(RawConfig { headers: reserved, ..good.clone() }, "`Webhook-Id` is set by tiercel itself");
    let broken = [("X-Two".to_owned(), "a\nb".to_owned())].into();
    check_refused(RawConfig { headers: broken, ..good }, "not a valid header");
}
