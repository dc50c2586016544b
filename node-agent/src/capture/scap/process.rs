//! The process list of a capture.

use super::ScapError;
use super::cursor::Cursor;
use super::host::{ENTRY_BYTES_MIN, sized_entry};

/// Bytes that follow `root` in files from before the start of the pid namespace was recorded, at most.
const OLD_TAIL_BYTES: usize = 29;

/// A thread as it was when the capture began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessEntry {
    /// Thread id.
    pub tid: i64,
    /// Process id.
    pub pid: i64,
    /// Parent.
    pub ptid: i64,
    /// Session, -1 when not recorded.
    pub sid: i64,
    /// Process group in its pid namespace, -1 when not recorded.
    pub vpgid: i64,
    /// Process group, -1 when not recorded.
    pub pgid: i64,
    /// Thread id in its pid namespace, -1 when not recorded.
    pub vtid: i64,
    /// Process id in its pid namespace, -1 when not recorded.
    pub vpid: i64,
    /// Command name.
    pub comm: Vec<u8>,
    /// First argument.
    pub exe: Vec<u8>,
    /// Path of the executable.
    pub exe_path: Vec<u8>,
    /// Further arguments, separated by NUL.
    pub arguments: Vec<u8>,
    /// Current directory.
    pub cwd: Vec<u8>,
    /// Environment, separated by NUL.
    pub environment: Vec<u8>,
    /// Cgroups, `subsystem=path` separated by NUL.
    pub cgroups: Vec<u8>,
    /// Root directory.
    pub root: Vec<u8>,
    /// Limit of descriptors.
    pub fd_limit: i64,
    /// Flags of the clone that made it, Falco's encoding.
    pub flags: u32,
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Memory in KiB: size, resident, swapped.
    pub memory_kib: [u32; 3],
    /// Page faults: major, minor.
    pub page_faults: [u64; 2],
    /// When the init of its pid namespace started.
    pub pid_namespace_started_ns: u64,
    /// Terminal.
    pub tty: u32,
    /// Audit user.
    pub login_uid: u32,
    /// The executable was writable for its user.
    pub exe_writable: bool,
    /// Capabilities: inheritable, permitted, effective.
    pub capabilities: [u64; 3],
    /// The executable was in the upper layer of an overlay.
    pub exe_upper_layer: bool,
    /// The executable was in a lower layer of an overlay.
    pub exe_lower_layer: bool,
    /// The executable was anonymous memory.
    pub exe_from_memfd: bool,
    /// Inode of the executable, its change and its modification time.
    pub exe_inode: [u64; 3],
}

/// Reads a process list block of that version, 1 to 9.
pub(super) fn processes(mut cursor: Cursor<'_>, version: u8) -> Result<Vec<ProcessEntry>, ScapError> {
    let mut found = Vec::new();
    while cursor.left() >= ENTRY_BYTES_MIN {
        if version >= 9 {
            let mut entry = sized_entry(&mut cursor)?;
            let mut process = process(&mut entry, version)?;
            tail(&mut entry, &mut process)?;
            found.push(process);
        } else {
            found.push(process(&mut cursor, version)?);
        }
    }
    Ok(found)
}

fn process(entry: &mut Cursor<'_>, version: u8) -> Result<ProcessEntry, ScapError> {
    let bytes = |entry: &mut Cursor<'_>| entry.counted().map(<[u8]>::to_vec);
    let since = |first: u8| version >= first;
    let (tid, pid, ptid) = (entry.i64()?, entry.i64()?, entry.i64()?);
    let sid = if since(6) { entry.i64()? } else { -1 };
    let vpgid = if since(8) { entry.i64()? } else { -1 };
    let (comm, exe) = (bytes(entry)?, bytes(entry)?);
    let exe_path = if since(7) { bytes(entry)? } else { Vec::new() };
    let (arguments, cwd) = (bytes(entry)?, bytes(entry)?);
    let (fd_limit, flags, uid, gid) = (entry.i64()?, entry.u32()?, entry.u32()?, entry.u32()?);
    let (mut memory_kib, mut page_faults) = ([0; 3], [0; 2]);
    if since(2) {
        memory_kib = [entry.u32()?, entry.u32()?, entry.u32()?];
        page_faults = [entry.u64()?, entry.u64()?];
    }
    let environment = if since(3) { bytes(entry)? } else { Vec::new() };
    let (mut vtid, mut vpid, mut cgroups) = (-1, -1, Vec::new());
    if since(4) {
        (vtid, vpid, cgroups) = (entry.i64()?, entry.i64()?, bytes(entry)?);
    }
    let root = if since(5) { bytes(entry)? } else { Vec::new() };
    Ok(ProcessEntry {
        tid,
        pid,
        ptid,
        sid,
        vpgid,
        pgid: -1,
        vtid,
        vpid,
        comm,
        exe,
        exe_path,
        arguments,
        cwd,
        environment,
        cgroups,
        root,
        fd_limit,
        flags,
        uid,
        gid,
        memory_kib,
        page_faults,
        pid_namespace_started_ns: 0,
        tty: 0,
        login_uid: u32::MAX,
        exe_writable: false,
        capabilities: [0; 3],
        exe_upper_layer: false,
        exe_lower_layer: false,
        exe_from_memfd: false,
        exe_inode: [0; 3],
    })
}

/// What was appended over the years: each value only while the entry has room for it.
fn tail(entry: &mut Cursor<'_>, process: &mut ProcessEntry) -> Result<(), ScapError> {
    // The first two were put in front of the others, so files from before are told by their length.
    if entry.left() > OLD_TAIL_BYTES {
        process.pid_namespace_started_ns = entry.u64()?;
        process.tty = entry.u32()?;
    }
    if entry.left() >= 4 {
        process.login_uid = entry.u32()?;
    }
    let flag = |entry: &mut Cursor<'_>| Ok(entry.left() >= 1 && entry.u8()? != 0);
    let number = |entry: &mut Cursor<'_>| if entry.left() >= 8 { entry.u64() } else { Ok(0) };
    process.exe_writable = flag(entry)?;
    process.capabilities = [number(entry)?, number(entry)?, number(entry)?];
    process.exe_upper_layer = flag(entry)?;
    process.exe_inode = [number(entry)?, number(entry)?, number(entry)?];
    process.exe_from_memfd = flag(entry)?;
    process.exe_lower_layer = flag(entry)?;
    if entry.left() >= 8 {
        process.pgid = entry.i64()?;
    }
    Ok(())
}
