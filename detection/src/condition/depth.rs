//! Room for what recurses over conditions.

/// Stack for the deepest condition. In a build without optimisation the passes over one need about 4 KiB for each of
/// the [`super::DEPTH_MAX`] levels; pages that are not touched cost nothing.
const STACK_BYTES: usize = 32 << 20;

/// Does on a stack of known size what threads with the usual one could not be sure to do.
pub(crate) fn with_deep_stack<T>(act: impl FnOnce() -> T) -> T {
    stacker::grow(STACK_BYTES, act)
}
