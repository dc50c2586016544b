//! Bytes of a record to an observation: one function for each record, none of which trusts the bytes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tiercel_ebpf::abi::{self, Span};

use super::observation::{
    Act, Address, Class, Dup, Exec, Exit, FileObject, Fork, GivenPath, Network, Observation, Open, PathCall, Scalar,
    SocketObject, TaskIdentity, Text,
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
        compat: header.flags & abi::HEADER_COMPAT != 0,
        act,
    })
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
        given: address(tail.bytes(record.given)),
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

fn is_cut(span: Span) -> bool {
    span.length & abi::SPAN_CUT != 0
}

fn empty() -> Text {
    "".into()
}

fn lossy(bytes: &[u8]) -> Text {
    String::from_utf8_lossy(bytes).into()
}

/// The bytes after the fixed part of a record. A span that points outside of it is empty.
struct Tail<'a>(&'a [u8]);

impl<'a> Tail<'a> {
    fn after<Record>(bytes: &'a [u8]) -> Self {
        Self(bytes.get(size_of::<Record>()..).unwrap_or_default())
    }

    fn bytes(&self, span: Span) -> &'a [u8] {
        let start = usize::from(span.offset);
        self.0.get(start..start + usize::from(span.length & !abi::SPAN_CUT)).unwrap_or_default()
    }

    fn text(&self, span: Span) -> Text {
        lossy(self.bytes(span))
    }

    /// Strings that are each ended by a zero byte; the last one of a cut span is not.
    fn strings(&self, span: Span) -> Vec<Text> {
        let bytes = self.bytes(span);
        if bytes.is_empty() {
            return Vec::new();
        }
        bytes.strip_suffix(b"\0").unwrap_or(bytes).split(|byte| *byte == 0).map(lossy).collect()
    }

    /// An absolute path from names that were written from the leaf to the root.
    fn path(&self, span: Span) -> Text {
        let bytes = self.bytes(span);
        let names = bytes.strip_suffix(b"\0").unwrap_or(bytes);
        if names.is_empty() {
            return "/".into();
        }
        let mut path = Vec::with_capacity(names.len() + 1);
        for name in names.rsplit(|byte| *byte == 0) {
            path.push(b'/');
            path.extend_from_slice(name);
        }
        lossy(&path)
    }

    fn file(&self, file: &abi::FileObject) -> Option<FileObject> {
        if file.flags & abi::FILE_PRESENT == 0 {
            return None;
        }
        let rootless = file.flags & abi::FILE_ROOTLESS != 0;
        Some(FileObject {
            path: match pseudo_prefix(file.filesystem_magic) {
                Some(prefix) => format!("{prefix}:[{}]", file.inode).into(),
                None if rootless => self.rootless_name(file),
                None => self.path(file.path),
            },
            deleted: file.flags & abi::FILE_DELETED != 0,
            truncated: is_cut(file.path),
            device: file.device,
            inode: file.inode,
            links: file.links,
            mode: file.mode,
            filesystem_magic: file.filesystem_magic,
            upper_layer: file.flags & abi::FILE_UPPER_LAYER != 0,
            lower_layer: file.flags & abi::FILE_LOWER_LAYER != 0,
        })
    }

    /// The name of a file that belongs to no directory tree, as /proc/PID/fd prints it.
    fn rootless_name(&self, file: &abi::FileObject) -> Text {
        let name = self.bytes(file.path).split(|byte| *byte == 0).next().unwrap_or_default();
        let prefix = if file.filesystem_magic == ANON_INODE_MAGIC { "anon_inode:" } else { "" };
        format!("{prefix}{}", String::from_utf8_lossy(name)).into()
    }

    fn given(&self, path: &abi::GivenPath) -> GivenPath {
        let starts_somewhere = path.flags & abi::GIVEN_RELATIVE != 0 && !is_cut(path.directory);
        GivenPath {
            directory_fd: path.directory_fd,
            directory: if starts_somewhere { self.path(path.directory) } else { empty() },
            given: self.text(path.given),
        }
    }

    fn task(&self, task: &abi::TaskIdentity) -> TaskIdentity {
        TaskIdentity {
            parent_pid: task.parent_pid,
            parent_started_boot_ns: task.parent_started_boot_ns,
            virtual_pid: task.virtual_pid,
            virtual_tid: task.virtual_tid,
            session_id: task.session_id,
            group_id: task.group_id,
            virtual_group_id: task.virtual_group_id,
            tty: task.tty,
            login_uid: task.login_uid,
            uid: task.uid,
            gid: task.gid,
            capabilities: [task.cap_permitted, task.cap_effective, task.cap_inheritable],
            namespaces: [task.pid_namespace, task.mount_namespace, task.net_namespace, task.user_namespace],
            pid_namespace_started_boot_ns: task.pid_namespace_started_boot_ns,
            cgroup: self.path(task.cgroup),
            name: lossy(task.name.split(|byte| *byte == 0).next().unwrap_or_default()),
        }
    }

    fn socket(&self, socket: &abi::SocketObject) -> Option<SocketObject> {
        if socket.present == 0 {
            return None;
        }
        let (local, remote) = match i32::from(socket.family) {
            libc::AF_INET => (
                endpoint(v4(socket.local_address), socket.local_port),
                endpoint(v4(socket.remote_address), socket.remote_port),
            ),
            libc::AF_INET6 => (
                endpoint(v6(socket.local_address), socket.local_port),
                endpoint(v6(socket.remote_address), socket.remote_port),
            ),
            libc::AF_UNIX => {
                (Some(self.unix(socket.unix_local)), (socket.unix_peer != 0).then(|| self.unix(socket.unix_remote)))
            }
            _ => (None, None),
        };
        Some(SocketObject {
            family: socket.family,
            kind: socket.kind,
            protocol: socket.protocol,
            state: if socket.protocol == IPPROTO_TCP { socket.state } else { 0 },
            local,
            remote,
            inode: socket.inode,
            unix_pointers: [socket.unix_self, socket.unix_peer],
        })
    }

    fn unix(&self, span: Span) -> Address {
        address(self.bytes(span)).unwrap_or(Address::Unix(empty()))
    }
}

const IPPROTO_TCP: u16 = 6;
/// `ANON_INODE_FS_MAGIC` of `linux/magic.h`.
const ANON_INODE_MAGIC: u32 = 0x0904_1934;

/// File systems whose files have no names (`linux/magic.h`): they are called by their inode numbers.
fn pseudo_prefix(filesystem_magic: u32) -> Option<&'static str> {
    match filesystem_magic {
        0x5049_5045 => Some("pipe"),
        0x534f_434b => Some("socket"),
        0x6e73_6673 => Some("ns"),
        0x5049_4446 => Some("pidfd"),
        _ => None,
    }
}

fn v4(bytes: [u8; 16]) -> IpAddr {
    Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3]).into()
}

fn v6(bytes: [u8; 16]) -> IpAddr {
    Ipv6Addr::from(bytes).to_canonical()
}

/// An end of an internet socket; `None` while it has neither an address nor a port.
fn endpoint(ip: IpAddr, port: u16) -> Option<Address> {
    (port != 0 || !ip.is_unspecified()).then_some(Address::Ip(ip, port))
}

/// Decodes the bytes of a `struct sockaddr`; `None` when there is not even a family.
fn address(bytes: &[u8]) -> Option<Address> {
    let (family, rest) = bytes.split_first_chunk::<2>()?;
    let family = u16::from_ne_bytes(*family);
    let port = || rest.first_chunk::<2>().map(|port| u16::from_be_bytes(*port));
    Some(match i32::from(family) {
        libc::AF_INET => Address::Ip(Ipv4Addr::from(*rest.get(2..)?.first_chunk::<4>()?).into(), port()?),
        // Port, flow label, address.
        libc::AF_INET6 => Address::Ip(Ipv6Addr::from(*rest.get(6..)?.first_chunk::<16>()?).to_canonical(), port()?),
        libc::AF_UNIX => Address::Unix(unix_name(rest)),
        _ => Address::Other(family),
    })
}

/// A path up to its zero byte, or the whole of an abstract name behind an `@`.
fn unix_name(bytes: &[u8]) -> Text {
    match bytes.split_first() {
        None => empty(),
        Some((0, [])) => empty(),
        Some((0, name)) => format!("@{}", String::from_utf8_lossy(name).trim_end_matches('\0')).into(),
        Some(_) => lossy(bytes.split(|byte| *byte == 0).next().unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KINDS: std::ops::RangeInclusive<u16> = 0..=9;

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
            prop_assert_eq!(observation(&bytes).is_ok(), (1..=8).contains(&kind));
        }

        #[test]
        fn a_record_cut_anywhere_does_not_panic(kind in 1u16..9, length in 0usize..300) {
            let mut bytes = vec![0xffu8; 300];
            bytes[48..50].copy_from_slice(&kind.to_ne_bytes());
            bytes[54] = abi::CLASS_BULK;
            bytes.truncate(length);
            let decoded = observation(&bytes);
            prop_assert!(decoded.is_ok() || matches!(decoded, Err(Malformed::Short(_))));
        }
    }

    #[test]
    fn path_is_turned_round_and_the_root_is_a_slash() {
        let tail = Tail(b"shadow\0etc\0");
        assert_eq!(&*tail.path(Span { offset: 0, length: 11 }), "/etc/shadow");
        assert_eq!(&*tail.path(Span { offset: 0, length: 0 }), "/");
        assert_eq!(&*tail.path(Span { offset: 9, length: 11 }), "/", "a span outside of the tail is empty");
    }

    #[test]
    fn empty_arguments_are_kept() {
        let tail = Tail(b"sh\0\0-c\0");
        let texts = tail.strings(Span { offset: 0, length: 7 });
        assert_eq!(texts.iter().map(|text| &**text).collect::<Vec<_>>(), ["sh", "", "-c"]);
    }

    #[test]
    fn addresses_of_each_family() {
        #[track_caller]
        fn check(bytes: &[u8], expected: Option<Address>) {
            assert_eq!(address(bytes), expected);
        }
        check(b"\x02\0\x1f\x90\x7f\0\0\x01", Some(Address::Ip(Ipv4Addr::LOCALHOST.into(), 8080)));
        let mapped = [&b"\x0a\0\x00\x50\0\0\0\0"[..], &[0; 10], &[0xff, 0xff, 10, 0, 0, 1]].concat();
        check(&mapped, Some(Address::Ip(Ipv4Addr::new(10, 0, 0, 1).into(), 80)));
        check(b"\x01\0/run/a.sock\0junk", Some(Address::Unix("/run/a.sock".into())));
        check(b"\x01\0\0name", Some(Address::Unix("@name".into())));
        check(b"\x01\0", Some(Address::Unix("".into())));
        check(b"\x10\0whatever", Some(Address::Other(16)));
        check(b"\x02\0\x1f", None);
        check(b"\x02", None);
    }
}
