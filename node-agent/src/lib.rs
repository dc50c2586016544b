//! The Tiercel sensor: capture, enrich, detect, uplink.

pub mod capture;
pub mod config;
pub mod enrich;
