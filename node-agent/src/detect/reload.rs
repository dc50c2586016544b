//! Loads rules anew, on SIGHUP and when a file changes: a good set replaces the present one, a bad one changes nothing
//! and is reported.

use std::sync::Arc;

use actix::Addr;
use anyhow::Context as _;
use metrics::counter;
use tiercel_detection::alert::FieldValue;
use tiercel_detection::event::{Text, Timestamp};
use tiercel_detection::{Alert, OutputContext, Priority};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{debug, error, info};

use super::actor::{DetectActor, InternalAlert, ReplaceRules, now};
use super::internal;
use super::rules::{self, FileDigest, LoadedRules};
use super::state::RulesState;
use super::watch::RuleWatch;
use crate::config::RulesConfig;
use crate::outputs::Reopener;

/// Name of the alert that tells of a reload that was refused.
const RULE: &str = "Tiercel internal: rules not reloaded";

/// Errors that the alert quotes; the log has all of them.
const ERRORS_QUOTED_MAX: usize = 5;

/// Loads rules anew whenever somebody asks for it.
#[derive(Debug)]
pub struct Reloader {
    config: RulesConfig,
    context: OutputContext,
    state: Arc<RulesState>,
    detect: Addr<DetectActor>,
    reopener: Reopener,
}

impl Reloader {
    /// Wires it to detection and to the local outputs, which SIGUSR1 opens anew.
    pub fn new(
        config: RulesConfig,
        context: OutputContext,
        state: Arc<RulesState>,
        detect: Addr<DetectActor>,
        reopener: Reopener,
    ) -> Self {
        Self { config, context, state, detect, reopener }
    }

    /// Starts to listen for SIGHUP, SIGUSR1 and, if configured, for changes of the files.
    ///
    /// # Errors
    /// When signals or files cannot be watched.
    pub fn start(self) -> anyhow::Result<()> {
        let hangup = signal(SignalKind::hangup()).context("failed to listen for SIGHUP")?;
        let user = signal(SignalKind::user_defined1()).context("failed to listen for SIGUSR1")?;
        let watch = if self.config.watch && !self.config.files.is_empty() {
            Some(RuleWatch::start(&self.config.files).context("failed to watch the rule files")?)
        } else {
            None
        };
        actix_rt::spawn(self.listen(hangup, user, watch));
        Ok(())
    }

    async fn listen(self, mut hangup: Signal, mut user: Signal, mut watch: Option<RuleWatch>) {
        loop {
            tokio::select! {
                Some(()) = hangup.recv() => self.reload("SIGHUP").await,
                true = RuleWatch::next(&mut watch) => self.reload("files changed").await,
                Some(()) = user.recv() => self.reopener.reopen(),
                else => return,
            }
        }
    }

    async fn reload(&self, why: &'static str) {
        let (config, context, present) = (self.config.clone(), self.context.clone(), self.state.digests());
        let work = tokio::task::spawn_blocking(move || judge(&config, &present, &context, now()));
        let delivered = match work.await.expect("a panic ends the process") {
            Verdict::Unchanged => {
                debug!(why, "the rule files are the same as before");
                Ok(())
            }
            Verdict::Loaded(loaded) => {
                info!(why, rules = loaded.report.rules_enabled, "rules loaded anew");
                counter!("tiercel_agent_rule_reloads_total", "result" => "loaded").increment(1);
                self.state.replace(&loaded);
                self.detect.send(ReplaceRules(loaded)).await
            }
            Verdict::Refused(alert) => {
                counter!("tiercel_agent_rule_reloads_total", "result" => "refused").increment(1);
                self.detect.send(InternalAlert(alert)).await
            }
        };
        if let Err(error) = delivered {
            error!(%error, "failed to reach detection");
        }
    }
}

/// What the files are worth.
#[derive(Debug)]
enum Verdict {
    /// The files are the same as before.
    Unchanged,
    /// These rules are good.
    Loaded(Box<LoadedRules>),
    /// The old rules stay; the alert says why.
    Refused(Box<Alert>),
}

/// Reads the configured rules and judges them as a whole.
fn judge(config: &RulesConfig, present: &[FileDigest], context: &OutputContext, now: Timestamp) -> Verdict {
    let refused = |count: usize, reason: String| Verdict::Refused(Box::new(alert(context, count, &reason, now)));
    match rules::load(config) {
        Ok(loaded) if loaded.digests == present => Verdict::Unchanged,
        Ok(loaded) if loaded.report.is_ok() => Verdict::Loaded(Box::new(loaded)),
        Ok(loaded) => {
            let errors: Vec<_> = loaded.report.errors().map(one_line).collect();
            for error in &errors {
                error!(error, "rules not loaded anew: the old ones stay");
            }
            refused(errors.len(), errors[..errors.len().min(ERRORS_QUOTED_MAX)].join("; "))
        }
        Err(error) => {
            let reason = format!("{:#}", anyhow::Error::new(error));
            error!(error = reason, "rules not loaded anew: the old ones stay");
            refused(1, reason)
        }
    }
}

/// A mistake in a rule as one line with its place.
pub fn one_line(diagnostic: &tiercel_detection::rule::Diagnostic) -> String {
    let place = diagnostic.locations.last().map(|location| {
        let position = &location.position;
        format!("{}:{}:{}: {} ", position.file, position.line, position.column, location.item_name)
    });
    format!("{}{}: {}", place.unwrap_or_default(), diagnostic.code.name(), diagnostic.message)
}

fn alert(context: &OutputContext, errors: usize, reason: &str, now: Timestamp) -> Alert {
    let fields = vec![
        (Text::from("errors"), FieldValue::Unsigned(errors as u64)),
        (Text::from("reason"), FieldValue::Text(reason.into())),
    ];
    internal::alert(context, RULE, Priority::Critical, &format!("{RULE}, the old ones stay."), fields, now)
}
