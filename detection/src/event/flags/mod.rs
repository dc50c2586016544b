//! Flag and enumeration values: Falco's tables of names, and the way from Linux (x86-64) values to Falco's portable ones.

mod tables;

pub use tables::*;

/// Pairs of (Linux bit or value, portable bit or value).
type Conversion = &'static [(u64, u64)];

const OPEN: Conversion = &[
    (0o100, 0x4),         // O_CREAT
    (0o2000, 0x8),        // O_APPEND
    (0o10000, 0x10),      // O_DSYNC
    (0o200, 0x20),        // O_EXCL
    (0o4000, 0x40),       // O_NONBLOCK
    (0o4010000, 0x80),    // O_SYNC
    (0o1000, 0x100),      // O_TRUNC
    (0o40000, 0x200),     // O_DIRECT
    (0o200000, 0x400),    // O_DIRECTORY
    (0o100000, 0x800),    // O_LARGEFILE
    (0o2000000, 0x1000),  // O_CLOEXEC
    (0o20200000, 0x2000), // O_TMPFILE
];

const CLONE: Conversion = &[
    (0x400, 0x1),           // CLONE_FILES
    (0x200, 0x2),           // CLONE_FS
    (0x8000_0000, 0x4),     // CLONE_IO
    (0x800_0000, 0x8),      // CLONE_NEWIPC
    (0x4000_0000, 0x10),    // CLONE_NEWNET
    (0x2_0000, 0x20),       // CLONE_NEWNS
    (0x2000_0000, 0x40),    // CLONE_NEWPID
    (0x400_0000, 0x80),     // CLONE_NEWUTS
    (0x8000, 0x100),        // CLONE_PARENT
    (0x10_0000, 0x200),     // CLONE_PARENT_SETTID
    (0x2000, 0x400),        // CLONE_PTRACE
    (0x800, 0x800),         // CLONE_SIGHAND
    (0x4_0000, 0x1000),     // CLONE_SYSVSEM
    (0x1_0000, 0x2000),     // CLONE_THREAD
    (0x80_0000, 0x4000),    // CLONE_UNTRACED
    (0x100, 0x8000),        // CLONE_VM
    (0x1000_0000, 1 << 20), // CLONE_NEWUSER
    (0x20_0000, 1 << 23),   // CLONE_CHILD_CLEARTID
    (0x100_0000, 1 << 24),  // CLONE_CHILD_SETTID
    (0x8_0000, 1 << 25),    // CLONE_SETTLS
    (0x4000, 1 << 27),      // CLONE_VFORK
    (0x200_0000, 1 << 28),  // CLONE_NEWCGROUP
];

const RESOLVE: Conversion = &[(0x8, 1), (0x10, 2), (0x2, 4), (0x4, 8), (0x1, 16), (0x20, 32)];

const FCHOWNAT: Conversion = &[(0x100, 1024), (0x1000, 4096)];

const DELETE_MODULE: Conversion = &[(0o4000, 2), (0o1000, 1)];

const PTRACE: Conversion = &[
    (0, 1),
    (1, 2),
    (2, 3),
    (3, 4),
    (4, 5),
    (5, 6),
    (6, 7),
    (7, 8),
    (8, 9),
    (9, 10),
    (12, 26),
    (13, 27),
    (14, 28),
    (15, 29),
    (16, 11),
    (17, 12),
    (18, 30),
    (19, 31),
    (21, 32),
    (24, 13),
    (25, 33),
    (26, 34),
    (30, 35),
    (31, 36),
    (32, 37),
    (33, 38),
    (0x4200, 14),
    (0x4201, 15),
    (0x4202, 16),
    (0x4203, 17),
    (0x4204, 18),
    (0x4205, 19),
    (0x4206, 20),
    (0x4207, 21),
    (0x4208, 22),
    (0x4209, 23),
    (0x420a, 24),
    (0x420b, 25),
];

const FCNTL: Conversion = &[
    (0, 1),
    (1, 2),
    (2, 3),
    (3, 4),
    (4, 5),
    (5, 6),
    (6, 8),
    (7, 9),
    (8, 10),
    (9, 12),
    (10, 13),
    (11, 15),
    (15, 21),
    (16, 22),
    (36, 30),
    (37, 31),
    (38, 32),
    (1024, 23),
    (1025, 24),
    (1026, 27),
    (1029, 25),
    (1030, 26),
    (1031, 28),
    (1032, 29),
];

/// Open flags of Linux in Falco's encoding, with what the kernel added: the file was created by this call, and it lies
/// in the upper or a lower layer of an overlay.
pub fn ppm_open_flags(linux_flags: u32, created: bool, upper_layer: bool, lower_layer: bool) -> u64 {
    let access = match linux_flags & 0o3 {
        0 => 1,
        1 => 2,
        2 => 3,
        _ => 0,
    };
    let kernel = [(created, 0x4000), (upper_layer, 0x8000), (lower_layer, 0x1_0000)];
    access | bits(u64::from(linux_flags), OPEN) | chosen(&kernel)
}

/// Descriptor flags (`SOCK_CLOEXEC`, `O_NONBLOCK` ...) of calls that have no access mode, in Falco's encoding.
pub fn ppm_descriptor_flags(linux_flags: u32) -> u64 {
    bits(u64::from(linux_flags), OPEN)
}

/// Overlay flags of `creat`.
pub fn ppm_creat_flags(upper_layer: bool, lower_layer: bool) -> u64 {
    chosen(&[(upper_layer, 1), (lower_layer, 2)])
}

/// `execve` flags: what was special about the executable.
pub fn ppm_execve_flags(writable: bool, upper_layer: bool, from_memfd: bool, lower_layer: bool) -> u64 {
    chosen(&[(writable, 1), (upper_layer, 2), (from_memfd, 4), (lower_layer, 8)])
}

/// `CLONE_*` flags of Linux in Falco's encoding.
pub fn ppm_clone_flags(linux_flags: u64) -> u64 {
    bits(linux_flags, CLONE)
}

/// Resolve bits of `openat2` in Falco's encoding.
pub fn ppm_openat2_resolve(linux_flags: u64) -> u64 {
    bits(linux_flags, RESOLVE)
}

/// Flags of `fchownat` in Falco's encoding.
pub fn ppm_fchownat_flags(linux_flags: u64) -> u64 {
    bits(linux_flags, FCHOWNAT)
}

/// Flags of `delete_module` in Falco's encoding.
pub fn ppm_delete_module_flags(linux_flags: u64) -> u64 {
    bits(linux_flags, DELETE_MODULE)
}

/// A `ptrace` request in Falco's encoding; 0 when it is not known.
pub fn ppm_ptrace_request(linux_request: u64) -> u64 {
    value(linux_request, PTRACE)
}

/// An `fcntl` command in Falco's encoding; 0 when it is not known.
pub fn ppm_fcntl_command(linux_command: u64) -> u64 {
    value(linux_command, FCNTL)
}

/// Keeps the bits that `table` names: for flags whose Linux and portable values are the same (`unlinkat`, `linkat`,
/// `renameat2`, `mount`, `umount2`, `memfd_create`, `finit_module`).
pub fn ppm_same_flags(linux_flags: u64, table: &super::FlagTable) -> u64 {
    linux_flags & table.rows.iter().fold(0, |mask, (bit, _)| mask | bit)
}

fn bits(linux: u64, conversion: Conversion) -> u64 {
    conversion.iter().filter(|(bits, _)| linux & bits == *bits).fold(0, |portable, (_, bit)| portable | bit)
}

fn value(linux: u64, conversion: Conversion) -> u64 {
    conversion.iter().find(|(from, _)| *from == linux).map_or(0, |(_, to)| *to)
}

fn chosen(flags: &[(bool, u64)]) -> u64 {
    flags.iter().filter(|(set, _)| *set).fold(0, |all, (_, bit)| all | bit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn write_create_truncate_has_falcos_bits() {
        let linux = 0o1 | 0o100 | 0o1000;
        assert_eq!(ppm_open_flags(linux, true, false, false), 2 | 4 | 0x100 | 0x4000);
    }

    #[test]
    fn directory_flag_alone_is_not_a_temporary_file() {
        assert_eq!(ppm_open_flags(0o200000, false, false, false), 1 | 0x400);
        assert_eq!(ppm_open_flags(0o20200002, false, false, true), 3 | 0x400 | 0x2000 | 0x1_0000);
    }

    #[test]
    fn traceme_and_seize_keep_their_names() {
        let name =
            |request| PTRACE_REQUESTS.rows.iter().find(|(v, _)| *v == ppm_ptrace_request(request)).map(|row| row.1);
        assert_eq!(name(0), Some("PTRACE_TRACEME"));
        assert_eq!(name(0x4206), Some("PTRACE_SEIZE"));
        assert_eq!(name(999), Some("PTRACE_UNKNOWN"));
    }

    #[test]
    fn every_converted_flag_is_in_its_table() {
        for (conversion, table) in [
            (OPEN, FILE_FLAGS),
            (CLONE, CLONE_FLAGS),
            (RESOLVE, OPENAT2_FLAGS),
            (PTRACE, PTRACE_REQUESTS),
            (FCNTL, FCNTL_COMMANDS),
        ] {
            for (_, portable) in conversion {
                assert!(table.rows.iter().any(|(value, _)| value == portable), "{} lacks {portable}", table.name);
            }
        }
    }
}
