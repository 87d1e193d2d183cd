//! Roles: what a socket may do next. The traits' messages are API; the impls are written out, since a macro would add
//! itself to every message of the compiler.

use crate::error::Result;
use crate::sys::call::Fd;

pub(crate) mod sealed {
    pub trait Sealed {}
}

/// A role in a socket's life.
pub trait Role: sealed::Sealed + Send + Sync + 'static {}

/// Fresh from `socket(2)`.
#[derive(Debug)]
pub enum Unbound {}
/// It has an address of its own: after `bind(2)`.
#[derive(Debug)]
pub enum Bound {}
/// It takes connections: after `listen(2)`.
#[derive(Debug)]
pub enum Listening {}
/// A non-blocking `connect(2)` is under way.
#[derive(Debug)]
pub enum Connecting {}
/// It has a peer: after `connect(2)` or from `accept(2)`.
#[derive(Debug)]
pub enum Connected {}

impl sealed::Sealed for Unbound {}
impl sealed::Sealed for Bound {}
impl sealed::Sealed for Listening {}
impl sealed::Sealed for Connecting {}
impl sealed::Sealed for Connected {}

impl Role for Unbound {}
impl Role for Bound {}
impl Role for Listening {}
impl Role for Connecting {}
impl Role for Connected {}

/// May be given an address of its own.
#[diagnostic::on_unimplemented(
    message = "a socket that is `{Self}` cannot bind",
    label = "its address is settled",
    note = "bind comes first: `Socket::new(…)?.bind(address)?`"
)]
pub trait CanBind: Role {}
impl CanBind for Unbound {}

/// May be given a peer.
#[diagnostic::on_unimplemented(
    message = "a socket that is `{Self}` cannot connect",
    label = "its role is settled",
    note = "a failed or used socket never connects again: make a new one, `Socket::new(…)?.connect(address)?`"
)]
pub trait CanConnect: Role {}
impl CanConnect for Unbound {}
impl CanConnect for Bound {}

/// May become a listener.
#[diagnostic::on_unimplemented(
    message = "a socket that is `{Self}` cannot listen",
    label = "only a bound socket listens",
    note = "bind, then listen: `Socket::new(…)?.bind(address)?.listen(backlog)?`; a connected socket can never listen"
)]
pub trait CanListen: Role {}
impl CanListen for Bound {}

/// May take connections.
#[diagnostic::on_unimplemented(
    message = "a socket that is `{Self}` cannot accept",
    label = "it is not listening",
    note = "bind, then listen: `Socket::new(…)?.bind(address)?.listen(backlog)?` gives the socket that accepts"
)]
pub trait CanAccept: Role {}
impl CanAccept for Listening {}

/// Has a peer to exchange data with.
#[diagnostic::on_unimplemented(
    message = "a socket that is `{Self}` has no peer to exchange data with",
    label = "not connected",
    note = "`connect`, or `accept` on a listener, gives a connected socket; datagrams without a peer use `send_to` and `recv_from`"
)]
pub trait CanExchange: Role {}
impl CanExchange for Connected {}

/// Has a connect under way.
#[diagnostic::on_unimplemented(
    message = "a socket that is `{Self}` has no connect under way",
    label = "nothing to finish",
    note = "`start_connect` gives a socket that is `Connecting`"
)]
pub trait CanFinish: Role {}
impl CanFinish for Connecting {}

/// Has an address of its own.
#[diagnostic::on_unimplemented(
    message = "a socket that is `{Self}` has no address yet",
    label = "not bound",
    note = "`bind` or `connect` gives it one"
)]
pub trait CanName: Role {}
impl CanName for Bound {}
impl CanName for Listening {}
impl CanName for Connected {}

/// May have a second descriptor.
#[diagnostic::on_unimplemented(
    message = "a socket that is `{Self}` cannot be cloned",
    label = "its next step would change both",
    note = "clone it once it is listening or connected"
)]
pub trait CanShare: Role {}
impl CanShare for Listening {}
impl CanShare for Connected {}

/// May send a datagram to any address.
#[diagnostic::on_unimplemented(
    message = "a socket that is `{Self}` sends to no address",
    label = "it has one peer, or none",
    note = "connected sockets use `send`"
)]
pub trait CanSendTo: Role {}
impl CanSendTo for Unbound {}
impl CanSendTo for Bound {}

/// May receive datagrams, with the address that they came from.
#[diagnostic::on_unimplemented(
    message = "a socket that is `{Self}` receives nothing",
    label = "not bound",
    note = "`bind` gives it an address to receive at"
)]
pub trait CanReceiveFrom: Role {}
impl CanReceiveFrom for Bound {}
impl CanReceiveFrom for Connected {}

/// A role that [`Socket::adopt`](crate::Socket::adopt) can verify on a descriptor from elsewhere.
#[diagnostic::on_unimplemented(
    message = "a descriptor cannot be adopted as a socket that is `{Self}`",
    label = "nothing tells that a descriptor is in this role",
    note = "adopt it as `Unbound`, `Bound`, `Listening` or `Connected`"
)]
pub trait Adopts: Role + Probe {}
impl Adopts for Unbound {}
impl Adopts for Bound {}
impl Adopts for Listening {}
impl Adopts for Connected {}

/// How a role is recognised.
pub trait Probe {
    /// Whether the socket is in this role.
    #[doc(hidden)]
    fn fits(state: State) -> bool;
}

/// What the kernel tells of a socket's role.
#[derive(Debug, Clone, Copy)]
pub struct State {
    pub(crate) listening: bool,
    pub(crate) connected: bool,
    pub(crate) bound: bool,
}

impl State {
    pub(crate) fn of(fd: &Fd, kind: libc::c_int) -> Result<State> {
        use crate::sys::{socket, transfer};
        use std::os::fd::AsFd;
        let listening = transfer::get_int(fd.as_fd(), libc::SOL_SOCKET, libc::SO_ACCEPTCONN, "SO_ACCEPTCONN")? != 0;
        let connected = socket::getpeername(fd).is_ok();
        let name = socket::getsockname(fd)?;
        let bound = if kind == libc::SOCK_RAW { name.is_bound_to_host() } else { name.is_bound() };
        Ok(State { listening, connected, bound })
    }
}

impl Probe for Unbound {
    fn fits(state: State) -> bool {
        !state.listening && !state.connected && !state.bound
    }
}

impl Probe for Bound {
    fn fits(state: State) -> bool {
        !state.listening && !state.connected && state.bound
    }
}

impl Probe for Listening {
    fn fits(state: State) -> bool {
        state.listening
    }
}

impl Probe for Connected {
    fn fits(state: State) -> bool {
        state.connected
    }
}
