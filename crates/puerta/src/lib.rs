//! The Berkeley sockets with their proper types.
//!
//! One struct, [`Socket`], carries its protocol and its role in its type. Each verb is a method whose bound names the
//! roles that may use it, so a wrong order of calls does not compile, and the compiler says what is missing:
//!
//! ```text
//! Socket<P, Unbound> ─bind→ Socket<P, Bound> ─listen→ Socket<P, Listening> ─accept→ Socket<P, Connected>
//!         └───────────────connect (or start_connect → Connecting → finish_connect)────────────┘
//! ```
//!
//! ```
//! use puerta::{Flags, Ip, Socket, Tcp};
//!
//! # fn main() -> Result<(), puerta::Error> {
//! let listener = Socket::<Tcp>::new(Ip::V4)?.bind(&"127.0.0.1:0".parse().unwrap())?.listen(16)?;
//! let client = Socket::<Tcp>::new(Ip::V4)?.connect(&listener.local_addr()?)?;
//! let (server, _peer) = listener.accept()?;
//! client.send(b"Hola, servidor!", Flags::NONE)?;
//! let mut buffer = [0; 64];
//! let received = server.recv(&mut buffer, Flags::NONE)?;
//! assert_eq!(&buffer[..received.len], b"Hola, servidor!");
//! # Ok(())
//! # }
//! ```
//!
//! What types cannot see: a descriptor that another process, or a clone, shares. A second owner can shut the connection
//! down or change options under this one; the kernel then answers with an error, never with undefined behaviour.
//!
//! Every system call goes through one place, which builds the [`Error`] and feeds the [`trace`].

#![deny(missing_docs)]
#![deny(unsafe_code)]

mod accept;
mod address;
mod ancillary;
mod convert;
mod credentials;
mod dial;
mod error;
mod exchange;
mod hint;
mod interfaces;
pub mod io;
mod message;
pub mod opt;
mod protocol;
mod resolve;
mod role;
mod socket;
mod status;
mod sys;
#[cfg(feature = "tokio")]
mod tokio;
pub mod trace;
pub mod units;

pub use address::{
    Address, Endpoint, Host, LATER_LAYERS, ParseError, ParseErrorKind, Service, Target, Transport, UnixAddr, escape,
    nearest, unescape,
};
pub use ancillary::{PacketInfo, RawAncillary};
pub use convert::inherited;
pub use credentials::Credentials;
pub use dial::{
    ATTEMPT_DELAY, Action, Attempt, Backoff, Before, DialOptions, Dials, GaveUp, Outcome, Race, dial, interleave,
};
pub use error::{Bad, Call, Cause, Error, Result, errno, errno_name};
pub use exchange::{Flags, Messages, Received, Shutdown};
pub use interfaces::{Interface, interfaces};
pub use message::{
    AncillarySpace, Datagram, MAX_DESCRIPTORS, Message, Packet, PacketConnection, PassesDescriptors, QueuedError,
    ReceivedMessage,
};
pub use protocol::{
    AnyDatagram, AnyStream, Bytes, Datagrams, Family, Icmp, Ip, Listens, Protocol, RawIp, Tcp, Udp, UnixDatagram,
    UnixPacket, UnixStream,
};
pub use resolve::{NameFlags, Query, Resolved, SocketType, Use, interface_index, interface_name, resolve, reverse};
pub use role::{
    Adopts, Bound, CanAccept, CanBind, CanConnect, CanExchange, CanFinish, CanListen, CanName, CanReceiveFrom,
    CanSendTo, CanShare, Connected, Connecting, Listening, Role, Unbound,
};
pub use socket::{Progress, Socket, TcpListener, TcpStream, UdpSocket};
#[cfg(feature = "tokio")]
pub use tokio::{Async, NotRegistered};
