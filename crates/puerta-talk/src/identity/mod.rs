//! Who we are, and whom we know: the device key and the hubs that are remembered.

mod key;

pub(crate) use key::device_of;
pub use key::{Key, random};
