//! The input of the agent: what is configured, wired to detection.

use std::sync::Arc;

use actix::prelude::*;
use anyhow::Context as _;
use tiercel_detection::event::Document;
use tiercel_proto::mtls::door_config;
use tracing::info;

use super::{Intake, Overloaded, Webhook, follow, serve};
use crate::config::{KubernetesAuditConfig, WebhookConfig};

/// Audit events that came together.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct AuditBatch(pub Vec<Document>);

/// Starts what is configured; the webhook, if there is one, is to be stopped before detection ends.
///
/// # Errors
/// When the webhook cannot listen or its certificate cannot be used.
pub fn start(config: &KubernetesAuditConfig, detect: &Recipient<AuditBatch>) -> anyhow::Result<Option<Webhook>> {
    if let Some(file) = &config.file {
        follow(file.clone(), intake(detect.clone()));
        info!(file = %file.display(), "audit log is followed");
    }
    let Some(WebhookConfig { listen, path, tls }) = &config.webhook else { return Ok(None) };
    let tls = tls.as_ref().map(|tls| door_config(&tls.certificate, &tls.key, tls.client_ca.as_deref()));
    let tls = tls.transpose().context("failed to load the certificate of the audit webhook")?;
    serve(*listen, path, tls, intake(detect.clone())).map(Some)
}

/// Waits until the events are judged: that is what an API server is answered, and what holds back reading a file.
fn intake(detect: Recipient<AuditBatch>) -> Intake {
    Arc::new(move |events| {
        let judged = detect.send(AuditBatch(events));
        Box::pin(async move { judged.await.map_err(|_| Overloaded) })
    })
}
