//! Listens for SIGHUP, SIGUSR1 and changed rule files, and brings good rules to the detector.

use std::sync::Arc;

use actix::Addr;
use anyhow::Context as _;
use metrics::counter;
use tiercel_detection::OutputContext;
use tiercel_detection::event::KindSet;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{debug, error, info, warn};

use super::actor::{DetectActor, InternalAlert, ReplaceRules};
use super::reload::{Verdict, judge, one_line};
use super::rules;
use super::state::RulesState;
use super::watch::RuleWatch;
use crate::clock::now;
use crate::config::RulesConfig;
use crate::outputs::Reopener;

/// Loads rules anew whenever somebody asks for it.
#[derive(Debug)]
pub struct Reloader {
    config: RulesConfig,
    /// The kinds of events that the live sensor records, if it is the source.
    recorded: Option<KindSet>,
    context: OutputContext,
    state: Arc<RulesState>,
    detect: Addr<DetectActor>,
    reopener: Reopener,
    /// The rules of the start asked for it.
    records_environment: bool,
}

impl Reloader {
    /// Wires it to detection and to the local outputs, which SIGUSR1 opens anew.
    pub fn new(
        config: RulesConfig,
        recorded: Option<KindSet>,
        context: OutputContext,
        state: Arc<RulesState>,
        detect: Addr<DetectActor>,
        reopener: Reopener,
        records_environment: bool,
    ) -> Self {
        Self { config, recorded, context, state, detect, reopener, records_environment }
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
        if watch.is_some() {
            // What changed between the first load and the watch would go unnoticed until the next change.
            self.reload("start").await;
        }
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
        let recorded = self.recorded;
        let work = tokio::task::spawn_blocking(move || judge(&config, recorded, &present, &context, now()));
        let delivered = match work.await.expect("a panic ends the process") {
            Verdict::Unchanged => {
                debug!(why, "the rule files are the same as before");
                Ok(())
            }
            Verdict::Loaded(loaded) => {
                info!(why, rules = loaded.report.rules_enabled, "rules loaded anew");
                counter!("tiercel_agent_rule_reloads_total", "result" => "loaded").increment(1);
                for diagnostic in loaded.report.warnings() {
                    warn!(warning = one_line(diagnostic), "rule is suspicious");
                }
                if rules::read_environment(&loaded.rules) && !self.records_environment {
                    warn!("the new rules look at the environment of programs, which is recorded after a restart only");
                }
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
