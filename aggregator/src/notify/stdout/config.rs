//! The configuration of a `stdout` receiver.

use serde::Deserialize;

/// `stdout: {}`; there is nothing to choose.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawConfig {}
