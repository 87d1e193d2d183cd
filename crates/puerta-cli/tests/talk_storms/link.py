"""A lossy cable between two network namespaces, in user space, over two TUN devices; the same for the same seed.

usage: link.py LOSS DUPLICATES DELAY JITTER SEED PID_A PID_B
  LOSS, DUPLICATES  probability of a packet, 0 to 1    DELAY, JITTER  seconds    PID_A, PID_B  who holds each namespace
The ends are 10.77.0.1/24 and 10.77.0.2/24. It says "link up"; the lines `down` and `up` on stdin cut it and heal it, and each is
said again when it is so. At the end of stdin it says what it has done, and ends.
"""
import fcntl, heapq, os, random, select, struct, subprocess, sys, time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000


def open_tun(name, holder, address):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
    inside = lambda *args: subprocess.check_call(["nsenter", "-t", holder, "-n", "ip", *args])
    subprocess.check_call(["ip", "link", "set", "dev", name, "netns", holder])
    inside("address", "add", address, "dev", name)
    inside("link", "set", "dev", name, "mtu", "1500", "txqueuelen", "5000", "up")
    return fd


def main():
    loss, duplicates, delay, jitter = map(float, sys.argv[1:5])
    rng, me = random.Random(int(sys.argv[5])), os.getpid()
    ends = [open_tun(f"pt{me}a", sys.argv[6], "10.77.0.1/24"), open_tun(f"pt{me}b", sys.argv[7], "10.77.0.2/24")]
    count = dict(packets=0, lost=0, duplicated=0, cut=0)
    queue, order, up = [], 0, True  # queue: (due time, arrival order, outgoing end, packet)
    print("link up", flush=True)
    while True:
        wait = max(0.0, queue[0][0] - time.monotonic()) if queue else None
        ready = select.select([*ends, sys.stdin.fileno()], [], [], wait)[0]
        if sys.stdin.fileno() in ready:
            wish = os.read(sys.stdin.fileno(), 100).decode()
            if not wish:
                break
            up = wish.strip() == "up"
            print(wish.strip(), flush=True)
        for incoming in [end for end in ends if end in ready]:
            outgoing = ends[1 - ends.index(incoming)]
            try:
                while True:
                    packet = os.read(incoming, 70000)
                    count["packets"] += 1
                    if not up:
                        count["cut"] += 1
                        continue
                    if rng.random() < loss:
                        count["lost"] += 1
                        continue
                    copies = 1 + (rng.random() < duplicates)
                    count["duplicated"] += copies - 1
                    for _ in range(copies):
                        order += 1
                        heapq.heappush(queue, (time.monotonic() + delay + rng.random() * jitter, order, outgoing, packet))
            except BlockingIOError:
                pass
        while queue and queue[0][0] <= time.monotonic():
            _, _, outgoing, packet = heapq.heappop(queue)
            try:
                os.write(outgoing, packet)
            except OSError:
                pass
    print(count, flush=True)


main()
