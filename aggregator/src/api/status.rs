//! `GET /api/v1/status`, `/counters`, `/receivers`, and the two questions of load balancers.

use actix_web::http::header::ContentType;
use actix_web::{HttpResponse, web};
use serde_json::{Value, json};

use super::{Api, Sums, not_ready};
use crate::history::HistoryStats;
use crate::notify::{Notifier, Receivers, rfc3339};
use crate::raft::ClusterStatus;

/// The node, its cluster and its history.
pub(super) async fn status(api: web::Data<Api>) -> HttpResponse {
    answer(&status_json(&api.node_name, &api.view.status(), &api.view.sums(), &api.history.stats()))
}

/// The sums that must add up.
pub(super) async fn counters(api: web::Data<Api>) -> HttpResponse {
    answer(&counters_json(&api.view.sums(), api.view.status().applied_index))
}

/// The receivers, what they are owed and how this node got on with them.
pub(super) async fn receivers(api: web::Data<Api>) -> HttpResponse {
    answer(&receivers_json(&api.receivers, &api.view.sums()))
}

/// Says that the process answers.
pub(super) async fn healthz() -> HttpResponse {
    answer(&json!({"status": "ok"}))
}

/// Says whether the node can serve, and if not, why.
pub(super) async fn readyz(api: web::Data<Api>) -> HttpResponse {
    readiness(not_ready(&api.view.status()))
}

pub(crate) fn readiness(not_ready: Option<&str>) -> HttpResponse {
    match not_ready {
        None => answer(&json!({"status": "ok"})),
        Some(reason) => HttpResponse::ServiceUnavailable()
            .content_type(ContentType::json())
            .body(json!({"status": "not ready", "reason": reason}).to_string()),
    }
}

fn answer(document: &Value) -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::json()).body(document.to_string())
}

fn status_json(name: &str, status: &ClusterStatus, sums: &Sums, history: &HistoryStats) -> Value {
    let members = status.members.iter().map(|member| {
        json!({
            "id": member.node,
            "raft": member.member.raft,
            "ingest": member.member.ingest,
            "votes": member.votes,
            "leads": status.leader == Some(member.node),
            "matched_index": member.matched_index,
        })
    });
    json!({
        "node": {"id": status.node, "name": name, "version": env!("CARGO_PKG_VERSION")},
        "cluster_id": status.cluster_id,
        "role": status.role.name(),
        "leader": status.leader,
        "term": status.term,
        "last_log_index": status.last_log_index,
        "applied_index": status.applied_index,
        "snapshot_index": status.snapshot_index,
        "quorum_silent_ms": status.quorum_silent_ms,
        "members": members.collect::<Vec<_>>(),
        "ready": not_ready(status).is_none(),
        "not_ready": not_ready(status),
        "history": {
            "alerts": history.totals.records,
            "bytes": history.totals.bytes,
            "newest_at": history.totals.newest_at.map(rfc3339),
            "queued": history.queued_records,
            "shed": history.shed_records,
        },
        "counters": counters_json(sums, status.applied_index),
    })
}

/// accepted = notified + suppressed, by reason; and each group below adds up in the same way.
fn counters_json(sums: &Sums, applied_index: Option<u64>) -> Value {
    let counters = &sums.counters;
    let by_name =
        |map: Vec<(&str, u64)>| Value::Object(map.into_iter().map(|(name, n)| (name.to_owned(), n.into())).collect());
    json!({
        "as_of": rfc3339(sums.as_of),
        "applied_index": applied_index,
        "accepted": counters.accepted,
        "duplicates": counters.duplicates,
        "invalid": counters.invalid,
        "acknowledged_earlier": counters.acknowledged_earlier,
        "notified": counters.told,
        "suppressed": {
            "repeat": counters.repeats,
            "rate_limit": counters.folded,
            "no_receiver": counters.unrouted,
        },
        "lost": by_name(counters.lost.iter().map(|(reason, n)| (reason.as_ref(), *n)).collect()),
        "refused_batches": {
            "gap": counters.gaps,
            "conflict": counters.conflicts,
            "too_many_producers": counters.producers_refused,
        },
        "routed": {
            "total": counters.routed,
            "told": counters.routed_told,
            "rate_limit": counters.routed_folded,
            "outbox_full": counters.routed_overflowed,
            "summarised": counters.routed_summarised,
        },
        "notifications": {
            "total": counters.notifications,
            "delivered": counters.delivered,
            "dead": by_name(counters.dead.iter().map(|(reason, n)| (reason.name(), *n)).collect()),
            "waiting": sums.backlogs.iter().map(|backlog| backlog.waiting + backlog.claimed).sum::<u64>(),
            "attempts": counters.attempts,
            "retries": counters.retries,
            "ambiguous": counters.ambiguous,
        },
        "imbalance": sums.imbalance,
    })
}

fn receivers_json(receivers: &Receivers, sums: &Sums) -> Value {
    let configured = receivers.iter().map(|(name, notifier)| {
        let figures = notifier.figures();
        let backlog = sums.backlogs.iter().find(|backlog| backlog.receiver.as_ref() == name);
        json!({
            "name": name,
            "kind": notifier.kind(),
            "target": notifier.target(),
            "waiting": backlog.map_or(0, |backlog| backlog.waiting),
            "claimed": backlog.map_or(0, |backlog| backlog.claimed),
            "oldest_at": backlog.map(|backlog| rfc3339(backlog.oldest_at)),
            "last_error": backlog.and_then(|backlog| backlog.last_error.as_deref()),
            "attempts_of_this_node": {
                "delivered": figures.delivered,
                "retryable": figures.retryable,
                "final": figures.permanent,
            },
        })
    });
    json!({"receivers": configured.collect::<Vec<_>>()})
}
