//! The uplink: takes alerts, keeps them on disk, and hands them to the cluster until a quorum has them.

pub mod spool;
