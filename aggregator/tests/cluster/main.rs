//! Whole nodes in one process, over mutual TLS on loopback.

#![expect(clippy::unwrap_used, reason = "a test ends where it fails")]

mod agent;
mod bench;
mod delivery;
mod receiver;
mod replication;
