//! The event blocks of a capture.

use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;

use super::block::Block;
use super::cursor::Cursor;
use super::{Metadata, ScapError, tables};

/// Events whose stored length is too big by [`EXCESS`], a mistake of the programs that wrote them.
const MISCOUNTED: [u16; 3] = [280, 284, 286];
const EXCESS: usize = 3;

/// Flag of an event that serves the state only.
const STATE_ONLY: u32 = 1;

/// Bytes of the header in front of the lengths, without and with the number of parameters.
const HEADER_BYTES: [usize; 2] = [22, 26];

/// The values of the parameters of an event, as bytes, in order.
pub(super) type Values = SmallVec<[Bytes; 8]>;

/// An event as it stands in the file, or converted to its present form.
#[derive(Debug, Clone)]
pub struct CapturedEvent {
    /// Nanoseconds since the epoch; 0 or all ones when unset.
    pub time_ns: u64,
    /// The thread that acted.
    pub tid: i64,
    /// On which CPU.
    pub cpu: u16,
    /// Row in [`tables::event`].
    pub code: u16,
    /// It serves the state only; the filter of the program that wrote the capture did not let it through.
    pub state_only: bool,
    /// What the capture says anew of the machine before this event: captures may follow each other in one file.
    pub begins: Option<Arc<Metadata>>,
    /// Its parameters; missing ones at the end are absent, empty ones have no value.
    pub values: Values,
}

/// How an event block is laid out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    /// The header says how many parameters there are.
    pub(super) counted: bool,
    /// Flags follow the CPU.
    pub(super) flagged: bool,
    /// Lengths of events with large payloads have 32 bits.
    pub(super) large: bool,
}

/// Reads an event block; `None` for events of a kind that is not known.
pub(super) fn event(block: &Block, layout: Layout) -> Result<Option<CapturedEvent>, ScapError> {
    let mut cursor = Cursor::new(&block.body, block.offset);
    let cpu = cursor.u16()?;
    let state_only = layout.flagged && cursor.u32()? & STATE_ONLY != 0;
    let header = HEADER_BYTES[usize::from(layout.counted)];
    let start = cursor.offset();
    let available = cursor.left();
    let (time_ns, tid, length, code) = (cursor.u64()?, cursor.i64()?, cursor.u32()? as usize, cursor.u16()?);
    let length = if MISCOUNTED.contains(&code) { length.saturating_sub(EXCESS) } else { length };
    let counted = if layout.counted { Some(cursor.u32()? as usize) } else { None };
    if length < header || length > available {
        return Err(cursor.malformed("an event has an impossible length"));
    }
    let Some(row) = tables::event(code) else { return Ok(None) };
    let width = if layout.large && row.has_large_payload() { 4 } else { 2 };
    let body = length - header;
    let content = cursor.part(body)?;
    let lengths = match counted {
        Some(count) => lengths(content.clone(), count, width)?,
        // The first format does not say how many parameters there are: as many of the present ones as fit.
        None => (0..=row.parameters.len())
            .rev()
            .find_map(|count| lengths(content.clone(), count, width).ok().filter(|it| it.fill(body)))
            .ok_or_else(|| content.malformed("the lengths of the parameters do not add up"))?,
    };
    if !lengths.fill(body) && !MISCOUNTED.contains(&code) {
        return Err(content.malformed("the lengths of the parameters do not add up"));
    }
    let mut at = usize::try_from(start - block.offset).unwrap_or(usize::MAX) + header + lengths.bytes;
    let mut values = Values::new();
    for length in lengths.each {
        let Some(end) = at.checked_add(length).filter(|end| *end <= block.body.len()) else {
            return Err(content.malformed("a parameter points past the end of its event"));
        };
        values.push(block.body.slice(at..end));
        at = end;
    }
    Ok(Some(CapturedEvent { time_ns, tid, cpu, code, state_only, begins: None, values }))
}

/// The lengths of the parameters.
struct Lengths {
    each: SmallVec<[usize; 8]>,
    /// Bytes that the lengths themselves take.
    bytes: usize,
}

impl Lengths {
    /// Whether lengths and parameters together are that long.
    fn fill(&self, body: usize) -> bool {
        self.each.iter().sum::<usize>() + self.bytes == body
    }
}

fn lengths(mut content: Cursor<'_>, count: usize, width: usize) -> Result<Lengths, ScapError> {
    let bytes = count.checked_mul(width).filter(|bytes| *bytes <= content.left());
    let Some(bytes) = bytes else {
        return Err(content.malformed("an event has more parameters than room"));
    };
    let mut each = SmallVec::new();
    for _ in 0..count {
        each.push(if width == 4 { content.u32()? as usize } else { usize::from(content.u16()?) });
    }
    Ok(Lengths { each, bytes })
}
