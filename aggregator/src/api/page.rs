//! The web page: three files inside the binary, and the headers that keep others out of it.

use actix_web::HttpResponse;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use actix_web::middleware::DefaultHeaders;
use actix_web::web::ServiceConfig;

const INDEX: &str = include_str!("../../ui/index.html");
const SCRIPT: &str = include_str!("../../ui/app.js");
const STYLE: &str = include_str!("../../ui/style.css");

/// Nothing from elsewhere, nothing inline, in nobody's frame: alerts carry text that attackers chose.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The headers of every answer.
pub(super) fn headers() -> DefaultHeaders {
    let fixed: [(HeaderName, &str); 5] = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
    ];
    fixed
        .into_iter()
        .fold(DefaultHeaders::new(), |headers, (name, value)| headers.add((name, HeaderValue::from_static(value))))
}

/// The page needs no permission: it holds no data, and asks for the token by itself.
pub(super) fn routes(config: &mut ServiceConfig) {
    let file = |content_type: &'static str, text: &'static str| {
        actix_web::web::get().to(move || async move { HttpResponse::Ok().content_type(content_type).body(text) })
    };
    config
        .route("/", file("text/html; charset=utf-8", INDEX))
        .route("/app.js", file("text/javascript; charset=utf-8", SCRIPT))
        .route("/style.css", file("text/css; charset=utf-8", STYLE));
}
