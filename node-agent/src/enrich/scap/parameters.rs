//! The parameters of an event as rules and outputs see them.

use tiercel_detection::event::flags::SIGNALS;
use tiercel_detection::event::{L4Protocol, Parameter, ParameterValue, Parameters, Text};

use super::address;
use super::call::{self, Call, signed};
use super::descriptor::Descriptor;
use super::learn::absolute_name;
use super::state::CaptureState;
use crate::capture::scap::tables::{self, Format, ParameterKind, ParameterRow};

/// Falco's word for data or a tuple that is not there.
const NULL: &str = "NULL";

/// The directory descriptor that stands for the current directory.
const AT_FDCWD: i64 = -100;

/// All parameters in order.
pub(super) fn parameters(state: &CaptureState, call: Call<'_>) -> Parameters {
    let known = call.row.parameters.iter().zip(&call.event.values);
    known.map(|(row, bytes)| Parameter { name: row.name, value: value(state, call, row, bytes) }).collect()
}

fn value(state: &CaptureState, call: Call<'_>, row: &ParameterRow, bytes: &[u8]) -> ParameterValue {
    use ParameterKind::*;
    let number = call::unsigned(bytes);
    let word = || number.and_then(|number| u32::try_from(number).ok());
    let made = match row.kind {
        Bytes if bytes.is_empty() => Some(text(NULL)),
        Tuple => Some(text(&tuple_text(bytes))),
        _ if bytes.is_empty() => None,
        Bytes => Some(ParameterValue::Bytes(bytes.into())),
        Text => Some(text(&call::text(bytes))),
        Path => Some(path(&call::text(bytes), || absolute_name(state, call, &call::text(bytes), None))),
        RelativePath => {
            let base = row.base.and_then(|base| signed(call.row.parameters[base].kind, call.event.values.get(base)?));
            Some(path(&call::text(bytes), || absolute_name(state, call, &call::text(bytes), base)))
        }
        TextList => Some(text(&call::parts(bytes).join(" "))),
        Address => address::address(bytes).map(|address| text(&address.to_string())),
        FdList => Some(text(&descriptor_list(state, call, bytes))),
        Dynamic => dynamic(state, call, row, bytes),
        Empty => None,
        Errno => signed(row.kind, bytes).map(ParameterValue::Errno),
        Fd | Fd32 => signed(row.kind, bytes).map(|fd| descriptor(state, call, fd)),
        Pid | Pid32 => signed(row.kind, bytes).map(|pid| process(state, pid)),
        Uid => word().map(|id| ParameterValue::Uid { id, name: user(state, call, id) }),
        Gid => word().map(|id| ParameterValue::Gid { id, name: group(state, call, id) }),
        Signal => number.map(|number| ParameterValue::Enum(number, SIGNALS)),
        SyscallId => number.map(system_call),
        Duration => number.map(duration),
        Bool => number.map(|number| text(if number == 0 { "false" } else { "true" })),
        Flags8 | Flags16 | Flags32 => number.map(|number| match row.names {
            Some(names) => ParameterValue::Flags(number, names),
            None => ParameterValue::Unsigned(number),
        }),
        Enum8 | Enum16 | Enum32 => number.map(|number| match row.names {
            Some(names) => ParameterValue::Enum(number, names),
            None => ParameterValue::Unsigned(number),
        }),
        Mode => word().map(ParameterValue::Mode),
        I8 | I16 | I32 | I64 | U8 | U16 | U32 | U64 | Time | Port => plain(row, bytes),
        Ipv4 | Ipv6 => address_only(bytes),
    };
    made.unwrap_or(ParameterValue::Empty)
}

/// Both ends of a connection, or Falco's word for none.
pub(super) fn tuple_text(bytes: &[u8]) -> String {
    address::tuple(bytes).map_or_else(|| NULL.to_owned(), |tuple| tuple.to_string())
}

fn text(text: &str) -> ParameterValue {
    ParameterValue::Text(text.into())
}

fn plain(row: &ParameterRow, bytes: &[u8]) -> Option<ParameterValue> {
    let number = call::unsigned(bytes)?;
    Some(match row.format {
        Format::Hex => ParameterValue::Hex(number),
        Format::Octal => ParameterValue::Octal(number),
        // Falco prints numbers of 64 bits with a sign, whatever they are.
        Format::Decimal => match i64::try_from(number) {
            Ok(_) if signed(row.kind, bytes)? >= 0 => ParameterValue::Unsigned(number),
            _ => ParameterValue::Signed(signed(row.kind, bytes)?),
        },
    })
}

fn address_only(bytes: &[u8]) -> Option<ParameterValue> {
    let address: std::net::IpAddr = match bytes.len() {
        4 => (*bytes.first_chunk::<4>()?).into(),
        16 => (*bytes.first_chunk::<16>()?).into(),
        _ => return None,
    };
    Some(text(&address.to_string()))
}

/// A path with its absolute form where it has none itself.
fn path(given: &str, absolute: impl FnOnce() -> String) -> ParameterValue {
    let resolved = (!given.is_empty() && !given.starts_with('/')).then(absolute);
    ParameterValue::Path { given: given.into(), resolved: resolved.map(Text::from) }
}

fn known<'a>(state: &'a CaptureState, call: Call<'_>, fd: i64) -> Option<&'a Descriptor> {
    state.threads.descriptors(call.event.tid)?.get(fd)
}

fn descriptor(state: &CaptureState, call: Call<'_>, number: i64) -> ParameterValue {
    let found = (number != AT_FDCWD).then(|| known(state, call, number)).flatten();
    ParameterValue::Fd {
        number,
        kind: found.map(|found| found.kind),
        protocol: found.map_or(L4Protocol::Unknown, Descriptor::told_l4),
        name: found.map_or_else(|| "".into(), |found| found.name.clone()),
    }
}

/// A process with its name; 0 is none.
fn process(state: &CaptureState, id: i64) -> ParameterValue {
    let known = state.threads.get(id).filter(|_| id != 0);
    ParameterValue::Pid { id, name: known.map(|thread| thread.name().clone()) }
}

fn container_of(state: &CaptureState, call: Call<'_>) -> Text {
    let thread = state.threads.get(call.event.tid);
    let container = thread.and_then(|thread| state.containers.known(&thread.cgroups));
    container.map_or_else(|| "".into(), |container| container.id)
}

fn user(state: &CaptureState, call: Call<'_>, id: u32) -> Option<Text> {
    state.accounts.user_name(&container_of(state, call), id)
}

fn group(state: &CaptureState, call: Call<'_>, id: u32) -> Option<Text> {
    state.accounts.group_name(&container_of(state, call), id)
}

/// The name of a system call that has no event of its own.
fn system_call(code: u64) -> ParameterValue {
    let name = u16::try_from(code).ok().and_then(tables::call).unwrap_or("unknown");
    ParameterValue::Shown { raw: code.to_string().into(), resolved: name.into() }
}

/// Nanoseconds, and what they are in seconds.
fn duration(ns: u64) -> ParameterValue {
    #[expect(clippy::cast_precision_loss, reason = "six digits are printed")]
    let seconds = ns as f64 / 1e9;
    ParameterValue::Shown { raw: ns.to_string().into(), resolved: format!("{}s", six_digits(seconds)).into() }
}

/// A number that is not negative with at most six significant digits, as `%g` of C prints it.
fn six_digits(number: f64) -> String {
    let rounded = format!("{number:.5e}");
    let (mantissa, exponent) = rounded.split_once('e').expect("the format has an exponent");
    let exponent: i32 = exponent.parse().expect("an exponent is a number");
    match usize::try_from(5 - exponent) {
        Ok(decimals) if exponent >= -4 => without_zeros(&format!("{number:.decimals$}")).to_owned(),
        _ => format!("{}e{}{:02}", without_zeros(mantissa), if exponent < 0 { '-' } else { '+' }, exponent.abs()),
    }
}

/// A decimal number without the zeros at its end.
fn without_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

/// A value whose first byte says which of the choices it is.
fn dynamic(state: &CaptureState, call: Call<'_>, row: &ParameterRow, bytes: &[u8]) -> Option<ParameterValue> {
    let (choice, bytes) = bytes.split_first()?;
    row.choices.get(usize::from(*choice)).map(|chosen| value(state, call, chosen, bytes))
}

/// The descriptors that an event watches, with flags.
pub(super) fn watched(call: Call<'_>) -> Vec<(i64, u16)> {
    let lists = call.row.parameters.iter().position(|row| row.kind == ParameterKind::FdList);
    let bytes = lists.and_then(|index| call.event.values.get(index));
    bytes.map(|bytes| pairs(bytes)).unwrap_or_default()
}

fn pairs(bytes: &[u8]) -> Vec<(i64, u16)> {
    let Some((count, rest)) = bytes.split_first_chunk() else { return Vec::new() };
    let pair = |chunk: &[u8]| {
        let (fd, flags) = chunk.split_first_chunk()?;
        Some((i64::from_le_bytes(*fd), u16::from_le_bytes(*flags.first_chunk()?)))
    };
    rest.chunks_exact(10).take(usize::from(u16::from_le_bytes(*count))).filter_map(pair).collect()
}

/// `number:kind flags`, separated by blanks.
fn descriptor_list(state: &CaptureState, call: Call<'_>, bytes: &[u8]) -> String {
    let one = |(fd, flags): (i64, u16)| {
        let kind = known(state, call, fd).map_or("", |found| found.kind.character());
        format!("{fd}:{kind}{flags:x}")
    };
    pairs(bytes).into_iter().map(one).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_print_as_c_prints_them() {
        let printed = [0.0, 1.0, 0.1, 0.000_25, 0.000_012_5, 123_456.7, 12_345_678.0, 999_999.95].map(six_digits);
        assert_eq!(printed, ["0", "1", "0.1", "0.00025", "1.25e-05", "123457", "1.23457e+07", "1e+06"]);
    }

    #[test]
    fn lists_of_descriptors_end_where_their_bytes_end() {
        let mut bytes = 3_u16.to_le_bytes().to_vec();
        bytes.extend(5_i64.to_le_bytes());
        bytes.extend(1_u16.to_le_bytes());
        bytes.extend([7; 4]);
        assert_eq!(pairs(&bytes), [(5, 1)]);
        assert_eq!(pairs(&[1]), []);
    }
}
