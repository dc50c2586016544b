//! The bytes after the fixed part of a record: texts, paths, and the objects that refer to them.

use tiercel_ebpf::abi::{self, Span};

use super::address::{endpoint, socket_address, v4, v6};
use crate::capture::observation::{Address, FileObject, GivenPath, SocketObject, TaskIdentity, Text};

/// Stands where the kernel programs stopped walking towards the root, so that no rule takes the rest for a whole path:
/// whoever acts deep enough chooses what the rest looks like.
const CUT: &[u8] = b"<cut>";

pub(super) fn is_cut(span: Span) -> bool {
    span.length & abi::SPAN_CUT != 0
}

pub(super) fn empty() -> Text {
    "".into()
}

pub(super) fn lossy(bytes: &[u8]) -> Text {
    String::from_utf8_lossy(bytes).into()
}

/// The bytes after the fixed part of a record. A span that points outside of it is empty.
pub(super) struct Tail<'a>(&'a [u8]);

impl<'a> Tail<'a> {
    pub(super) fn after<Record>(bytes: &'a [u8]) -> Self {
        Self(bytes.get(size_of::<Record>()..).unwrap_or_default())
    }

    pub(super) fn bytes(&self, span: Span) -> &'a [u8] {
        let start = usize::from(span.offset);
        self.0.get(start..start + usize::from(span.length & !abi::SPAN_CUT)).unwrap_or_default()
    }

    pub(super) fn text(&self, span: Span) -> Text {
        lossy(self.bytes(span))
    }

    /// Strings that are each ended by a zero byte; the last one of a cut span is not.
    pub(super) fn strings(&self, span: Span) -> Vec<Text> {
        let bytes = self.bytes(span);
        if bytes.is_empty() {
            return Vec::new();
        }
        // Nothing in between costs one byte there and an allocation here, so all of it is shared.
        let nothing = lossy(b"");
        let text = |bytes: &[u8]| if bytes.is_empty() { Text::clone(&nothing) } else { lossy(bytes) };
        bytes.strip_suffix(b"\0").unwrap_or(bytes).split(|byte| *byte == 0).map(text).collect()
    }

    /// An absolute path from names that were written from the leaf to the root.
    pub(super) fn path(&self, span: Span) -> Text {
        let bytes = self.bytes(span);
        let names = bytes.strip_suffix(b"\0").unwrap_or(bytes);
        if names.is_empty() {
            return "/".into();
        }
        let mut path = Vec::with_capacity(names.len() + CUT.len() + 1);
        if is_cut(span) {
            path.extend_from_slice(CUT);
        }
        for name in names.rsplit(|byte| *byte == 0) {
            path.push(b'/');
            path.extend_from_slice(name);
        }
        lossy(&path)
    }

    pub(super) fn file(&self, file: &abi::FileObject) -> Option<FileObject> {
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
            in_layer: abi::FileIdentity::read(self.bytes(file.layer)).map(|file| (file.device, file.inode)),
        })
    }

    /// The name of a file that belongs to no directory tree, as /proc/PID/fd prints it.
    fn rootless_name(&self, file: &abi::FileObject) -> Text {
        let name = self.bytes(file.path).split(|byte| *byte == 0).next().unwrap_or_default();
        let prefix = if file.filesystem_magic == ANON_INODE_MAGIC { "anon_inode:" } else { "" };
        format!("{prefix}{}", String::from_utf8_lossy(name)).into()
    }

    pub(super) fn given(&self, path: &abi::GivenPath) -> GivenPath {
        let starts_somewhere = path.flags & abi::GIVEN_RELATIVE != 0 && !is_cut(path.directory);
        GivenPath {
            directory_fd: path.directory_fd,
            directory: if starts_somewhere { self.path(path.directory) } else { empty() },
            given: self.text(path.given),
        }
    }

    pub(super) fn task(&self, task: &abi::TaskIdentity) -> TaskIdentity {
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

    pub(super) fn socket(&self, socket: &abi::SocketObject) -> Option<SocketObject> {
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
        socket_address(self.bytes(span)).unwrap_or(Address::Unix(empty()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_is_turned_round_and_the_root_is_a_slash() {
        let tail = Tail(b"shadow\0etc\0");
        assert_eq!(&*tail.path(Span { offset: 0, length: 11 }), "/etc/shadow");
        assert_eq!(&*tail.path(Span { offset: 0, length: 0 }), "/");
        assert_eq!(&*tail.path(Span { offset: 9, length: 11 }), "/", "a span outside of the tail is empty");
    }

    #[test]
    fn a_cut_path_looks_like_no_whole_one() {
        let tail = Tail(b"prog\0bin\0usr\0");
        assert_eq!(&*tail.path(Span { offset: 0, length: 13 }), "/usr/bin/prog");
        assert_eq!(&*tail.path(Span { offset: 0, length: 13 | abi::SPAN_CUT }), "<cut>/usr/bin/prog");
    }

    #[test]
    fn empty_arguments_are_kept() {
        let tail = Tail(b"sh\0\0-c\0");
        let texts = tail.strings(Span { offset: 0, length: 7 });
        assert_eq!(texts.iter().map(|text| &**text).collect::<Vec<_>>(), ["sh", "", "-c"]);
    }
}
