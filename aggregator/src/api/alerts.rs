//! `GET /api/v1/alerts` and one alert of it.

use std::time::{SystemTime, UNIX_EPOCH};

use actix_web::http::header::ContentType;
use actix_web::{HttpResponse, web};
use serde_json::json;
use tiercel_proto::AlertId;

use super::{Api, ApiError, parameters};
use crate::history::{Page, PastAlert};
use crate::notify::{fingerprint_text, rfc3339};
use crate::triage::{UnixMillis, Verdict};

/// Searches the history.
pub(super) async fn list(
    api: web::Data<Api>,
    pairs: web::Query<Vec<(String, String)>>,
) -> Result<HttpResponse, ApiError> {
    let query = parameters::parse(pairs.into_inner(), now())?;
    let page = web::block(move || api.history.query(&query)).await.map_err(|_| STOPPING)??;
    Ok(HttpResponse::Ok().content_type(ContentType::json()).body(page_json(&page)))
}

/// Shows one alert.
pub(super) async fn show(api: web::Data<Api>, id: web::Path<String>) -> Result<HttpResponse, ApiError> {
    let id: AlertId = id.parse().map_err(|error| ApiError::parameter("id", error, "as GET /api/v1/alerts shows it"))?;
    let found = web::block(move || api.history.get(&id)).await.map_err(|_| STOPPING)??;
    let alert = found.ok_or_else(|| ApiError::NotFound {
        message: format!("no alert {id} in the history of this node"),
        hint: "it may be older than history.retention; search with GET /api/v1/alerts",
    })?;
    Ok(HttpResponse::Ok().content_type(ContentType::json()).body(alert_json(&alert)))
}

const STOPPING: ApiError = ApiError::Internal { message: "the node is stopping" };

fn page_json(page: &Page) -> String {
    let alerts: Vec<String> = page.alerts.iter().map(alert_json).collect();
    let place = |place: &Option<crate::history::Place>| json!(place.map(|place| place.to_string()));
    let (next_cursor, head) = (place(&page.next_cursor), place(&page.head));
    format!("{{\"alerts\":[{}],\"next_cursor\":{next_cursor},\"head\":{head}}}", alerts.join(","))
}

/// Our keys in front of those of Falco, whose text stays byte for byte as the history has it.
fn alert_json(alert: &PastAlert) -> String {
    let ours = json!({
        "id": alert.alert_id.to_string(),
        "received_at": rfc3339(alert.place.received_at),
        "fingerprint": fingerprint_text(alert.fingerprint.0),
        "repeats": alert.seen.saturating_sub(1),
        "verdict": verdict_json(&alert.verdict),
    });
    let ours = ours.to_string();
    let without_end = ours.strip_suffix('}').expect("ours is a JSON object");
    let without_start = alert.alert_json.strip_prefix('{').expect("an alert is a JSON object");
    format!("{without_end},{without_start}")
}

fn verdict_json(verdict: &Verdict) -> serde_json::Value {
    match verdict {
        Verdict::Told { receivers } => {
            json!({"kind": "told", "receivers": receivers.iter().map(AsRef::as_ref).collect::<Vec<&str>>()})
        }
        Verdict::Repeat { of } => json!({"kind": "repeat", "of": of.to_string()}),
        Verdict::Folded => json!({"kind": "folded"}),
        Verdict::Unrouted => json!({"kind": "unrouted"}),
    }
}

fn now() -> UnixMillis {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}
