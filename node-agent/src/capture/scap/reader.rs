//! Reads a capture: first what it says of the machine, then event after event.

use std::io::BufRead;
use std::path::Path;
use std::sync::Arc;

use super::block::{Block, Blocks, is_capture};
use super::converter::Converter;
use super::cursor::Cursor;
use super::descriptor::descriptors;
use super::event::{Layout, event};
use super::host::{accounts, interfaces, machine};
use super::process::processes;
use super::{CapturedEvent, DescriptorEntry, GroupEntry, Interface, MachineEntry, ProcessEntry, ScapError, UserEntry};

const SECTION: u32 = 0x0a0d_0d0a;
const SECTION_MAGIC: u32 = 0x1a2b_3c4d;
/// The magic of a file that a machine of the other byte order wrote.
const SECTION_MAGIC_SWAPPED: u32 = SECTION_MAGIC.swap_bytes();
const MAJOR_VERSION_MAX: u16 = 1;

/// What a capture says of the machine as it was when the capture began.
#[derive(Debug, Clone, Default)]
pub struct Metadata {
    /// The machine.
    pub machine: MachineEntry,
    /// Its threads.
    pub processes: Vec<ProcessEntry>,
    /// Descriptors of a thread.
    pub descriptors: Vec<(i64, Vec<DescriptorEntry>)>,
    /// Its users.
    pub users: Vec<UserEntry>,
    /// Its groups.
    pub groups: Vec<GroupEntry>,
    /// Its network interfaces.
    pub interfaces: Vec<Interface>,
}

/// What a block holds.
enum Content {
    Section,
    Machine,
    Processes(u8),
    Descriptors { sized: bool },
    Interfaces { sized: bool },
    Accounts { sized: bool },
    Events(Layout),
    Unknown,
}

/// An open capture.
#[derive(Debug)]
pub struct Reader {
    blocks: Blocks,
    converter: Converter,
    pending: Option<Block>,
    /// What a further capture in the same file says of its machine, until its first event comes.
    begins: Option<Arc<Metadata>>,
}

impl Reader {
    /// Opens a capture and reads what comes before its events.
    pub fn open(path: &Path) -> Result<(Self, Metadata), ScapError> {
        Self::start(Blocks::open(path)?)
    }

    /// Says whether a file begins like a capture.
    pub fn is_capture(path: &Path) -> Result<bool, ScapError> {
        is_capture(path)
    }

    /// Reads a capture from memory or from any other stream.
    pub fn from_input(input: impl BufRead + Send + 'static) -> Result<(Self, Metadata), ScapError> {
        Self::start(Blocks::new(input)?)
    }

    fn start(mut blocks: Blocks) -> Result<(Self, Metadata), ScapError> {
        let first = blocks.next()?.ok_or(ScapError::Malformed { offset: 0, what: "the file is empty" })?;
        section(&first)?;
        let (metadata, pending) = metadata(&mut blocks)?;
        Ok((Self { blocks, converter: Converter::default(), pending, begins: None }, metadata))
    }

    /// Another capture follows in the same file: nothing of the one before is valid any longer.
    fn begin_again(&mut self, block: &Block) -> Result<(), ScapError> {
        section(block)?;
        let (metadata, pending) = metadata(&mut self.blocks)?;
        self.begins = Some(Arc::new(metadata));
        self.pending = pending;
        self.converter = Converter::default();
        Ok(())
    }

    /// The next event in its present form; `None` at the end.
    pub fn next_event(&mut self) -> Result<Option<CapturedEvent>, ScapError> {
        loop {
            let block = match self.pending.take() {
                Some(block) => block,
                None => match self.blocks.next()? {
                    Some(block) => block,
                    None => return Ok(None),
                },
            };
            let layout = match content(block.kind) {
                Content::Events(layout) => layout,
                Content::Section => {
                    self.begin_again(&block)?;
                    continue;
                }
                Content::Machine
                | Content::Processes(_)
                | Content::Descriptors { .. }
                | Content::Interfaces { .. }
                | Content::Accounts { .. }
                | Content::Unknown => {
                    let what = "a block among the events holds none";
                    return Err(ScapError::Malformed { offset: block.offset, what });
                }
            };
            if let Some(mut event) = event(&block, layout)?.and_then(|event| self.converter.convert(event)) {
                event.begins = self.begins.take();
                return Ok(Some(event));
            }
        }
    }
}

/// Reads what comes before the events, and the block of the first one.
fn metadata(blocks: &mut Blocks) -> Result<(Metadata, Option<Block>), ScapError> {
    let mut metadata = Metadata::default();
    while let Some(block) = blocks.next()? {
        if let Content::Events(_) = content(block.kind) {
            return Ok((metadata, Some(block)));
        }
        metadata.add(&block)?;
    }
    Ok((metadata, None))
}

impl Metadata {
    fn add(&mut self, block: &Block) -> Result<(), ScapError> {
        let cursor = Cursor::new(&block.body, block.offset);
        match content(block.kind) {
            Content::Section => section(block)?,
            Content::Machine => self.machine = machine(cursor)?,
            Content::Processes(version) => self.processes.extend(processes(cursor, version)?),
            Content::Descriptors { sized } => self.descriptors.push(descriptors(cursor, sized)?),
            Content::Interfaces { sized } => self.interfaces.extend(interfaces(cursor, sized)?),
            Content::Accounts { sized } => accounts(cursor, sized, &mut self.users, &mut self.groups)?,
            // Blocks that came later than this reader are passed over, as long as events have not begun.
            Content::Events(_) | Content::Unknown => {}
        }
        Ok(())
    }
}

fn section(block: &Block) -> Result<(), ScapError> {
    let mut cursor = Cursor::new(&block.body, block.offset);
    let malformed = |what| Err(ScapError::Malformed { offset: block.offset, what });
    match cursor.u32() {
        Ok(SECTION_MAGIC) if block.kind == SECTION => {}
        Ok(SECTION_MAGIC_SWAPPED) if block.kind == SECTION => {
            return malformed("the capture was written on a machine of the other byte order");
        }
        _ => return malformed("this is not a capture"),
    }
    if cursor.u16()? > MAJOR_VERSION_MAX {
        return Err(cursor.malformed("the capture is of a version that came later"));
    }
    Ok(())
}

/// What a block of that type holds; the numbers above 0x80000000 are those of the first years.
fn content(kind: u32) -> Content {
    let layout = |counted, flagged, large| Content::Events(Layout { counted, flagged, large });
    match kind {
        SECTION => Content::Section,
        0x201 | 0x8002_abcd => Content::Machine,
        0x202 | 0x8000_abcd => Content::Processes(1),
        0x207 | 0x8013_abcd => Content::Processes(2),
        0x209 | 0x8014_abcd => Content::Processes(3),
        0x210 => Content::Processes(4),
        0x211 => Content::Processes(5),
        0x212 => Content::Processes(6),
        0x213 => Content::Processes(7),
        0x214 => Content::Processes(8),
        0x215 => Content::Processes(9),
        0x203 | 0x8001_abcd => Content::Descriptors { sized: false },
        0x218 => Content::Descriptors { sized: true },
        0x205 | 0x8011_abcd => Content::Interfaces { sized: false },
        0x219 => Content::Interfaces { sized: true },
        0x206 | 0x8012_abcd => Content::Accounts { sized: false },
        0x220 => Content::Accounts { sized: true },
        0x204 | 0x8010_abcd => layout(false, false, false),
        0x208 => layout(false, true, false),
        0x216 => layout(true, false, false),
        0x217 => layout(true, true, false),
        0x221 => layout(true, false, true),
        0x222 => layout(true, true, true),
        _ => Content::Unknown,
    }
}
