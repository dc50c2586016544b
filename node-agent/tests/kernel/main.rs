//! The sensor against the running kernel: a child process acts, and what the kernel programs say about it is compared.
//!
//! Needs root and a kernel with BTF; without them each test says loudly that it was skipped. Only acts of the child and
//! its descendants are captured, nothing of the rest of the machine is ever printed.

#![expect(clippy::unwrap_used, reason = "a step of a test that fails has failed the test")]
#![expect(clippy::wildcard_enum_match_arm, reason = "each test looks at one act among all")]
#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

mod actor;
mod asked;
mod changes;
mod doors;
mod exec;
mod files;
mod harness;
mod hooks;
mod identity;
mod losses;
mod network;
mod paths;
mod scope;
