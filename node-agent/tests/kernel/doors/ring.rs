//! io_uring, entered by a call or read by the kernel's own thread.

use io_uring::types::Fd;
use io_uring::{IoUring, opcode, squeue};

use super::door::{Door, Heap, Step};

/// Entries of the submission queue.
const ENTRIES: u32 = 8;
/// How long the kernel's thread waits for the next request before it sleeps.
const POLL_MS: u32 = 2000;

/// A ring through which calls are requested one by one.
pub(super) struct Ring {
    ring: IoUring,
    heap: Heap,
}

impl Ring {
    /// Makes a ring; `None` where the kernel refuses it.
    pub(super) fn new(polled: bool) -> Option<Self> {
        let mut builder = IoUring::builder();
        if polled {
            builder.setup_sqpoll(POLL_MS);
        }
        Some(Self { ring: builder.build(ENTRIES).ok()?, heap: Heap::default() })
    }

    /// Puts a request into the queue.
    pub(super) fn push(&mut self, entry: &squeue::Entry) {
        // SAFETY: what the entry points to lives in the heap, which lives as long as the ring.
        unsafe { self.ring.submission().push(entry).unwrap() };
    }

    /// Submits what is in the queue, waits for so many results and returns the last one.
    pub(super) fn run(&mut self, results: usize) -> i64 {
        self.ring.submit_and_wait(results).unwrap();
        self.ring.completion().map(|completion| i64::from(completion.result())).last().unwrap_or(0)
    }

    /// Submits without fetching any result.
    pub(super) fn submit(&mut self) {
        self.ring.submit().unwrap();
    }

    pub(super) fn heap(&mut self) -> &mut Heap {
        &mut self.heap
    }

    /// Gives the ring its own table of files.
    pub(super) fn make_slots(&self) {
        self.ring.submitter().register_files_sparse(4).unwrap();
    }

    /// A request that does nothing but take time to be read.
    pub(super) fn nothing() -> squeue::Entry {
        opcode::Nop::new().build()
    }
}

impl Door for Ring {
    fn perform(&mut self, step: &Step) -> Option<i64> {
        let arguments = self.heap.place(&step.arguments);
        let entry = request(step.number, arguments)?;
        self.push(&entry);
        Some(self.run(1))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the kernel takes the low half of these registers too")]
fn word(argument: usize) -> u32 {
    argument as u32
}

fn int(argument: usize) -> i32 {
    word(argument).cast_signed()
}

fn text(argument: usize) -> *const libc::c_char {
    argument as *const libc::c_char
}

/// The request of the same effect as a call.
pub(super) fn request(number: i64, [a, b, c, d, e, f]: [usize; 6]) -> Option<squeue::Entry> {
    let fd = Fd(int(a));
    Some(match number {
        libc::SYS_openat => opcode::OpenAt::new(fd, text(b)).flags(int(c)).mode(word(d)).build(),
        libc::SYS_openat2 => opcode::OpenAt2::new(fd, text(b), c as *const _).build(),
        libc::SYS_mkdirat => opcode::MkDirAt::new(fd, text(b)).mode(word(c)).build(),
        libc::SYS_unlinkat => opcode::UnlinkAt::new(fd, text(b)).flags(int(c)).build(),
        libc::SYS_renameat2 => opcode::RenameAt::new(fd, text(b), Fd(int(c)), text(d)).flags(word(e)).build(),
        libc::SYS_linkat => opcode::LinkAt::new(fd, text(b), Fd(int(c)), text(d)).flags(int(e)).build(),
        libc::SYS_symlinkat => opcode::SymlinkAt::new(Fd(int(b)), text(a), text(c)).build(),
        libc::SYS_socket => opcode::Socket::new(int(a), int(b), int(c)).build(),
        libc::SYS_bind => opcode::Bind::new(fd, b as *const _, word(c)).build(),
        libc::SYS_listen => opcode::Listen::new(fd, int(b)).build(),
        libc::SYS_connect => opcode::Connect::new(fd, b as *const _, word(c)).build(),
        libc::SYS_accept4 => opcode::Accept::new(fd, b as *mut _, c as *mut _).flags(int(d)).build(),
        libc::SYS_sendto => opcode::Send::new(fd, b as *const _, word(c))
            .flags(int(d))
            .dest_addr(e as *const _)
            .dest_addr_len(word(f))
            .build(),
        libc::SYS_recvfrom => opcode::Recv::new(fd, b as *mut _, word(c)).flags(int(d)).build(),
        libc::SYS_sendmsg => opcode::SendMsg::new(fd, b as *const _).flags(word(c)).build(),
        libc::SYS_recvmsg => opcode::RecvMsg::new(fd, b as *mut _).flags(word(c)).build(),
        libc::SYS_ftruncate => opcode::Ftruncate::new(fd, b as u64).build(),
        libc::SYS_shutdown => opcode::Shutdown::new(fd, int(b)).build(),
        libc::SYS_setxattr => opcode::SetXattr::new(text(b), c as *const _, text(a), word(d)).flags(int(e)).build(),
        libc::SYS_fsetxattr => opcode::FSetXattr::new(fd, text(b), c as *const _, word(d)).flags(int(e)).build(),
        libc::SYS_splice => opcode::Splice::new(fd, -1, Fd(int(c)), -1, word(e)).flags(word(f)).build(),
        _ => return None,
    })
}
