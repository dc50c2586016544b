//! `fdlist.*`: the descriptors that `poll` watches.

use super::super::{FieldId, Value};
use super::EventView;
use crate::event::{Endpoint, Polled};

/// What stands for a descriptor or an address that is not known.
const UNKNOWN: &str = "<NA>";

#[expect(clippy::wildcard_enum_match_arm, reason = "the class has no other fields")]
pub(super) fn value(view: EventView<'_>, id: FieldId) -> Option<Value<'_>> {
    let polled = &view.details()?.polled;
    let connected = polled.iter().any(|it| it.ends.is_some());
    if polled.is_empty() || !connected && !matches!(id, FieldId::FdlistNums | FieldId::FdlistNames) {
        return None;
    }
    Some(match id {
        FieldId::FdlistNums => each(polled, |it| Some(it.number.to_string())),
        FieldId::FdlistNames => each(polled, |it| it.name.as_ref().map(|name| name.to_string())),
        FieldId::FdlistCips => each(polled, |it| it.ends.map(|(client, _)| address(client))),
        FieldId::FdlistSips => each(polled, |it| it.ends.map(|(_, server)| address(server))),
        FieldId::FdlistCports => each(polled, |it| it.ends.map(|(client, _)| client.port.to_string())),
        FieldId::FdlistSports => each(polled, |it| it.ends.map(|(_, server)| server.port.to_string())),
        _ => return None,
    })
}

fn each<'a>(polled: &[Polled], text: impl Fn(&Polled) -> Option<String>) -> Value<'a> {
    let texts: Vec<String> = polled.iter().map(|it| text(it).unwrap_or_else(|| UNKNOWN.to_owned())).collect();
    Value::owned(texts.join(","))
}

fn address(end: Endpoint) -> String {
    end.address.to_string()
}
