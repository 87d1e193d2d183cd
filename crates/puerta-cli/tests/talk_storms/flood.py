"""A flood of datagrams from many addresses, with sendmmsg(2).

usage: flood.py FILE SECONDS RATE SOURCES TO
  FILE     the datagrams: each 2 bytes of port and 2 of length, big-endian, then its content
  RATE     datagrams a second, at most    SOURCES  addresses 10.78.0.1, 10.78.0.2, …, each with port 4000    TO  the address
It says how many it has sent, and how many bytes; and how many bytes came back, and the most for one that was sent by one address.
"""
import ctypes, os, socket, struct, sys, time

BATCH = 32  # datagrams a call
libc = ctypes.CDLL(None, use_errno=True)


class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("len", ctypes.c_size_t)]


class Mmsghdr(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_void_p), ("namelen", ctypes.c_uint32), ("iov", ctypes.c_void_p), ("iovlen", ctypes.c_size_t),
        ("control", ctypes.c_void_p), ("controllen", ctypes.c_size_t), ("flags", ctypes.c_int), ("gap", ctypes.c_int), ("done", ctypes.c_uint),
    ]


def headers(datagrams, host):
    """Everything that the kernel is to send, made once."""
    keep, iovecs, all = [], (Iovec * len(datagrams))(), (Mmsghdr * len(datagrams))()
    for n, (port, content) in enumerate(datagrams):
        to = struct.pack("=H", socket.AF_INET) + struct.pack("!H", port) + socket.inet_aton(host) + bytes(8)
        buffers = [ctypes.create_string_buffer(content, len(content)), ctypes.create_string_buffer(to, 16)]
        keep.append(buffers)
        iovecs[n] = Iovec(ctypes.addressof(buffers[0]), len(content))
        all[n] = Mmsghdr(ctypes.addressof(buffers[1]), 16, ctypes.addressof(iovecs[n]), 1, None, 0, 0, 0, 0)
    return all, (keep, iovecs)


def read(path):
    data, datagrams = open(path, "rb").read(), []
    while data:
        port, length = struct.unpack("!HH", data[:4])
        datagrams.append((port, data[4 : 4 + length]))
        data = data[4 + length :]
    return datagrams


def main():
    datagrams, seconds, rate = read(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    sources = []
    for n in range(1, int(sys.argv[4]) + 1):
        source = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        source.bind((f"10.78.{n >> 8}.{n & 255}", 4000))
        sources.append([source, source.fileno(), 0, 0])
    all, kept = headers(datagrams, sys.argv[5])
    until = [0]
    for _, content in datagrams:
        until.append(until[-1] + len(content))
    iovecs, back = (Iovec * 64)(), (Mmsghdr * 64)()
    for n in range(64):
        back[n] = Mmsghdr(None, 0, ctypes.addressof(iovecs[n]), 1, None, 0, 0, 0, 0)
    flags = socket.MSG_DONTWAIT | socket.MSG_TRUNC

    def gather(source):
        while (n := libc.recvmmsg(source[1], back, 64, flags, None)) > 0:
            source[3] += sum(back[i].done for i in range(n))

    size, starts = ctypes.sizeof(Mmsghdr), len(datagrams) - BATCH
    address, sent, turn = ctypes.addressof(all), 0, 0
    start = time.monotonic()
    while (now := time.monotonic() - start) < seconds:
        for source in sources:
            at = turn * 37 % starts
            turn += 1
            # What does not fit the queue was not sent, and does not count.
            n = libc.sendmmsg(source[1], ctypes.c_void_p(address + at * size), BATCH, socket.MSG_DONTWAIT)
            if n > 0:
                source[2] += until[at + n] - until[at]
                sent += n
            if turn % 8 == 0:
                early = sent / rate - (time.monotonic() - start)
                if early > 0.001:
                    time.sleep(early)
        for source in sources:
            gather(source)
    took = time.monotonic() - start
    time.sleep(0.5)
    for source in sources:
        gather(source)
    out, came = sum(s[2] for s in sources), sum(s[3] for s in sources)
    worst = max(s[3] / s[2] for s in sources)
    print(f"flood over: {sent} datagrams, {sent / took:.0f} a second", flush=True)
    print(f"bytes: {out} sent, {came} came back; worst {worst:.3f}", flush=True)


main()
