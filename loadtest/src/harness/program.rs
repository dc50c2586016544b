//! Programs of nothing but system calls: no loader, no library, so that every call of theirs is known and counted.
//!
//! They are x86-64 machine code in an ELF file of one segment.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::Context;
use nix::libc;

/// Where the file is mapped.
const BASE: u64 = 0x40_0000;
/// ELF header and one program header.
const HEADER_BYTES: u64 = 64 + 56;
/// Prefix and opcode of `mov register, immediate` for rdi, rsi, rdx, r10, r8, r9: the arguments of a call.
const MOVE_ARGUMENT: [[u8; 2]; 6] =
    [[0x48, 0xbf], [0x48, 0xbe], [0x48, 0xba], [0x49, 0xba], [0x49, 0xb8], [0x49, 0xb9]];

/// A program that is being written, first call first. It ends with exit status 0.
#[derive(Debug, Default)]
pub struct Program {
    data: Vec<u8>,
    code: Code,
}

/// What is executed. Data is laid before it, so that addresses of data are known at once.
#[derive(Debug, Default)]
struct Code(Vec<u8>);

impl Program {
    /// Puts bytes into the program and returns their address, a multiple of eight.
    pub fn bytes(&mut self, bytes: &[u8]) -> u64 {
        let address = BASE + HEADER_BYTES + self.data.len() as u64;
        self.data.extend(bytes);
        self.data.resize(self.data.len().next_multiple_of(8), 0);
        address
    }

    /// Puts a text into the program and returns its address.
    pub fn text(&mut self, text: &str) -> u64 {
        self.bytes(&[text.as_bytes(), &[0]].concat())
    }

    /// Puts a list of addresses into the program, as execve takes it, and returns its address.
    pub fn list(&mut self, addresses: &[u64]) -> u64 {
        let ended = addresses.iter().chain(&[0]).flat_map(|address| address.to_le_bytes());
        self.bytes(&ended.collect::<Vec<_>>())
    }

    /// Calls the kernel.
    pub fn call(&mut self, number: libc::c_long, arguments: &[u64]) {
        for (move_argument, value) in MOVE_ARGUMENT.iter().zip(arguments) {
            self.code.move_immediate(*move_argument, *value);
        }
        self.code.move_immediate([0x48, 0xb8], number.unsigned_abs());
        self.code.0.extend([0x0f, 0x05]);
    }

    /// Waits for a byte on standard input.
    pub fn wait_for_sign(&mut self) {
        let buffer = self.bytes(&[0; 8]);
        self.call(libc::SYS_read, &[0, buffer, 1]);
    }

    /// Does something `times` times.
    pub fn repeat(&mut self, times: u64, body: impl FnOnce(&mut Self)) {
        // push rbx; mov rbx, times; body; dec rbx; jnz to the body; pop rbx
        self.code.0.push(0x53);
        self.code.move_immediate([0x48, 0xbb], times);
        let start = self.code.0.len();
        body(self);
        self.code.0.extend([0x48, 0xff, 0xcb, 0x0f, 0x85]);
        self.code.displacement(start);
        self.code.0.push(0x5b);
    }

    /// Forks; the child does something and ends.
    pub fn child(&mut self, body: impl FnOnce(&mut Self)) {
        self.call(libc::SYS_fork, &[]);
        // test rax, rax; jnz past the child
        self.code.0.extend([0x48, 0x85, 0xc0, 0x0f, 0x85, 0, 0, 0, 0]);
        let at = self.code.0.len();
        body(self);
        self.call(libc::SYS_exit_group, &[0]);
        let past = u32::try_from(self.code.0.len() - at).expect("a child is short");
        self.code.0[at - 4..at].copy_from_slice(&past.to_le_bytes());
    }

    /// Waits for the end of one child, or with `WNOHANG` takes one that has ended.
    pub fn wait_for_child(&mut self, options: libc::c_int) {
        self.call(libc::SYS_wait4, &[u64::MAX, 0, u64::from(options.unsigned_abs()), 0]);
    }

    /// Writes the program to a file that can be executed.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(mut self, path: &Path) -> anyhow::Result<()> {
        self.call(libc::SYS_exit_group, &[0]);
        let entry = BASE + HEADER_BYTES + self.data.len() as u64;
        let bytes = HEADER_BYTES + (self.data.len() + self.code.0.len()) as u64;
        let file = [header(entry, bytes), self.data, self.code.0].concat();
        fs::write(path, file).with_context(|| format!("failed to write {}", path.display()))?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).context("failed to make a program executable")
    }
}

impl Code {
    fn move_immediate(&mut self, opcode: [u8; 2], value: u64) {
        self.0.extend(opcode);
        self.0.extend(value.to_le_bytes());
    }

    /// Appends the distance from behind itself back to `target`.
    fn displacement(&mut self, target: usize) {
        let back = i32::try_from(self.0.len() + 4 - target).expect("a loop is short");
        self.0.extend((-back).to_le_bytes());
    }
}

/// ELF header and the one segment, which is read, written and executed.
fn header(entry: u64, bytes: u64) -> Vec<u8> {
    let mut header = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    // An executable for x86-64, version 1.
    header.extend([2, 0, 0x3e, 0, 1, 0, 0, 0]);
    // Entry, program headers behind this header, no sections.
    [entry, 64, 0].iter().for_each(|word| header.extend(word.to_le_bytes()));
    // No flags; sizes of this header, of a program header; one of those; no section headers.
    header.extend([0, 0, 0, 0, 64, 0, 56, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    // To be loaded; readable, writable, executable.
    header.extend([1, 0, 0, 0, 7, 0, 0, 0]);
    [0, BASE, BASE, bytes, bytes, 0x1000].iter().for_each(|word| header.extend(word.to_le_bytes()));
    header
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_program_does_each_call_as_often_as_it_says() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("program");
        let mut program = Program::default();
        let (parent, child) = (program.text("p"), program.text("c"));
        program.repeat(2, |program| {
            program.repeat(3, |program| program.call(libc::SYS_write, &[1, parent, 1]));
            program.child(|program| program.call(libc::SYS_write, &[1, child, 1]));
            program.wait_for_child(0);
        });
        program.write(&path).unwrap();
        let output = Command::new(&path).output().unwrap();
        assert!(output.status.success(), "{}", output.status);
        assert_eq!(String::from_utf8_lossy(&output.stdout), "pppcpppc");
    }
}
