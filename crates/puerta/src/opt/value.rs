//! Values of options as text has them: what an option takes, its bounds, how it prints.

use super::multicast::{Group, Interface};
use crate::units::{parse_size, parse_time, print_size, print_time};
use std::fmt;
use std::time::Duration;

/// What an option takes, with its bounds, which are included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ValueKind {
    /// True or false. The bare name is true; `yes`, `no`, `on`, `off`, `1`, `0` are fine.
    Flag,
    /// A whole number, decimal or, after `0x`, hexadecimal.
    Number {
        /// The smallest.
        min: u32,
        /// The largest.
        max: u32,
    },
    /// A number of bytes: [`parse_size`].
    Size {
        /// The smallest.
        min: u32,
        /// The largest.
        max: u32,
    },
    /// A length of time: [`parse_time`].
    Time {
        /// It is a multiple of this.
        unit: Duration,
        /// The shortest.
        min: Duration,
        /// The longest.
        max: Duration,
        /// What `none` means, where it is allowed.
        none: Option<&'static str>,
    },
    /// A name of at most so many bytes.
    Name {
        /// The longest.
        max: usize,
    },
    /// A multicast group: `239.1.2.3`, `239.1.2.3%lo`, `ff02::1%2`.
    Group,
    /// An interface by name or number; `any` is the one that the routes choose.
    Interface,
}

/// The value of an option.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Value {
    /// On or off.
    Flag(bool),
    /// A number.
    Number(u32),
    /// A number of bytes.
    Size(u64),
    /// A length of time; `None` as the option's documentation says: no limit, switched off, the system's default.
    Time(Option<Duration>),
    /// A name.
    Name(String),
    /// A multicast group.
    Group(Group),
    /// An interface.
    Interface(Interface),
}

impl ValueKind {
    /// What stands for the value in a usage line: `SIZE`, `TIME`, `N`; nothing for a flag.
    pub const fn placeholder(&self) -> &'static str {
        match self {
            ValueKind::Flag => "",
            ValueKind::Number { .. } => "N",
            ValueKind::Size { .. } => "SIZE",
            ValueKind::Time { .. } => "TIME",
            ValueKind::Name { .. } => "NAME",
            ValueKind::Group => "GROUP[%INTERFACE]",
            ValueKind::Interface => "INTERFACE",
        }
    }

    /// `None` for text that is no value of this kind, or out of bounds.
    pub(super) fn parse(&self, text: Option<&str>) -> Option<Value> {
        let value = match (self, text) {
            (ValueKind::Flag, None | Some("true" | "yes" | "on" | "1")) => Value::Flag(true),
            (ValueKind::Flag, Some("false" | "no" | "off" | "0")) => Value::Flag(false),
            (ValueKind::Number { .. }, Some(text)) => Value::Number(number(text)?),
            (ValueKind::Size { .. }, Some(text)) => Value::Size(parse_size(text).ok()?),
            (ValueKind::Time { .. }, Some("none")) => Value::Time(None),
            (ValueKind::Time { .. }, Some(text)) => Value::Time(Some(parse_time(text).ok()?)),
            (ValueKind::Name { .. }, Some(text)) => Value::Name(text.to_owned()),
            (ValueKind::Group, Some(text)) => Value::Group(text.parse().ok()?),
            (ValueKind::Interface, Some(text)) => Value::Interface(text.parse().ok()?),
            _ => return None,
        };
        self.admits(&value).then_some(value)
    }

    pub(super) fn admits(&self, value: &Value) -> bool {
        match (self, value) {
            (ValueKind::Flag, Value::Flag(_)) => true,
            (ValueKind::Number { min, max }, Value::Number(n)) => (min..=max).contains(&n),
            (ValueKind::Size { min, max }, Value::Size(n)) => (u64::from(*min)..=u64::from(*max)).contains(n),
            (ValueKind::Time { none, .. }, Value::Time(None)) => none.is_some(),
            (ValueKind::Time { unit, min, max, .. }, Value::Time(Some(time))) => {
                (min..=max).contains(&time) && time.as_nanos().is_multiple_of(unit.as_nanos().max(1))
            }
            (ValueKind::Name { max }, Value::Name(name)) => {
                (1..=*max).contains(&name.len()) && !name.contains(['\0', '/'])
            }
            (ValueKind::Group, Value::Group(group)) => group.address().is_multicast() && group.interface().is_sound(),
            (ValueKind::Interface, Value::Interface(interface)) => interface.is_sound(),
            _ => false,
        }
    }
}

impl fmt::Display for ValueKind {
    /// What to write, with the bounds: `a time from 1s to 32767s, in whole seconds`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ValueKind::Flag => f.write_str("nothing, true or false"),
            ValueKind::Number { min, max } => write!(f, "a number from {min} to {max}"),
            ValueKind::Size { min, max } => write!(f, "a size from {min} to {max} bytes, such as 64k"),
            ValueKind::Time { unit, min, max, none } => {
                write!(f, "a time from {} to {}", plain_time(*min), plain_time(*max))?;
                match (unit.as_secs(), unit.subsec_nanos()) {
                    (1, _) => f.write_str(", in whole seconds")?,
                    (_, 1_000_000) => f.write_str(", in whole milliseconds")?,
                    _ => f.write_str(", in whole microseconds")?,
                }
                none.map_or(Ok(()), |meaning| write!(f, ", or none ({meaning})"))
            }
            ValueKind::Name { max } => write!(f, "a name of 1 to {max} bytes"),
            ValueKind::Group => f.write_str("a multicast address with an interface or not, such as 239.1.2.3%eth0"),
            ValueKind::Interface => f.write_str("an interface by name or number, or any"),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Flag(on) => on.fmt(f),
            Value::Number(n) => n.fmt(f),
            Value::Size(n) => f.write_str(&print_size(*n)),
            Value::Time(None) => f.write_str("none"),
            Value::Time(Some(time)) => f.write_str(&print_time(*time)),
            Value::Name(name) => f.write_str(name),
            Value::Group(group) => group.fmt(f),
            Value::Interface(interface) => interface.fmt(f),
        }
    }
}

/// Bounds read better in one unit: 32767s, not 9h6m7s.
fn plain_time(time: Duration) -> String {
    match time.as_secs() {
        0 => print_time(time),
        seconds => format!("{seconds}s"),
    }
}

fn number(text: &str) -> Option<u32> {
    let (digits, radix) = text.strip_prefix("0x").map_or((text, 10), |hex| (hex, 16));
    // from_str_radix would take a sign.
    if digits.starts_with(['+', '-']) { None } else { u32::from_str_radix(digits, radix).ok() }
}

/// Between an option's own type and [`Value`].
pub trait Codec: Sized {
    fn encode(self) -> Value;
    /// `None` for a value of another kind.
    fn decode(value: Value) -> Option<Self>;
}

macro_rules! codecs {
    ($($plain:ty: $variant:ident, |$from:ident| $into:expr, |$seen:ident| $back:expr;)*) => {$(
        impl Codec for $plain {
            fn encode(self) -> Value {
                let $from = self;
                Value::$variant($into)
            }
            fn decode(value: Value) -> Option<Self> {
                match value {
                    Value::$variant($seen) => $back,
                    _ => None,
                }
            }
        }
    )*};
}
codecs! {
    bool: Flag, |on| on, |on| Some(on);
    u32: Number, |n| n, |n| Some(n);
    u8: Number, |n| u32::from(n), |n| u8::try_from(n).ok();
    usize: Size, |n| n as u64, |n| usize::try_from(n).ok();
    Duration: Time, |time| Some(time), |time| Some(time.unwrap_or_default());
    Option<Duration>: Time, |time| time, |time| Some(time);
    String: Name, |name| name, |name| Some(name);
    Option<String>: Name, |name| name.unwrap_or_default(), |name| Some((!name.is_empty()).then_some(name));
    Group: Group, |group| group, |group| Some(group);
    Interface: Interface, |interface| interface, |interface| Some(interface);
}
