//! JSON to audit events: an `EventList`, an `Event`, or an array of both.

use serde_json::Value as Json;
use tiercel_detection::event::{Document, Timestamp};

/// Largest body and largest event. API servers send batches of at most 10 MiB unless they are told otherwise; Falco
/// takes a fifth more than that.
pub const BODY_BYTES_MAX: usize = 12 << 20;

/// Why a text holds no audit events.
#[derive(Debug, thiserror::Error)]
pub enum NotAudit {
    /// It is not JSON.
    #[error("failed to parse audit events: {0}")]
    Json(#[from] serde_json::Error),
    /// It is JSON of something else.
    #[error("data not recognized as a k8s audit event: neither an Event nor an EventList of audit.k8s.io")]
    Kind,
}

/// What was found in a text.
#[derive(Debug, Default)]
pub struct Parsed {
    /// The events, in their order, not numbered yet.
    pub events: Vec<Document>,
    /// Events without a time at which they happened.
    pub rejected: u64,
}

/// Reads the events of a text.
///
/// # Errors
/// When the text, or a part of the array that it is, is no audit event.
pub fn parse(text: &[u8]) -> Result<Parsed, NotAudit> {
    let mut parsed = Parsed::default();
    collect(serde_json::from_slice(text)?, &mut parsed)?;
    Ok(parsed)
}

fn collect(value: Json, parsed: &mut Parsed) -> Result<(), NotAudit> {
    match value {
        Json::Array(items) => items.into_iter().try_for_each(|item| collect(item, parsed)),
        Json::Object(mut object) => match object.get("kind").and_then(Json::as_str) {
            Some("EventList") => match object.remove("items") {
                Some(Json::Array(items)) => {
                    items.into_iter().for_each(|item| event(item, parsed));
                    Ok(())
                }
                // What Go's encoder makes of a list that holds nothing.
                Some(Json::Null) => Ok(()),
                Some(Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Object(_)) | None => Err(NotAudit::Kind),
            },
            Some("Event") => {
                event(Json::Object(object), parsed);
                Ok(())
            }
            Some(_) | None => Err(NotAudit::Kind),
        },
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => Err(NotAudit::Kind),
    }
}

fn event(value: Json, parsed: &mut Parsed) {
    match reached_at(&value) {
        Some(time) => parsed.events.push(Document { number: 0, time, value }),
        None => parsed.rejected += 1,
    }
}

/// When the request reached the stage that the event is about.
fn reached_at(event: &Json) -> Option<Timestamp> {
    let moment: jiff::Timestamp = event.get("stageTimestamp")?.as_str()?.parse().ok()?;
    u64::try_from(moment.as_nanosecond()).ok().map(Timestamp)
}
