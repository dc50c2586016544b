//! A door takes a call with its arguments to the kernel.

use crate::actor::call;

/// One argument of a call.
#[derive(Debug, Clone)]
pub(super) enum Argument {
    Number(i64),
    /// A pointer to a text.
    Text(String),
    /// A pointer to these bytes.
    Bytes(Vec<u8>),
    /// A pointer to room for so many bytes.
    Room(usize),
    /// A pointer to a `struct msghdr` with this data.
    Message(Vec<u8>),
}

impl From<&str> for Argument {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i32> for Argument {
    fn from(number: i32) -> Self {
        Self::Number(number.into())
    }
}

/// One call: its numbers in both tables (0 for none), and its arguments.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) number: i64,
    pub(super) compat: i64,
    pub(super) arguments: Vec<Argument>,
}

/// A way into the kernel.
pub(super) trait Door {
    /// Performs the call; `None` when this door does not lead to it.
    fn perform(&mut self, step: &Step) -> Option<i64>;
}

/// Memory that arguments point to, which lives as long as this.
#[derive(Debug, Default)]
pub(super) struct Heap {
    pieces: Vec<Vec<u64>>,
}

impl Heap {
    fn put(&mut self, bytes: &[u8]) -> usize {
        let mut piece = vec![0u64; bytes.len() / 8 + 1];
        for (word, chunk) in piece.iter_mut().zip(bytes.chunks(8)) {
            let mut eight = [0; 8];
            eight[..chunk.len()].copy_from_slice(chunk);
            *word = u64::from_le_bytes(eight);
        }
        self.pieces.push(piece);
        self.pieces.last().unwrap().as_ptr() as usize
    }

    /// The arguments as the 64-bit kernel takes them.
    pub(super) fn place(&mut self, arguments: &[Argument]) -> [usize; 6] {
        let mut words = [0; 6];
        for (word, argument) in words.iter_mut().zip(arguments) {
            *word = match argument {
                Argument::Number(number) => usize::try_from(number.cast_unsigned()).unwrap(),
                Argument::Text(text) => self.put(&[text.as_bytes(), b"\0"].concat()),
                Argument::Bytes(bytes) => self.put(bytes),
                Argument::Room(bytes) => self.put(&vec![0; *bytes]),
                Argument::Message(data) => {
                    let data = [self.put(data), data.len()].map(usize::to_le_bytes).concat();
                    let vector = self.put(&data);
                    self.put(&[0, 0, vector, 1, 0, 0, 0].map(usize::to_le_bytes).concat())
                }
            };
        }
        words
    }
}

/// The native table.
#[derive(Debug, Default)]
pub(super) struct Native {
    heap: Heap,
}

impl Door for Native {
    fn perform(&mut self, step: &Step) -> Option<i64> {
        Some(call(step.number, &self.heap.place(&step.arguments)))
    }
}
