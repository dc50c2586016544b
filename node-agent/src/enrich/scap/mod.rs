//! From the events of a capture to the events that rules judge: threads, descriptors and accounts are followed the way
//! Falco follows them, because the capture was made for it.

mod accounts;
mod address;
mod call;
mod containers;
mod describe;
mod descriptor;
mod interfaces;
mod learn;
mod parameters;
mod path;
mod state;
mod thread;
mod threads;

pub use state::CaptureState;
