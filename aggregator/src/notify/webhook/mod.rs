//! Posts each notification as JSON to a URL, with headers by which the receiver can check it and recognise a repeat.

mod config;
mod message;
mod send;
#[cfg(test)]
mod tests;

pub use config::RawConfig;
pub(super) use send::WebhookNotifier;
