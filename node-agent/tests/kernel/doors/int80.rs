//! The 32-bit table, entered from a 64-bit process.

use super::door::{Argument, Door, Step};

/// Bytes of memory that 32-bit pointers reach, for all arguments of a run.
const ARENA_BYTES: usize = 1 << 20;

/// `int 0x80` with arguments in memory below 4 GiB.
#[derive(Debug)]
pub(super) struct Int80 {
    arena: usize,
    used: usize,
}

impl Int80 {
    pub(super) fn new() -> Self {
        // SAFETY: a fresh private mapping.
        let arena = unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_32BIT;
            libc::mmap(std::ptr::null_mut(), ARENA_BYTES, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0)
        };
        assert_ne!(arena, libc::MAP_FAILED);
        Self { arena: arena as usize, used: 0 }
    }

    fn put(&mut self, bytes: &[u8]) -> u32 {
        assert!(self.used + bytes.len() < ARENA_BYTES);
        let at = self.arena + self.used;
        // SAFETY: the piece lies inside of the mapping, as was checked, and nobody else uses it.
        unsafe { (at as *mut u8).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        self.used += bytes.len().next_multiple_of(16);
        u32::try_from(at).unwrap()
    }

    fn place(&mut self, argument: &Argument) -> u32 {
        match argument {
            Argument::Number(number) => u32::try_from(number & 0xffff_ffff).unwrap(),
            Argument::Text(text) => self.put(&[text.as_bytes(), b"\0"].concat()),
            Argument::Bytes(bytes) => self.put(bytes),
            Argument::Room(bytes) => self.put(&vec![0; *bytes]),
            Argument::Message(data) => {
                let length = u32::try_from(data.len()).unwrap();
                let data = [self.put(data), length].map(u32::to_le_bytes).concat();
                let vector = self.put(&data);
                self.put(&[0, 0, vector, 1, 0, 0, 0].map(u32::to_le_bytes).concat())
            }
        }
    }
}

impl Door for Int80 {
    fn perform(&mut self, step: &Step) -> Option<i64> {
        if step.compat == 0 {
            return None;
        }
        let mut words = [0u32; 6];
        for (word, argument) in words.iter_mut().zip(&step.arguments) {
            *word = self.place(argument);
        }
        Some(enter(step.compat, words))
    }
}

#[cfg(target_arch = "x86_64")]
fn enter(number: i64, words: [u32; 6]) -> i64 {
    let mut result = number;
    let [first, second, third, fourth, fifth, sixth] = words.map(u64::from);
    let sixth_word = sixth;
    // SAFETY: the 32-bit entry; all pointers are into the arena; rbx and rbp, which the compiler keeps for itself, are
    // put back; the kernel preserves the other registers except those named.
    unsafe {
        std::arch::asm!(
            "push rbp", "push rbx", "mov rbx, r12", "mov rbp, r13", "int 0x80", "pop rbx", "pop rbp",
            inout("rax") result, in("r12") first, in("rcx") second, in("rdx") third, in("rsi") fourth,
            in("rdi") fifth, in("r13") sixth_word,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
        );
    }
    // The kernel writes an `int`.
    i64::from(u32::try_from(result & 0xffff_ffff).unwrap().cast_signed())
}

#[cfg(not(target_arch = "x86_64"))]
fn enter(_number: i64, _words: [u32; 6]) -> i64 {
    -i64::from(libc::ENOSYS)
}
