//! `puerta talk`.

#[allow(dead_code, unused_imports, reason = "rooms come with their drivers")]
pub(crate) mod screen;
