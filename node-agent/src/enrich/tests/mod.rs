//! The room from outside: observations in, state and events out.

mod events;
mod state;
mod world;
