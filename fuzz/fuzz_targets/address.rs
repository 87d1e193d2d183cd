//! Any text is refused at a place within it, or what is printed of it reads back as the same, byte by byte.
#![no_main]

use puerta::{Address, Host, ParseError, Service, Target, UnixAddr};
use puerta_relay::Endpoint;
use std::fmt::{Debug, Display};
use std::os::unix::ffi::OsStrExt;
use std::str::FromStr;

libfuzzer_sys::fuzz_target!(|text: &str| {
    check::<Host>(text, |host| vec![host.to_string()]);
    check::<Service>(text, |service| vec![service.to_string()]);
    check::<Address>(text, |address| vec![address.to_string(), format!("{address:#}")]);
    check::<Endpoint>(text, |endpoint| vec![endpoint.to_string(), format!("{endpoint:#}")]);
    assert_eq!(puerta::unescape(&puerta::escape(text)), text);
    if let Ok(address) = text.parse::<Address>() {
        assert_eq!(path(&address), path(&address.to_string().parse().unwrap()));
        assert_eq!(path(&address), path(&format!("{address:#}").parse().unwrap()));
        assert_eq!(text.parse(), Ok(Endpoint::from(address)), "a base address means the same to both grammars");
    }
});

fn check<T: FromStr<Err = ParseError> + Debug + PartialEq>(text: &str, print: impl Fn(&T) -> Vec<String>) {
    match text.parse::<T>() {
        Ok(value) => {
            for printed in print(&value) {
                let back = printed.parse::<T>();
                assert_eq!(back.as_ref(), Ok(&value), "{printed}");
                assert_eq!(print(&back.unwrap()), print(&value), "{printed}");
                one_line(&printed);
            }
        }
        Err(error) => {
            assert!(text.is_char_boundary(error.at), "{error}");
            one_line(&error);
            one_line(&error.hint.unwrap_or_default());
        }
    }
}

/// Equality of paths goes by components; here every byte counts.
fn path(address: &Address) -> Option<&[u8]> {
    match &address.target {
        Target::Unix(UnixAddr::Path(path)) => Some(path.as_os_str().as_bytes()),
        _ => None,
    }
}

fn one_line(text: &impl Display) {
    assert!(!text.to_string().contains(char::is_control), "{text}");
}
