//! Writes captures that no machine recorded: every kind of block and event, laid out as the format says.

/// Types of blocks.
pub(crate) const PROCESSES: [u32; 9] = [0x202, 0x207, 0x209, 0x210, 0x211, 0x212, 0x213, 0x214, 0x215];
/// The types that the first three lists of processes had before they were registered.
pub(crate) const PROCESSES_EARLY: [u32; 3] = [0x8000_abcd, 0x8013_abcd, 0x8014_abcd];

/// Events that may be longer than 64 KiB.
const LARGE: [u16; 3] = [322, 324, 402];

/// How events are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Without the number of parameters.
    First,
    /// With it.
    Second,
    /// With lengths of 32 bits, if the event is one of [`LARGE`].
    Large,
}

/// A capture in the making.
#[derive(Debug, Clone, Default)]
pub(crate) struct Capture(Vec<u8>);

impl Capture {
    /// Begins with the header of a section and an option, as some writers add.
    pub(crate) fn new() -> Self {
        let options = [&[1, 0, 5, 0][..], b"hello\0\0\0", &[0; 4]].concat();
        let header = [&0x1a2b_3c4d_u32.to_le_bytes()[..], &[1, 0, 2, 0], &(-1_i64).to_le_bytes(), &options].concat();
        Self::default().block(0x0a0d_0d0a, &header)
    }

    /// Adds a block of any type.
    pub(crate) fn block(mut self, kind: u32, body: &[u8]) -> Self {
        let padding = body.len().next_multiple_of(4) - body.len();
        let length = u32::try_from(body.len() + padding + 12).unwrap().to_le_bytes();
        self.0.extend([&kind.to_le_bytes()[..], &length, body, &[0; 3][..padding], &length].concat());
        self
    }

    /// Adds another capture.
    pub(crate) fn then(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Adds an event with a time of `at` seconds.
    pub(crate) fn event(self, layout: Layout, at: u64, tid: i64, code: u16, values: &[Vec<u8>]) -> Self {
        let kind = match layout {
            Layout::First => 0x204,
            Layout::Second => 0x216,
            Layout::Large => 0x221,
        };
        self.block(kind, &[&[0; 2][..], &event(layout, at, tid, code, values)].concat())
    }

    /// Adds an event with flags.
    pub(crate) fn flagged(self, flags: u32, at: u64, tid: i64, code: u16, values: &[Vec<u8>]) -> Self {
        let body = event(Layout::Second, at, tid, code, values);
        self.block(0x217, &[&[0; 2][..], &flags.to_le_bytes(), &body].concat())
    }

    /// The file.
    pub(crate) fn bytes(self) -> Vec<u8> {
        self.0
    }
}

fn event(layout: Layout, at: u64, tid: i64, code: u16, values: &[Vec<u8>]) -> Vec<u8> {
    let counted = layout != Layout::First;
    let width = if layout == Layout::Large && LARGE.contains(&code) { 4 } else { 2 };
    let data: usize = values.iter().map(|value| value.len() + width).sum();
    let length = 22 + usize::from(counted) * 4 + data;
    let mut body = (at * 1_000_000_000).to_le_bytes().to_vec();
    body.extend(tid.to_le_bytes());
    body.extend(u32::try_from(length).unwrap().to_le_bytes());
    body.extend(code.to_le_bytes());
    if counted {
        body.extend(u32::try_from(values.len()).unwrap().to_le_bytes());
    }
    for value in values {
        body.extend(&u32::try_from(value.len()).unwrap().to_le_bytes()[..width]);
    }
    body.extend(values.concat());
    body
}

/// A text or list with its length in front.
pub(crate) fn counted(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_le_bytes()[..], bytes].concat()
}

/// A text parameter.
pub(crate) fn text(text: &str) -> Vec<u8> {
    [text.as_bytes(), &[0]].concat()
}

/// A parameter of 64 bits.
pub(crate) fn wide(number: i64) -> Vec<u8> {
    number.to_le_bytes().to_vec()
}

/// A parameter of 32 bits.
pub(crate) fn word(number: u32) -> Vec<u8> {
    number.to_le_bytes().to_vec()
}

/// An entry of the list of processes of a version: `cat`, whose values tell their fields apart.
pub(crate) fn process(version: u8, tid: i64, pid: i64, ptid: i64) -> Vec<u8> {
    let since = |first: u8, bytes: Vec<u8>| if version >= first { bytes } else { Vec::new() };
    let words = |numbers: &[u32]| numbers.iter().flat_map(|it| it.to_le_bytes()).collect::<Vec<u8>>();
    let wides = |numbers: &[i64]| numbers.iter().flat_map(|it| it.to_le_bytes()).collect::<Vec<u8>>();
    let body = [
        wides(&[tid, pid, ptid]),
        since(6, wide(11)),
        since(8, wide(12)),
        counted(b"cat"),
        counted(b"/bin/cat"),
        since(7, counted(b"/usr/bin/cat")),
        counted(b"-n\0/etc/passwd\0"),
        counted(b"/root"),
        wide(1024),
        words(&[0, 500, 501]),
        since(2, words(&[21, 22, 23])),
        since(2, wides(&[24, 25])),
        since(3, counted(b"HOME=/root\0TERM=xterm\0")),
        since(4, wides(&[tid, pid])),
        since(4, counted(b"cpuset=/\0")),
        since(5, counted(b"/")),
        since(9, [wide(31), words(&[34_816, 1000]), vec![1], wides(&[41, 42, 43]), vec![0]].concat()),
        since(9, [wides(&[51, 52, 53]), vec![0, 1], wide(13), b"later".to_vec()].concat()),
    ]
    .concat();
    match version {
        9.. => [word(u32::try_from(body.len() + 4).unwrap()), body].concat(),
        _ => body,
    }
}
