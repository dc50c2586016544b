//! Bytes of a record to an observation: one function for each record, none of which trusts the bytes.

mod address;
mod tail;

use tiercel_ebpf::abi;

use self::tail::{Tail, empty, is_cut};
use super::observation::{
    Act, Changed, Class, Dup, Entry, Exec, Exit, Fork, Network, Observation, Open, PathCall, Scalar,
};

/// A record that does not have the form it should have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The fixed part is not complete.
    #[error("record of {0} bytes is too short")]
    Short(usize),
    /// No such kind of record.
    #[error("record kind {0} is unknown")]
    Kind(u16),
    /// No such class.
    #[error("record class {0} is unknown")]
    Class(u8),
}

/// Decodes one record.
pub fn observation(bytes: &[u8]) -> Result<Observation, Malformed> {
    let header = abi::RecordHeader::read(bytes).ok_or(Malformed::Short(bytes.len()))?;
    let class = class(header.class)?;
    let act = match header.kind {
        abi::RECORD_EXEC => exec(bytes),
        abi::RECORD_FORK => fork(bytes),
        abi::RECORD_EXIT => exit(bytes),
        abi::RECORD_OPEN => open(bytes),
        abi::RECORD_NETWORK => network(bytes),
        abi::RECORD_PATH => path(bytes),
        abi::RECORD_DUP => dup(bytes),
        abi::RECORD_SCALAR => scalar(bytes),
        abi::RECORD_CHANGED => changed(bytes),
        other => return Err(Malformed::Kind(other)),
    }
    .ok_or(Malformed::Short(bytes.len()))?;
    Ok(Observation {
        boot_ns: header.boot_ns,
        cpu: header.cpu,
        class,
        sequence: header.sequence,
        pid: header.pid,
        tid: header.tid,
        started_boot_ns: header.started_boot_ns,
        uid: header.uid,
        gid: header.gid,
        entry: entry(header.flags),
        act,
    })
}

fn entry(flags: u8) -> Entry {
    if flags & abi::HEADER_IO_URING != 0 {
        Entry::IoUring
    } else if flags & abi::HEADER_COMPAT != 0 {
        Entry::Compat
    } else {
        Entry::Syscall
    }
}

fn class(class: u8) -> Result<Class, Malformed> {
    match class {
        abi::CLASS_CRITICAL => Ok(Class::Critical),
        abi::CLASS_NORMAL => Ok(Class::Normal),
        abi::CLASS_BULK => Ok(Class::Bulk),
        other => Err(Malformed::Class(other)),
    }
}

fn exec(bytes: &[u8]) -> Option<Act> {
    let record = abi::ExecRecord::read(bytes)?;
    let tail = Tail::after::<abi::ExecRecord>(bytes);
    let exe = tail.file(&record.exe).unwrap_or_default();
    Some(Act::Exec(Box::new(Exec {
        syscall: record.header.syscall.into(),
        result: record.header.result,
        task: tail.task(&record.task),
        filename: tail.text(record.filename),
        exe_path: exe.path,
        arguments: tail.strings(record.arguments),
        environment: tail.strings(record.environment),
        cwd: if record.header.result < 0 { empty() } else { tail.path(record.cwd) },
        exe_device: exe.device,
        exe_inode: exe.inode,
        exe_links: exe.links,
        exe_changed_ns: record.exe_changed_ns,
        exe_modified_ns: record.exe_modified_ns,
        exe_writable: record.flags & abi::EXEC_WRITABLE != 0,
        exe_upper_layer: exe.upper_layer,
        exe_lower_layer: exe.lower_layer,
        exe_from_memfd: record.flags & abi::EXEC_FROM_MEMFD != 0,
        truncated: is_cut(record.arguments) || is_cut(record.environment),
    })))
}

fn fork(bytes: &[u8]) -> Option<Act> {
    let record = abi::ForkRecord::read(bytes)?;
    let tail = Tail::after::<abi::ForkRecord>(bytes);
    Some(Act::Fork(Fork {
        syscall: record.header.syscall.into(),
        child: tail.task(&record.child),
        child_pid: record.child_pid,
        child_tid: record.child_tid,
        child_started_boot_ns: record.child_started_boot_ns,
    }))
}

fn exit(bytes: &[u8]) -> Option<Act> {
    let record = abi::ExitRecord::read(bytes)?;
    Some(Act::Exit(Exit { code: record.code, last_thread: record.last_thread != 0, reaper_pid: record.reaper_pid }))
}

fn open(bytes: &[u8]) -> Option<Act> {
    let record = abi::OpenRecord::read(bytes)?;
    let tail = Tail::after::<abi::OpenRecord>(bytes);
    let path = tail.given(&record.path);
    Some(Act::Open(Open {
        syscall: record.header.syscall.into(),
        result: record.header.result,
        directory_fd: path.directory_fd,
        directory: path.directory,
        given: path.given,
        flags: record.flags,
        mode: record.mode,
        resolve: record.resolve,
        created: record.created != 0,
        file: tail.file(&record.file),
    }))
}

fn network(bytes: &[u8]) -> Option<Act> {
    let record = abi::NetworkRecord::read(bytes)?;
    let tail = Tail::after::<abi::NetworkRecord>(bytes);
    Some(Act::Network(Network {
        syscall: record.header.syscall.into(),
        result: record.header.result,
        fd: record.fd,
        arguments: record.arguments,
        socket: tail.socket(&record.socket),
        given: address::socket_address(tail.bytes(record.given)),
        data: tail.bytes(record.data).to_vec(),
    }))
}

fn path(bytes: &[u8]) -> Option<Act> {
    let record = abi::PathRecord::read(bytes)?;
    let tail = Tail::after::<abi::PathRecord>(bytes);
    Some(Act::Path(PathCall {
        syscall: record.header.syscall.into(),
        result: record.header.result,
        arguments: record.arguments,
        first: tail.given(&record.first),
        second: (record.second.flags & abi::GIVEN_PRESENT != 0).then(|| tail.given(&record.second)),
        file: tail.file(&record.file),
        text: tail.text(record.text),
    }))
}

fn dup(bytes: &[u8]) -> Option<Act> {
    let record = abi::DupRecord::read(bytes)?;
    let tail = Tail::after::<abi::DupRecord>(bytes);
    Some(Act::Dup(Dup {
        syscall: record.header.syscall.into(),
        result: record.header.result,
        arguments: record.arguments,
        file: tail.file(&record.file),
        socket: tail.socket(&record.socket),
    }))
}

fn scalar(bytes: &[u8]) -> Option<Act> {
    let record = abi::ScalarRecord::read(bytes)?;
    let tail = Tail::after::<abi::ScalarRecord>(bytes);
    Some(Act::Scalar(Scalar {
        syscall: record.header.syscall.into(),
        result: record.header.result,
        arguments: record.arguments,
        text: tail.text(record.text),
        file: tail.file(&record.file),
        task: (record.task.present != 0).then(|| Box::new(tail.task(&record.task))),
    }))
}

fn changed(bytes: &[u8]) -> Option<Act> {
    let record = abi::ChangedRecord::read(bytes)?;
    let tail = Tail::after::<abi::ChangedRecord>(bytes);
    Some(Act::Changed(Changed {
        syscall: record.header.syscall.into(),
        result: record.header.result,
        now: record.now.map(|path| tail.text(path)),
        then: record.then.map(|path| tail.text(path)),
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KINDS: std::ops::RangeInclusive<u16> = 0..=10;

    proptest! {
        #[test]
        fn any_bytes_are_decoded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..2048)) {
            let decoded = observation(&bytes);
            if bytes.len() < size_of::<abi::RecordHeader>() {
                prop_assert_eq!(decoded.unwrap_err(), Malformed::Short(bytes.len()));
            }
        }

        #[test]
        fn any_record_of_a_known_kind_is_decoded_when_its_fixed_part_is_there(
            kind in KINDS,
            class in 0u8..3,
            mut bytes in prop::collection::vec(any::<u8>(), 272..4096),
        ) {
            bytes[48..50].copy_from_slice(&kind.to_ne_bytes());
            bytes[54] = class;
            prop_assert_eq!(observation(&bytes).is_ok(), (1..=9).contains(&kind));
        }

        #[test]
        fn a_record_cut_anywhere_does_not_panic(kind in 1u16..10, length in 0usize..300) {
            let mut bytes = vec![0xffu8; 300];
            bytes[48..50].copy_from_slice(&kind.to_ne_bytes());
            bytes[54] = abi::CLASS_BULK;
            bytes.truncate(length);
            let decoded = observation(&bytes);
            prop_assert!(decoded.is_ok() || matches!(decoded, Err(Malformed::Short(_))));
        }
    }
}
