//! How older forms of an event become the present one.

/// What happens to an event of an older form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// It is an entry that only serves its exit.
    Store,
    /// It stays as it is.
    Pass,
    /// Both.
    StoreAndPass,
    /// It gets further parameters.
    Extend,
    /// It becomes another event.
    Become(u16),
}

/// Where one parameter comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// A parameter of the event itself.
    Own(u8),
    /// A parameter of the entry; zero without one.
    Entry(u8),
    /// A parameter of the entry; empty without one.
    EntryOrEmpty(u8),
    /// Empty.
    Empty,
    /// Zero.
    Default,
    /// The JSON document of a container, made of the fields of the older event.
    ContainerJson,
}

/// One row of the table.
#[derive(Debug)]
pub(super) struct Conversion {
    pub(super) code: u16,
    pub(super) parameters: u8,
    pub(super) way: Way,
    pub(super) steps: &'static [Step],
}

pub(super) const fn conversion(code: u16, parameters: u8, way: Way, steps: &'static [Step]) -> Conversion {
    Conversion { code, parameters, way, steps }
}
