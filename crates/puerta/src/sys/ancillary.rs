//! sendmsg and recvmsg with ancillary data: cmsg(3), unix(7), ip(7), ipv6(7).

use super::call::{Args, Fd, retried};
use super::sockaddr::Storage;
use super::symbols::{self, SCM_PIDFD};
use crate::ancillary::{PacketInfo, RawAncillary};
use crate::credentials::Credentials;
use crate::error::{Bad, Call, Error, Result};
use crate::trace::{SHOWN, Value};
use libc::{c_int, c_uint};
use std::io::{IoSlice, IoSliceMut};
use std::mem::{size_of, zeroed};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// What one sendmsg sends.
pub(crate) struct Outgoing<'a> {
    pub(crate) parts: &'a [IoSlice<'a>],
    pub(crate) to: Option<&'a Storage>,
    pub(crate) descriptors: &'a [BorrowedFd<'a>],
    pub(crate) credentials: Option<Credentials>,
    pub(crate) source: Option<Source>,
    pub(crate) others: &'a [RawAncillary],
}

/// The source of a datagram, as the family of the socket wants it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Source {
    V4(Ipv4Addr, u32),
    V6(Ipv6Addr, u32),
}

/// What one recvmsg received. The descriptors are owned from here on.
pub(crate) struct Incoming {
    /// The full length where `MSG_TRUNC` was among the flags; on an ICMP socket, which does not know it, one more than the
    /// buffers hold.
    pub(crate) len: usize,
    pub(crate) from: Storage,
    pub(crate) control: Control,
}

/// Ancillary data, decoded.
#[derive(Debug, Default)]
pub(crate) struct Control {
    pub(crate) descriptors: Vec<OwnedFd>,
    pub(crate) process: Option<OwnedFd>,
    pub(crate) credentials: Option<Credentials>,
    pub(crate) to: Option<PacketInfo>,
    pub(crate) others: Vec<RawAncillary>,
}

/// What `struct ucred` takes of the room for ancillary data, in bytes.
pub(crate) const CREDENTIALS_SPACE: usize = space(size_of::<libc::ucred>());
/// What packet info takes of it: on a dual-stack socket an IPv4 datagram brings both kinds.
pub(crate) const PACKET_INFO_SPACE: usize =
    space(size_of::<libc::in_pktinfo>()) + space(size_of::<libc::in6_pktinfo>());

/// The room that a control message with so many bytes takes: CMSG_SPACE, which would cut lengths down to 32 bits.
pub(crate) const fn space(len: usize) -> usize {
    aligned(size_of::<libc::cmsghdr>()).saturating_add(aligned(len))
}

/// CMSG_ALIGN: up to a multiple of the size of a long.
const fn aligned(len: usize) -> usize {
    match len.checked_next_multiple_of(size_of::<usize>()) {
        Some(len) => len,
        None => usize::MAX,
    }
}

/// sendmsg(2). Ancillary data that is short needs no allocation.
pub(crate) fn send(fd: &Fd, out: &Outgoing<'_>, flags: c_int) -> Result<usize> {
    let raw = fd.raw();
    let flags = flags | libc::MSG_NOSIGNAL;
    let need = out.space();
    if need > c_int::MAX as usize {
        // The kernel's own bound; it would answer ENOBUFS, after we had copied as much.
        return Err(Error::bad(Call::SendMsg, Bad::Value));
    }
    let (mut short, mut long) = ([0u64; 8], Vec::new());
    let room = if need <= size_of_val(&short) {
        &mut short[..]
    } else {
        long.resize(need.div_ceil(size_of::<u64>()), 0);
        &mut long[..]
    };
    let filled = out.fill(room);
    // SAFETY: msghdr is plain data, and all zeroes is a valid value of it.
    let mut message: libc::msghdr = unsafe { zeroed() };
    if let Some(to) = out.to {
        // The kernel only reads the address.
        message.msg_name = to.as_ptr().cast_mut().cast();
        message.msg_namelen = to.len();
    }
    // IoSlice has the layout of iovec, and the kernel only reads through it.
    message.msg_iov = out.parts.as_ptr().cast::<libc::iovec>().cast_mut();
    message.msg_iovlen = out.parts.len();
    if filled > 0 {
        message.msg_control = room.as_mut_ptr().cast();
        message.msg_controllen = filled;
    }
    let room = &*room;
    let args = || {
        let first = out.parts.first().map_or(&[][..], |p| p);
        let total = out.parts.iter().map(|p| p.len()).sum();
        let shown = first.get(..SHOWN).unwrap_or(first).to_vec();
        let mut args = message_args(raw, out.to, shown, total, room, filled);
        args.push(("flags", Value::Symbol(symbols::message_flags(flags))));
        args
    };
    // SAFETY: `message` points to the address, the slices and the control messages, which are borrowed for the call.
    let run = || unsafe { libc::sendmsg(raw, &raw const message, flags) } as i64;
    retried(Call::SendMsg, run, args).map(|n| n as usize)
}

/// recvmsg(2) with `room` for ancillary data. Descriptors arrive CLOEXEC. With `whole`, ancillary data that was cut off is
/// an error, and every descriptor that did arrive is closed; without, what arrived whole is given.
pub(crate) fn recv(
    fd: &Fd,
    parts: &mut [IoSliceMut<'_>],
    room: &mut [u64],
    flags: c_int,
    whole: bool,
) -> Result<Incoming> {
    let raw = fd.raw();
    let flags = flags | libc::MSG_CMSG_CLOEXEC;
    let mut from = Storage::empty();
    let name = from.as_mut_ptr();
    let (iov, iovlen) = (parts.as_mut_ptr().cast::<libc::iovec>(), parts.len());
    let (control, roomy) = (room.as_mut_ptr(), size_of_val(room));
    // SAFETY: msghdr is plain data, and all zeroes is a valid value of it.
    let mut message: libc::msghdr = unsafe { zeroed() };
    let at = &raw mut message;
    let result = std::cell::Cell::new(0);
    let run = || {
        // SAFETY: `at` points to `message`. The kernel writes lengths into it, so that each attempt needs them anew.
        let message = unsafe { &mut *at };
        message.msg_name = name.cast();
        message.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
        message.msg_iov = iov;
        message.msg_iovlen = iovlen;
        message.msg_control = if roomy == 0 { std::ptr::null_mut() } else { control.cast() };
        message.msg_controllen = roomy;
        // SAFETY: `message` points to an address, slices and room that are borrowed mutably for the call.
        let n = unsafe { libc::recvmsg(raw, message, flags) };
        result.set(n);
        n as i64
    };
    let args = || {
        // SAFETY: the closure runs after the call, when the kernel is done with the message and with what it points to.
        let message = unsafe { &*at };
        // SAFETY: the slices outlive the closure.
        let parts = unsafe { std::slice::from_raw_parts(iov.cast::<IoSlice<'_>>(), iovlen) };
        // SAFETY: the room outlives the closure.
        let room = unsafe { std::slice::from_raw_parts(control.cast_const(), roomy / size_of::<u64>()) };
        let came = usize::try_from(result.get()).unwrap_or(0);
        let first = parts.first().map_or(&[][..], |p| p);
        let shown = first.get(..came.min(SHOWN)).unwrap_or(first).to_vec();
        let mut from = Storage::empty();
        // SAFETY: both are of the size of a sockaddr_storage, and do not overlap.
        unsafe { name.cast::<u8>().copy_to(from.as_mut_ptr().cast(), size_of::<libc::sockaddr_storage>()) };
        from.set_len(message.msg_namelen);
        let (from, filled) = if result.get() < 0 { (None, 0) } else { (Some(&from), message.msg_controllen) };
        let mut args = message_args(raw, from, shown, came, room, filled);
        args.push(("msg_flags", Value::Symbol(symbols::message_flags(message.msg_flags))));
        args.push(("flags", Value::Symbol(symbols::message_flags(flags))));
        args
    };
    let n = retried(Call::RecvMsg, run, args)?;
    from.set_len(message.msg_namelen);
    // SAFETY: the kernel has just written these control messages, and nobody else has seen the descriptors in them.
    let decoded = unsafe { Control::take(room, message.msg_controllen) };
    if whole && message.msg_flags & libc::MSG_CTRUNC != 0 {
        drop(decoded);
        return Err(cut_off(room, message.msg_controllen));
    }
    let buffers: usize = parts.iter().map(|p| p.len()).sum();
    let more = usize::from(message.msg_flags & libc::MSG_TRUNC != 0 && n as usize == buffers);
    Ok(Incoming { len: n as usize + more, from, control: decoded })
}

impl Outgoing<'_> {
    /// How much room the control messages take, in bytes.
    fn space(&self) -> usize {
        let mut bytes = 0;
        if !self.descriptors.is_empty() {
            bytes += space(size_of_val(self.descriptors));
        }
        if self.credentials.is_some() {
            bytes += CREDENTIALS_SPACE;
        }
        bytes += match self.source {
            None => 0,
            Some(Source::V4(..)) => space(size_of::<libc::in_pktinfo>()),
            Some(Source::V6(..)) => space(size_of::<libc::in6_pktinfo>()),
        };
        self.others.iter().fold(bytes, |bytes, other| bytes.saturating_add(space(other.bytes.len())))
    }

    /// Writes the control messages; gives how many bytes they take.
    fn fill(&self, room: &mut [u64]) -> usize {
        let mut filled = 0;
        if !self.descriptors.is_empty() {
            let numbers: Vec<u8> = self.descriptors.iter().flat_map(|d| d.as_raw_fd().to_ne_bytes()).collect();
            filled = put(room, filled, libc::SOL_SOCKET, libc::SCM_RIGHTS, &numbers);
        }
        if let Some(Credentials { pid, uid, gid }) = self.credentials {
            filled = put(room, filled, libc::SOL_SOCKET, libc::SCM_CREDENTIALS, plain(&libc::ucred { pid, uid, gid }));
        }
        match self.source {
            None => {}
            Some(Source::V4(address, interface)) => {
                let info = libc::in_pktinfo {
                    ipi_ifindex: interface as c_int,
                    ipi_spec_dst: libc::in_addr { s_addr: u32::from_ne_bytes(address.octets()) },
                    ipi_addr: libc::in_addr { s_addr: 0 },
                };
                filled = put(room, filled, libc::IPPROTO_IP, libc::IP_PKTINFO, plain(&info));
            }
            Some(Source::V6(address, interface)) => {
                let ipi6_addr = libc::in6_addr { s6_addr: address.octets() };
                let info = libc::in6_pktinfo { ipi6_addr, ipi6_ifindex: interface };
                filled = put(room, filled, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, plain(&info));
            }
        }
        for other in self.others {
            filled = put(room, filled, other.level, other.kind, &other.bytes);
        }
        filled
    }
}

impl Control {
    /// Decodes what recvmsg wrote, and takes over the descriptors in it.
    ///
    /// # Safety
    /// The kernel wrote the control messages, and they were not taken before.
    unsafe fn take(room: &[u64], filled: usize) -> Control {
        let mut control = Control::default();
        walk(room, filled, |level, kind, bytes| match (level, kind) {
            (libc::SOL_SOCKET, libc::SCM_RIGHTS) => {
                // SAFETY: the kernel has made these descriptors for us with this message.
                control.descriptors.extend(numbers(bytes).map(|raw| unsafe { OwnedFd::from_raw_fd(raw) }));
            }
            (libc::SOL_SOCKET, SCM_PIDFD) => {
                // A negative number is an errno: the process could not be opened.
                // SAFETY: as above.
                control.process = numbers(bytes).find(|&raw| raw >= 0).map(|raw| unsafe { OwnedFd::from_raw_fd(raw) });
            }
            _ => match decode(level, kind, bytes) {
                Some(Decoded::Credentials(credentials)) => control.credentials = Some(credentials),
                // IP_PKTINFO comes after IPV6_PKTINFO and knows more.
                Some(Decoded::PacketInfo(info)) => control.to = Some(info),
                None => control.others.push(RawAncillary { level, kind, bytes: bytes.to_vec() }),
            },
        });
        control
    }
}

enum Decoded {
    Credentials(Credentials),
    PacketInfo(PacketInfo),
}

fn decode(level: c_int, kind: c_int, bytes: &[u8]) -> Option<Decoded> {
    Some(match (level, kind) {
        (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) => {
            let libc::ucred { pid, uid, gid } = read(bytes)?;
            Decoded::Credentials(Credentials { pid, uid, gid })
        }
        (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
            let info: libc::in_pktinfo = read(bytes)?;
            let address = Ipv4Addr::from(info.ipi_addr.s_addr.to_ne_bytes());
            // The kernel proposes another address for the answer where this one is not the machine's own: a broadcast.
            // It proposes none for a datagram that was queued before packet info was asked for.
            let own = [0, info.ipi_addr.s_addr].contains(&info.ipi_spec_dst.s_addr);
            Decoded::PacketInfo(PacketInfo::received(address.into(), info.ipi_ifindex as u32, own))
        }
        (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
            let info: libc::in6_pktinfo = read(bytes)?;
            let address = IpAddr::from(info.ipi6_addr.s6_addr).to_canonical();
            Decoded::PacketInfo(PacketInfo::received(address, info.ipi6_ifindex, true))
        }
        _ => return None,
    })
}

/// Ancillary data did not arrive whole: for want of room, or, where another descriptor would have fit, because this process is
/// at its limit of them.
fn cut_off(room: &[u64], filled: usize) -> Error {
    let number = size_of::<c_int>();
    // Behind nothing, or what is no list of descriptors, a header comes first.
    let mut left = size_of_val(room).saturating_sub(filled + space(0));
    walk(room, filled, |level, kind, bytes| {
        if (level, kind) == (libc::SOL_SOCKET, libc::SCM_RIGHTS) {
            left = room.as_ptr_range().end as usize - bytes.as_ptr_range().end as usize;
        }
    });
    let error = Error::bad(Call::RecvMsg, Bad::ControlTruncated);
    if left < number {
        return error;
    }
    error.hinted("this process is at its limit of open descriptors: raise it with `ulimit -n`")
}

/// Appends one control message at `filled`, and gives where the next begins. There is room: `space` was asked before.
fn put(room: &mut [u64], filled: usize, level: c_int, kind: c_int, bytes: &[u8]) -> usize {
    let next = filled + space(bytes.len());
    debug_assert!(next <= size_of_val(room), "the room was measured");
    if next > size_of_val(room) {
        return filled;
    }
    // SAFETY: `filled` is a multiple of the alignment (CMSG_SPACE), the room is aligned to 8 bytes, and what is written
    // ends before `next`, which lies within it.
    unsafe {
        let header = room.as_mut_ptr().cast::<u8>().add(filled).cast::<libc::cmsghdr>();
        (*header).cmsg_len = libc::CMSG_LEN(bytes.len() as c_uint) as usize;
        (*header).cmsg_level = level;
        (*header).cmsg_type = kind;
        libc::CMSG_DATA(header).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
    }
    next
}

/// Shows each control message within the first `filled` bytes: level, type, data.
fn walk(room: &[u64], filled: usize, mut each: impl FnMut(c_int, c_int, &[u8])) {
    // SAFETY: msghdr is plain data, and all zeroes is a valid value of it.
    let mut message: libc::msghdr = unsafe { zeroed() };
    message.msg_control = room.as_ptr().cast_mut().cast();
    message.msg_controllen = filled.min(size_of_val(room));
    let end = message.msg_control as usize + message.msg_controllen;
    // SAFETY: the macros stay within msg_controllen, and only read.
    let mut header = unsafe { libc::CMSG_FIRSTHDR(&raw const message) };
    while !header.is_null() {
        // SAFETY: the header lies within the room, which is aligned for it.
        let (libc::cmsghdr { cmsg_len, cmsg_level, cmsg_type, .. }, data) =
            unsafe { (header.read(), libc::CMSG_DATA(header)) };
        // SAFETY: CMSG_LEN only calculates.
        let len = cmsg_len.saturating_sub(unsafe { libc::CMSG_LEN(0) } as usize).min(end.saturating_sub(data as usize));
        // SAFETY: `len` bytes from `data` on lie within the room.
        each(cmsg_level, cmsg_type, unsafe { std::slice::from_raw_parts(data, len) });
        // SAFETY: as for the first.
        header = unsafe { libc::CMSG_NXTHDR(&raw const message, header) };
    }
}

/// The bytes of a plain structure without padding.
fn plain<T: Copy>(value: &T) -> &[u8] {
    // SAFETY: the callers pass ucred, in_pktinfo and in6_pktinfo: initialised, and without padding.
    unsafe { std::slice::from_raw_parts((&raw const *value).cast(), size_of::<T>()) }
}

/// A plain structure from its bytes. `None` when they are too few.
fn read<T: Copy>(bytes: &[u8]) -> Option<T> {
    // SAFETY: there are enough bytes, and each pattern of them is a valid value: the callers ask for structures of numbers.
    (bytes.len() >= size_of::<T>()).then(|| unsafe { bytes.as_ptr().cast::<T>().read_unaligned() })
}

/// The descriptors in the data of a control message.
fn numbers(bytes: &[u8]) -> impl Iterator<Item = RawFd> + '_ {
    bytes.chunks_exact(size_of::<RawFd>()).filter_map(|b| b.try_into().ok().map(RawFd::from_ne_bytes))
}

/// What sendmsg and recvmsg show.
fn message_args(fd: RawFd, name: Option<&Storage>, shown: Vec<u8>, total: usize, room: &[u64], filled: usize) -> Args {
    let mut args = vec![("sockfd", Value::Fd(fd))];
    // A length of 0: no address came.
    args.extend(name.filter(|n| n.len() > 0).and_then(Storage::endpoint).map(|a| ("msg_name", Value::Address(a))));
    args.push(("msg_iov", Value::Bytes(shown, total)));
    let mut control = Vec::new();
    walk(room, filled, |level, kind, bytes| control.push(show(level, kind, bytes)));
    args.push(("msg_control", Value::Symbol(format!("[{}]", control.join(", ")))));
    args
}

/// One control message for the trace: `{SOL_SOCKET, SCM_RIGHTS, [5, 6]}`.
fn show(level: c_int, kind: c_int, bytes: &[u8]) -> String {
    let data = match (level, kind) {
        (libc::SOL_SOCKET, libc::SCM_RIGHTS | SCM_PIDFD) => {
            let numbers: Vec<String> = numbers(bytes).map(|n| n.to_string()).collect();
            format!("[{}]", numbers.join(", "))
        }
        (libc::IPPROTO_IP, libc::IP_PKTINFO) => match read::<libc::in_pktinfo>(bytes) {
            Some(libc::in_pktinfo { ipi_ifindex, ipi_spec_dst, ipi_addr }) => {
                let [local, sent_to] = [ipi_spec_dst, ipi_addr].map(|a| Ipv4Addr::from(a.s_addr.to_ne_bytes()));
                format!("{{ipi_ifindex={ipi_ifindex}, ipi_spec_dst={local}, ipi_addr={sent_to}}}")
            }
            None => "{}".to_owned(),
        },
        (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => match read::<libc::in6_pktinfo>(bytes) {
            Some(info) => {
                let address = Ipv6Addr::from(info.ipi6_addr.s6_addr);
                format!("{{ipi6_addr={address}, ipi6_ifindex={}}}", info.ipi6_ifindex)
            }
            None => "{}".to_owned(),
        },
        _ => match decode(level, kind, bytes) {
            Some(Decoded::Credentials(Credentials { pid, uid, gid })) => format!("{{pid={pid}, uid={uid}, gid={gid}}}"),
            _ => format!("\"{}\"", bytes.get(..SHOWN).unwrap_or(bytes).escape_ascii()),
        },
    };
    let (level, kind) = symbols::control_message(level, kind);
    format!("{{{level}, {kind}, {data}}}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::option::{Key, key, set};
    use crate::{AncillarySpace, Flags, Ip, Message, Socket, Udp, UdpSocket, UnixDatagram, opt};
    use std::os::fd::AsFd;

    fn udp() -> UdpSocket {
        let socket = Socket::<Udp>::new(Ip::V4).unwrap();
        socket.with(opt::PacketInfo, true).unwrap().bind(&"127.0.0.1:0".parse().unwrap()).unwrap()
    }

    #[test]
    fn control_messages_without_a_type_are_kept_as_they_are() {
        let server = udp();
        let client = udp();
        let to = server.local_addr().unwrap();
        // The time to live of this datagram alone, and its kind of service: IP_TTL and IP_TOS of ip(7).
        let kind =
            |kind, value: i32| RawAncillary { level: libc::IPPROTO_IP, kind, bytes: value.to_ne_bytes().to_vec() };
        let others = [kind(libc::IP_TTL, 7), kind(libc::IP_TOS, 0x10)];
        let source = PacketInfo::new(IpAddr::from([127, 0, 0, 1]), 0);
        let parts = [IoSlice::new(b"x")];
        let message = Message::new(&parts).source(source).others(&others);
        set(server.as_fd(), key!(IPPROTO_IP, IP_RECVTTL), &1).unwrap();
        client.send_message_to(&message, &to, Flags::NONE).unwrap();
        let mut buffer = [0; 4];
        let mut space = AncillarySpace::new().packet_info().bytes(4);
        let (message, from) =
            server.recv_message_from(&mut [IoSliceMut::new(&mut buffer)], &mut space, Flags::NONE).unwrap();
        assert_eq!(from, client.local_addr().unwrap());
        assert_eq!(message.to.unwrap().address, source.address);
        assert_eq!(message.others, [kind(libc::IP_TTL, 7)]);
    }

    #[test]
    fn the_descriptor_of_a_process_is_owned_like_any_other() {
        const SO_PASSPIDFD: Key = Key { level: libc::SOL_SOCKET, name: 76, shown: "SO_PASSPIDFD" };
        let (here, there) = Socket::<UnixDatagram, _>::pair().unwrap();
        set(there.as_fd(), SO_PASSPIDFD, &1).unwrap();
        here.send(b"x", Flags::NONE).unwrap();
        let mut space = AncillarySpace::new().bytes(4);
        let message = there.recv_message(&mut [IoSliceMut::new(&mut [0; 4])], &mut space, Flags::NONE).unwrap();
        let process = message.process.unwrap();
        let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", process.as_raw_fd())).unwrap();
        assert!(info.contains(&format!("Pid:\t{}\n", std::process::id())), "{info}");
        assert_eq!(message.others, []);
    }
    #[test]
    fn the_room_for_ancillary_data_is_measured_in_full() {
        assert_eq!(space(4), 24);
        assert_eq!(space((1 << 32) + 8), 16 + (1 << 32) + 8);
        assert!(space(usize::MAX) >= usize::MAX - 7);
    }
}
