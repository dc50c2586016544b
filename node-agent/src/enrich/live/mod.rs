//! What rules ask of the machine while an event is judged: the process in /proc, and the names of addresses.

mod descriptors;
mod names;
mod resources;
mod sockets;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use procfs::FromRead;
use procfs::process::Stat;
use tiercel_detection::event::{Event, FdKind, Resources, Surroundings, Text};

use super::process::ticks_of;
use names::HostNames;

/// The live machine as an answer to rules. Answers are read when they are asked for; those about memory and threads are
/// kept until another event asks, because rules and outputs tend to ask for several of them.
#[derive(Debug, Default)]
pub struct LiveMachine {
    names: HostNames,
    latest: Mutex<Option<(u64, Option<Resources>)>>,
}

impl LiveMachine {
    /// Looks the addresses of these host names up from now on, and of no others.
    pub fn follow_names(&self, names: impl IntoIterator<Item = Text>) {
        self.names.follow(names);
    }
}

impl Surroundings for LiveMachine {
    fn resources(&self, event: &Event) -> Option<Resources> {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((number, resources)) = *latest
            && number == event.number
        {
            return resources;
        }
        let found = directory_of(event).and_then(|proc| resources::read(&proc, event));
        *latest = Some((event.number, found));
        found
    }

    fn fd_count(&self, event: &Event) -> Option<u64> {
        descriptors::count(&directory_of(event)?)
    }

    fn fd_kinds(&self, event: &Event) -> Option<Vec<FdKind>> {
        descriptors::kinds(&directory_of(event)?)
    }

    fn descriptor(&self, event: &Event, number: u32) -> Option<(FdKind, Text)> {
        descriptors::one(&directory_of(event)?, number)
    }

    fn names_of(&self, address: IpAddr) -> Option<Arc<[Text]>> {
        self.names.of(address)
    }
}

/// The directory of the process in /proc, if it is still the one of the event.
fn directory_of(event: &Event) -> Option<PathBuf> {
    let key = event.process.key;
    let directory = PathBuf::from(format!("/proc/{}", key.pid));
    let started = stat(&directory)?.starttime;
    (key.started_boot_ns == 0 || started == ticks_of(key.started_boot_ns)).then_some(directory)
}

fn stat(directory: &std::path::Path) -> Option<Stat> {
    Stat::from_read(std::fs::File::open(directory.join("stat")).ok()?).ok()
}

#[cfg(test)]
mod tests;
