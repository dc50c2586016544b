//! The kernel programs of Tiercel as bytes, and the layout of what they read and write.
//!
//! The programs are C (`src/bpf`), compiled by the build script into one relocatable object; nothing here runs in the
//! kernel or talks to it. Loading is the work of the agent's `capture` room.

pub mod abi;

/// Alignment that ELF readers expect of an object in memory.
#[repr(C, align(32))]
struct Aligned<Bytes: ?Sized>(Bytes);

static SENSOR: &Aligned<[u8]> = &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/sensor.bpf.o")));

/// Returns the compiled programs as an ELF object with BTF.
pub fn sensor_object() -> &'static [u8] {
    &SENSOR.0
}
