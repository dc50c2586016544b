//! Room for what recurses over conditions.

use std::panic::resume_unwind;
use std::thread;

/// Stack for the deepest condition. In a build without optimisation the passes over one need about 4 KiB for each of
/// the [`super::DEPTH_MAX`] levels; pages that are not touched cost nothing.
const STACK_BYTES: usize = 32 << 20;

/// Does on a stack of known size what threads with the usual one could not be sure to do.
pub(crate) fn with_deep_stack<T: Send>(act: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let builder = thread::Builder::new().name("conditions".to_owned()).stack_size(STACK_BYTES);
        let thread = builder.spawn_scoped(scope, act).expect("rules are loaded while threads can be started");
        thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}
