//! Who we are, and whom we know: the device key and the hubs that are remembered.
//!
//! They lie in `$XDG_CONFIG_HOME/puerta/`, else `~/.config/puerta/` (0700): [`key`](Key) and `hubs.toml` (0600 both). What others
//! could have read or written is refused, with the command that mends it. Every call blocks for as long as the disk takes.

mod book;
mod folder;
mod hubs;
mod key;
mod running;
mod stored;

pub use book::{Book, LOCK};
pub use folder::{Folder, folder_of};
pub use hubs::{ADDRESSES, HUBS, Hubs, KnownHub, NAME, Sighted, Trust};
pub(crate) use key::device_of;
pub use key::{Key, random};
pub use running::{RunningHub, Runtime, Told};
