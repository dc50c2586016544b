//! Records as the kernel programs write them (`src/bpf/records.h`) and the tables that they read (`src/bpf/maps.h`).
//!
//! A record is its fixed part followed by a tail of bytes; a [`Span`] names a piece of the tail. The C side has the same
//! names; `tests/layout.rs` compares every size and offset with the BTF of the compiled object.

/// Size and fields of one structure, for the comparison with the C side.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// Name of the C structure.
    pub c_name: &'static str,
    /// Bytes.
    pub size: usize,
    /// (name, offset in bytes) of each field.
    pub fields: &'static [(&'static str, usize)],
}

/// Declares `#[repr(C)]` structures with their C name and size, whose fields are numbers, arrays of numbers or such
/// structures: so every sequence of bytes is a valid value.
macro_rules! structures {
    ($($(#[$doc:meta])* $name:ident = $c_name:literal, $size:literal bytes {
        $($(#[$field_doc:meta])* $field:ident: $type:ty,)*
    })*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy, PartialEq, Eq)]
            #[repr(C)]
            pub struct $name { $($(#[$field_doc])* pub $field: $type,)* }

            const _: () = assert!(size_of::<$name>() == $size);

            impl $name {
                /// Reads the structure from the head of `bytes`; `None` when they are too short.
                pub fn read(bytes: &[u8]) -> Option<Self> {
                    if bytes.len() < size_of::<Self>() {
                        return None;
                    }
                    // SAFETY: the length was checked just above, any alignment is allowed by `read_unaligned`, and the
                    // macro admits only fields for which every bit pattern is valid.
                    Some(unsafe { bytes.as_ptr().cast::<Self>().read_unaligned() })
                }
            }
        )*

        /// The layout of every structure that crosses the border to the kernel.
        pub const LAYOUTS: &[Layout] = &[$(Layout {
            c_name: $c_name,
            size: size_of::<$name>(),
            fields: &[$((stringify!($field), std::mem::offset_of!($name, $field)),)*],
        },)*];
    };
}

structures! {
    /// A piece of the tail.
    Span = "span", 4 bytes {
        /// Where it begins.
        offset: u16,
        /// Its length in the lower 15 bits, [`SPAN_CUT`] above.
        length: u16,
    }

    /// The head of every record.
    RecordHeader = "record_header", 56 bytes {
        /// Nanoseconds since boot.
        boot_ns: u64,
        /// Position among the records of its CPU and class, from 1.
        sequence: u64,
        /// Start of the thread group leader.
        started_boot_ns: u64,
        /// What the call returned.
        result: i64,
        /// Thread group.
        pid: u32,
        /// Thread.
        tid: u32,
        /// Effective user.
        uid: u32,
        /// Effective group.
        gid: u32,
        /// One of `RECORD_*`.
        kind: u16,
        /// Number of the call in the native table; 0 for fork and exit.
        syscall: u16,
        /// CPU.
        cpu: u16,
        /// One of `CLASS_*`.
        class: u8,
        /// `HEADER_*` bits.
        flags: u8,
    }

    /// Who a task is.
    TaskIdentity = "task_identity", 120 bytes {
        /// Start of the parent's thread group leader.
        parent_started_boot_ns: u64,
        /// Start of the init of its pid namespace.
        pid_namespace_started_boot_ns: u64,
        /// Permitted capabilities.
        cap_permitted: u64,
        /// Effective capabilities.
        cap_effective: u64,
        /// Inheritable capabilities.
        cap_inheritable: u64,
        /// Thread group of the real parent.
        parent_pid: u32,
        /// Thread group, as its own pid namespace numbers it.
        virtual_pid: u32,
        /// Thread, as its own pid namespace numbers it.
        virtual_tid: u32,
        /// Session, as its own pid namespace numbers it.
        session_id: u32,
        /// Process group.
        group_id: u32,
        /// Process group, as its own pid namespace numbers it.
        virtual_group_id: u32,
        /// Controlling terminal, encoded as stat does.
        tty: u32,
        /// Audit user.
        login_uid: u32,
        /// Effective user.
        uid: u32,
        /// Effective group.
        gid: u32,
        /// Inode number of the pid namespace.
        pid_namespace: u32,
        /// Inode number of the mount namespace.
        mount_namespace: u32,
        /// Inode number of the net namespace.
        net_namespace: u32,
        /// Inode number of the user namespace.
        user_namespace: u32,
        /// Cgroup path, names from the leaf to the root.
        cgroup: Span,
        /// 1 when it was filled.
        present: u32,
        /// Command name, ended by a zero byte.
        name: [u8; 16],
    }

    /// A file as the kernel has it.
    FileObject = "file_object", 40 bytes {
        /// Device, encoded as stat does.
        device: u64,
        /// Inode number.
        inode: u64,
        /// Hard links.
        links: u32,
        /// `i_mode`.
        mode: u32,
        /// `s_magic`.
        filesystem_magic: u32,
        /// `FILE_*` bits.
        flags: u32,
        /// Names from the leaf to the root.
        path: Span,
        /// A [`FileIdentity`]: the file of a layer that an overlay shows.
        layer: Span,
    }

    /// Which file of which file system.
    FileIdentity = "file_identity", 16 bytes {
        /// Device, encoded as stat does.
        device: u64,
        /// Inode number.
        inode: u64,
    }

    /// A path as a call was given it.
    GivenPath = "given_path", 16 bytes {
        /// Directory descriptor.
        directory_fd: i32,
        /// `GIVEN_*` bits.
        flags: u32,
        /// The text.
        given: Span,
        /// The directory it starts from, names from the leaf to the root.
        directory: Span,
    }

    /// A socket as the kernel has it.
    SocketObject = "socket_object", 80 bytes {
        /// Inode number.
        inode: u64,
        /// Address of a unix socket in the kernel.
        unix_self: u64,
        /// Address of its peer.
        unix_peer: u64,
        /// Address family.
        family: u16,
        /// SOCK_*.
        kind: u16,
        /// IPPROTO_*.
        protocol: u16,
        /// TCP state.
        state: u8,
        /// 1 when it was filled.
        present: u8,
        /// Local port, host byte order.
        local_port: u16,
        /// Remote port, host byte order.
        remote_port: u16,
        /// Bytes of a sockaddr_un.
        unix_local: Span,
        /// Bytes of a sockaddr_un.
        unix_remote: Span,
        /// Nothing.
        padding: u32,
        /// IPv4 in the first four bytes, or IPv6.
        local_address: [u8; 16],
        /// IPv4 in the first four bytes, or IPv6.
        remote_address: [u8; 16],
    }

    /// A program was executed, or could not be.
    ExecRecord = "exec_record", 256 bytes {
        /// Head.
        header: RecordHeader,
        /// The task after the call.
        task: TaskIdentity,
        /// The executable.
        exe: FileObject,
        /// Change time of its inode, nanoseconds since the epoch.
        exe_changed_ns: u64,
        /// Modification time of its inode, nanoseconds since the epoch.
        exe_modified_ns: u64,
        /// The path as given.
        filename: Span,
        /// Arguments, each ended by a zero byte.
        arguments: Span,
        /// Environment, each entry ended by a zero byte.
        environment: Span,
        /// Current directory, names from the leaf to the root.
        cwd: Span,
        /// `EXEC_*` bits.
        flags: u32,
        /// Nothing.
        padding: u32,
    }

    /// A process or thread was made.
    ForkRecord = "fork_record", 192 bytes {
        /// Head: the creator.
        header: RecordHeader,
        /// The new task.
        child: TaskIdentity,
        /// Start of its thread group leader.
        child_started_boot_ns: u64,
        /// Thread group.
        child_pid: u32,
        /// Thread.
        child_tid: u32,
    }

    /// A thread ended.
    ExitRecord = "exit_record", 72 bytes {
        /// Head.
        header: RecordHeader,
        /// Status as wait(2) encodes it.
        code: i32,
        /// Process that adopts its children.
        reaper_pid: u32,
        /// 1 when no thread of the group is left.
        last_thread: u32,
        /// Nothing.
        padding: u32,
    }

    /// The open family.
    OpenRecord = "open_record", 128 bytes {
        /// Head.
        header: RecordHeader,
        /// The path as given.
        path: GivenPath,
        /// `O_*`.
        flags: u32,
        /// Mode argument.
        mode: u32,
        /// `RESOLVE_*`.
        resolve: u32,
        /// 1 when the call created the file.
        created: u32,
        /// The opened file.
        file: FileObject,
    }

    /// A call on a socket.
    NetworkRecord = "network_record", 200 bytes {
        /// Head.
        header: RecordHeader,
        /// Arguments.
        arguments: [u64; 6],
        /// Descriptor argument, -1 without one.
        fd: i32,
        /// Bytes of the sockaddr of user memory.
        given: Span,
        /// First bytes of the data.
        data: Span,
        /// Nothing.
        padding: u32,
        /// The socket.
        socket: SocketObject,
    }

    /// A call that takes one or two paths.
    PathRecord = "path_record", 184 bytes {
        /// Head.
        header: RecordHeader,
        /// Arguments.
        arguments: [u64; 6],
        /// First path.
        first: GivenPath,
        /// Second path.
        second: GivenPath,
        /// File of a descriptor argument, or the directory after the call.
        file: FileObject,
        /// Short text.
        text: Span,
        /// Nothing.
        padding: u32,
    }

    /// A descriptor was copied.
    DupRecord = "dup_record", 224 bytes {
        /// Head.
        header: RecordHeader,
        /// Arguments.
        arguments: [u64; 6],
        /// The file of the new descriptor.
        file: FileObject,
        /// The socket of the new descriptor.
        socket: SocketObject,
    }

    /// A call whose arguments are numbers.
    ScalarRecord = "scalar_record", 272 bytes {
        /// Head.
        header: RecordHeader,
        /// Arguments.
        arguments: [u64; 6],
        /// File of a descriptor argument.
        file: FileObject,
        /// The task after the call.
        task: TaskIdentity,
        /// Short text.
        text: Span,
        /// Nothing.
        padding: u32,
    }

    /// Paths of a call that were others when it began.
    ChangedRecord = "changed_record", 72 bytes {
        /// Head.
        header: RecordHeader,
        /// The paths when it ended.
        now: [Span; 2],
        /// The paths when it began.
        then: [Span; 2],
    }

    /// How one call is recorded: the positions of its arguments, `ARGUMENT_NONE` for what it does not have.
    CallPlan = "call_plan", 20 bytes {
        /// One of `HANDLER_*`.
        handler: u8,
        /// One of `CLASS_*`.
        class: u8,
        /// One of `FILTER_*`.
        filter: u8,
        /// `PLAN_*` bits.
        flags: u8,
        /// Directory descriptor of the first path, or `DIRECTORY_CURRENT`.
        first_directory: i8,
        /// First path.
        first_path: i8,
        /// Directory descriptor of the second path, or `DIRECTORY_CURRENT`.
        second_directory: i8,
        /// Second path.
        second_path: i8,
        /// Descriptor, `FILE_CWD` or `FILE_ROOT`.
        fd: i8,
        /// Short text.
        text: i8,
        /// Socket address; its length is the next argument.
        address: i8,
        /// Data; its length is the next argument.
        data: i8,
        /// `struct msghdr`.
        message: i8,
        /// `O_*` flags.
        open_flags: i8,
        /// Mode of a new file.
        open_mode: i8,
        /// `struct open_how`.
        open_how: i8,
        /// Number of the call, as reported.
        number: u16,
        /// Nothing.
        padding: u16,
    }

    /// One row of the table of calls.
    CallRow = "call_row", 24 bytes {
        /// The native call of this number.
        plan: CallPlan,
        /// Native number of the 32-bit call of this number.
        compat: u16,
        /// Nothing.
        padding: u16,
    }

    /// Records of each class on one CPU.
    ClassCounters = "class_counters", 64 bytes {
        /// Made, lost and refused ones included.
        made: [u64; 3],
        /// Lost because the ring was full.
        lost: [u64; 3],
        /// Bulk records of cgroups that had used up their share of a nearly full ring.
        refused: u64,
        /// Processes that found no room in the table of the scope.
        unfollowed: u64,
    }

    /// What a cgroup could not hand over.
    CgroupAccount = "cgroup_account", 40 bytes {
        /// How far ahead its share of the bulk ring is used, nanoseconds since boot.
        used_until_ns: u64,
        /// Bulk records beyond its share.
        refused: u64,
        /// Lost because the ring was full, by class.
        lost: [u64; 3],
    }
}

/// Bit of [`Span::length`]: the text was cut or could not be read to its end.
pub const SPAN_CUT: u16 = 0x8000;

/// [`RecordHeader::kind`] of an [`ExecRecord`].
pub const RECORD_EXEC: u16 = 1;
/// [`RecordHeader::kind`] of a [`ForkRecord`].
pub const RECORD_FORK: u16 = 2;
/// [`RecordHeader::kind`] of an [`ExitRecord`].
pub const RECORD_EXIT: u16 = 3;
/// [`RecordHeader::kind`] of an [`OpenRecord`].
pub const RECORD_OPEN: u16 = 4;
/// [`RecordHeader::kind`] of a [`NetworkRecord`].
pub const RECORD_NETWORK: u16 = 5;
/// [`RecordHeader::kind`] of a [`PathRecord`].
pub const RECORD_PATH: u16 = 6;
/// [`RecordHeader::kind`] of a [`DupRecord`].
pub const RECORD_DUP: u16 = 7;
/// [`RecordHeader::kind`] of a [`ScalarRecord`].
pub const RECORD_SCALAR: u16 = 8;
/// [`RecordHeader::kind`] of a [`ChangedRecord`].
pub const RECORD_CHANGED: u16 = 9;

/// [`RecordHeader::flags`]: the call came through the 32-bit table.
pub const HEADER_COMPAT: u8 = 1;
/// [`RecordHeader::flags`]: it was a request of io_uring.
pub const HEADER_IO_URING: u8 = 2;

/// [`FileObject::flags`]: it was filled.
pub const FILE_PRESENT: u32 = 1;
/// [`FileObject::flags`]: it has no name any more.
pub const FILE_DELETED: u32 = 2;
/// [`FileObject::flags`]: it belongs to no directory tree; the path is one name without a slash.
pub const FILE_ROOTLESS: u32 = 4;
/// [`FileObject::flags`]: upper layer of an overlay.
pub const FILE_UPPER_LAYER: u32 = 8;
/// [`FileObject::flags`]: lower layer of an overlay.
pub const FILE_LOWER_LAYER: u32 = 16;

/// [`GivenPath::flags`]: it was filled.
pub const GIVEN_PRESENT: u32 = 1;
/// [`GivenPath::flags`]: the text is relative, `directory` was filled.
pub const GIVEN_RELATIVE: u32 = 2;

/// [`ExecRecord::flags`]: the user could write to the executable.
pub const EXEC_WRITABLE: u32 = 1;
/// [`ExecRecord::flags`]: the executable was made by memfd_create.
pub const EXEC_FROM_MEMFD: u32 = 2;

/// Class of rare records that must not be lost.
pub const CLASS_CRITICAL: u8 = 0;
/// Class of ordinary records.
pub const CLASS_NORMAL: u8 = 1;
/// Class of records that come in floods.
pub const CLASS_BULK: u8 = 2;
/// [`CallPlan::class`] of what is critical while its part of the critical ring lasts, then normal; no record carries it.
pub const CLASS_PROCESS: u8 = 3;

/// [`CallPlan::handler`]: the call is not recorded.
pub const HANDLER_NONE: u8 = 0;
/// [`CallPlan::handler`]: failed execve and execveat.
pub const HANDLER_FAILED_EXEC: u8 = 1;
/// [`CallPlan::handler`]: writes an [`OpenRecord`].
pub const HANDLER_OPEN: u8 = 2;
/// [`CallPlan::handler`]: writes a [`NetworkRecord`].
pub const HANDLER_NETWORK: u8 = 3;
/// [`CallPlan::handler`]: writes a [`PathRecord`].
pub const HANDLER_PATH: u8 = 4;
/// [`CallPlan::handler`]: writes a [`DupRecord`].
pub const HANDLER_DUP: u8 = 5;
/// [`CallPlan::handler`]: writes a [`ScalarRecord`].
pub const HANDLER_SCALAR: u8 = 6;

/// [`CallPlan::filter`]: every call.
pub const FILTER_NONE: u8 = 0;
/// [`CallPlan::filter`]: fcntl with F_DUPFD or F_DUPFD_CLOEXEC.
pub const FILTER_FCNTL_DUP: u8 = 1;
/// [`CallPlan::filter`]: prctl with PR_SET_NAME or PR_SET_CHILD_SUBREAPER.
pub const FILTER_PRCTL: u8 = 2;

/// [`CallPlan::flags`]: the record carries the task after the call.
pub const PLAN_TASK: u8 = 1;
/// [`CallPlan::flags`]: the call returns the length of the data; the length of the address is behind a pointer.
pub const PLAN_RECEIVES: u8 = 2;
/// [`CallPlan::flags`]: the socket is that of the returned descriptor.
pub const PLAN_RESULT_SOCKET: u8 = 4;
/// [`CallPlan::flags`]: the message argument is a list of `struct mmsghdr`; the call returns how many were handled.
pub const PLAN_MANY: u8 = 8;
/// [`CallPlan::flags`]: the paths are compared with those that the call began with.
pub const PLAN_COMPARED: u8 = 16;

/// The call has no such argument.
pub const ARGUMENT_NONE: i8 = -1;
/// Paths start at the current directory.
pub const DIRECTORY_CURRENT: i8 = -2;
/// [`CallPlan::fd`]: the current directory after the call.
pub const FILE_CWD: i8 = -2;
/// [`CallPlan::fd`]: the root directory after the call.
pub const FILE_ROOT: i8 = -3;

/// [`CallRow::compat`]: no recorded call has this number in the 32-bit table.
pub const COMPAT_NONE: u16 = 0xffff;
/// [`CallRow::compat`]: socketcall, which stands for the socket calls.
pub const COMPAT_SOCKETCALL: u16 = 0xfffe;

/// Rows of the table of calls.
pub const CALLS_MAX: u32 = 576;
/// Rows of the table of calls behind socketcall.
pub const SOCKETCALLS_MAX: u32 = 32;
/// Rows of the table of io_uring's operations.
pub const RING_OPERATIONS_MAX: u32 = 128;
/// Longest record: the fixed part and a full tail.
pub const RECORD_BYTES_MAX: usize = 512 + 7 * 4096;
