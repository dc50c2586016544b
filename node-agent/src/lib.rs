//! The Tiercel sensor: capture, enrich, detect, uplink.

pub mod app;
pub mod capture;
pub mod clock;
pub mod config;
pub mod detect;
pub mod enrich;
pub mod input;
pub mod kubernetes_audit;
pub mod metrics;
pub mod outputs;
pub mod recorder;
pub mod shutdown;
pub mod status;
pub mod uplink;
