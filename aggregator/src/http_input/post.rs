//! `POST /` and `/test`.

use std::time::{SystemTime, UNIX_EPOCH};

use actix_web::http::StatusCode;
use actix_web::http::header::{ContentType, RETRY_AFTER};
use actix_web::{HttpRequest, HttpResponse, web};
use tiercel_detection::event::Timestamp;
use tiercel_detection::{Alert, FieldValue, Priority};

use super::{BODY_BYTES_MAX, HttpInput, IntakeError};
use crate::ingest::UnfitAlert;
use crate::raft::ProposeError;

/// The rule of test alerts; receivers and people know it from falcosidekick.
const TEST_RULE: &str = "Test rule";

/// The source that falcosidekick gives to alerts without one.
const SOURCE_DEFAULT: &str = "syscalls";

/// The source of what is no finding.
const SOURCE_INTERNAL: &str = "internal";

/// Takes one alert. The first JSON value of the body counts, whatever the content type says.
pub(super) async fn alert(
    request: HttpRequest,
    input: web::Data<HttpInput>,
    body: Result<web::Bytes, actix_web::Error>,
) -> HttpResponse {
    let parsed = body.map_err(Refusal::of_body).and_then(|body| parse(&body));
    let alert = match parsed {
        Ok(alert) => alert,
        Err(refusal) => return refuse(&request, &input, &refusal),
    };
    admit(&request, &input, alert).await
}

/// Answers what is not a POST.
pub(super) async fn wrong_method(input: web::Data<HttpInput>) -> HttpResponse {
    input.metrics.inputs.count_rejected();
    text(StatusCode::BAD_REQUEST, "Please send with post http method\n")
}

/// Sends a test alert the way of every other.
pub(super) async fn test(request: HttpRequest, input: web::Data<HttpInput>) -> HttpResponse {
    admit(&request, &input, test_alert(now())).await
}

async fn admit(request: &HttpRequest, input: &HttpInput, alert: Alert) -> HttpResponse {
    match input.intake.admit(alert).await {
        Ok(()) => {
            input.metrics.inputs.count_accepted();
            HttpResponse::Ok().finish()
        }
        Err(IntakeError::Unfit(unfit)) => refuse(request, input, &Refusal::of_alert(&unfit)),
        Err(IntakeError::Propose(error)) => {
            input.metrics.inputs.count_rejected();
            unavailable(&error)
        }
    }
}

fn refuse(request: &HttpRequest, input: &HttpInput, refusal: &Refusal) -> HttpResponse {
    let peer = request.peer_addr().map(|peer| peer.to_string());
    tracing::warn!(peer, reason = %refusal.reason, "refused alert from HTTP input");
    input.metrics.inputs.count_rejected();
    text(refusal.status, format!("Please send a valid request body\n{}\n", refusal.reason))
}

/// Seconds after which the cluster may have another leader.
const RETRY_AFTER_SECONDS: u64 = 3;

fn unavailable(error: &ProposeError) -> HttpResponse {
    let meaning = match error {
        ProposeError::NotLeader { .. } | ProposeError::NoQuorum { .. } | ProposeError::Stopping => {
            "the alert was not taken: send it again"
        }
        ProposeError::Busy => "the alert was not taken: send it again, and slower",
        ProposeError::Unknown => "the alert may have been taken or not: sending it again may count it twice",
    };
    HttpResponse::ServiceUnavailable()
        .insert_header((RETRY_AFTER, RETRY_AFTER_SECONDS))
        .content_type(ContentType::plaintext())
        .body(format!("{error}\n{meaning}\n"))
}

/// Why a body is no alert.
struct Refusal {
    status: StatusCode,
    reason: String,
}

impl Refusal {
    fn of_body(error: actix_web::Error) -> Self {
        match error.as_response_error().status_code() {
            StatusCode::PAYLOAD_TOO_LARGE => Self {
                status: StatusCode::PAYLOAD_TOO_LARGE,
                reason: format!("the body is larger than {BODY_BYTES_MAX} bytes"),
            },
            status => Self { status, reason: error.to_string() },
        }
    }

    fn of_alert(unfit: &UnfitAlert) -> Self {
        let status = match unfit {
            UnfitAlert::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            UnfitAlert::LongName { .. } | UnfitAlert::Malformed(_) => StatusCode::BAD_REQUEST,
        };
        Self { status, reason: unfit.to_string() }
    }
}

fn parse(body: &[u8]) -> Result<Alert, Refusal> {
    let refuse = |reason: String| Refusal { status: StatusCode::BAD_REQUEST, reason };
    let text = String::from_utf8_lossy(body);
    let mut alert = Alert::from_falco_json(&text).map_err(|error| refuse(error.to_string()))?;
    if &*alert.rule == TEST_RULE {
        alert.source = SOURCE_INTERNAL.into();
    } else if alert.source.is_empty() {
        alert.source = SOURCE_DEFAULT.into();
    }
    Ok(alert)
}

fn test_alert(time: Timestamp) -> Alert {
    let name = || FieldValue::Text("tiercel".into());
    Alert {
        time,
        rule: TEST_RULE.into(),
        priority: Priority::Debug,
        source: SOURCE_INTERNAL.into(),
        hostname: "tiercel".into(),
        output: "This is a test from tiercel".into(),
        fields: vec![("proc.name".into(), name()), ("user.name".into(), name())],
        tags: ["example".into(), "test".into()].into(),
    }
}

fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX))
}

fn text(status: StatusCode, body: impl Into<String>) -> HttpResponse {
    HttpResponse::build(status).content_type(ContentType::plaintext()).body(body.into())
}
