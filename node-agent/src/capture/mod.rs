//! Where observations come from: the kernel, or a recording.

pub mod observation;

pub use observation::Observation;
