//! Walks over the body of a block, never past its end.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::ScapError;

/// A position in bytes whose place in the file is known.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
    offset: u64,
}

impl<'a> Cursor<'a> {
    /// Starts at the beginning of `bytes`, which stand at `offset` of the file.
    pub(super) fn new(bytes: &'a [u8], offset: u64) -> Self {
        Self { rest: bytes, offset }
    }

    /// How many bytes are left.
    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }

    /// Where the next byte stands in the file.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// An error at this place.
    pub(super) fn malformed(&self, what: &'static str) -> ScapError {
        ScapError::Malformed { offset: self.offset, what }
    }

    /// Takes `count` bytes.
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], ScapError> {
        let Some((taken, rest)) = self.rest.split_at_checked(count) else {
            return Err(self.malformed("a length points past the end of its block"));
        };
        self.rest = rest;
        self.offset += count as u64;
        Ok(taken)
    }

    /// Takes `count` bytes as a cursor of their own.
    pub(super) fn part(&mut self, count: usize) -> Result<Self, ScapError> {
        let offset = self.offset;
        Ok(Self { rest: self.take(count)?, offset })
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ScapError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub(super) fn u8(&mut self) -> Result<u8, ScapError> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    pub(super) fn u16(&mut self) -> Result<u16, ScapError> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub(super) fn u32(&mut self) -> Result<u32, ScapError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(super) fn u64(&mut self) -> Result<u64, ScapError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub(super) fn i64(&mut self) -> Result<i64, ScapError> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    /// A length in 16 bits and as many bytes.
    pub(super) fn counted(&mut self) -> Result<&'a [u8], ScapError> {
        let length = self.u16()?;
        self.take(usize::from(length))
    }

    /// A length in 16 bits and as many bytes of text.
    pub(super) fn text(&mut self) -> Result<String, ScapError> {
        self.counted().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    /// An IPv4 address in network order.
    pub(super) fn ipv4(&mut self) -> Result<IpAddr, ScapError> {
        Ok(Ipv4Addr::from(self.array::<4>()?).into())
    }

    /// An IPv6 address in network order.
    pub(super) fn ipv6(&mut self) -> Result<IpAddr, ScapError> {
        Ok(Ipv6Addr::from(self.array::<16>()?).into())
    }
}
