/* LD_PRELOAD: seeded short transfers and EINTR on streams (sockets, pipes, terminals); datagram sockets only get EINTR,
 * since cutting a datagram would lose it. Regular files and what is no file at all (an eventfd) are left alone.
 * cc -shared -fPIC -O2 -o shortio.so shortio.c -ldl;  SEED=7 LD_PRELOAD=./shortio.so ./bin */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static __thread unsigned long state;

static unsigned long next_random(void) {
    if (!state) {
        const char *seed = getenv("SEED");
        state = (seed ? strtoul(seed, 0, 10) : 1) * 2654435761u + (unsigned long)gettid() % 97 + 1;
    }
    state ^= state << 13; state ^= state >> 7; state ^= state << 17;
    return state;
}

enum { LEAVE, INTERRUPT_ONLY, SHORTEN };

static int kind(int fd) {
    struct stat st;
    int type; socklen_t n = sizeof type;
    if (fstat(fd, &st) || S_ISREG(st.st_mode) || !(st.st_mode & S_IFMT)) return LEAVE;
    if (!S_ISSOCK(st.st_mode)) return SHORTEN;
    return !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) && type == SOCK_STREAM ? SHORTEN : INTERRUPT_ONLY;
}

static size_t cut(size_t n) { size_t top = n < 97 ? n : 97; return n > 1 ? 1 + next_random() % top : n; }

#define REAL(ret, name, params) static ret(*real) params; if (!real) real = (ret(*) params)dlsym(RTLD_NEXT, #name)
#define MEDDLE(fd) int k = kind(fd); if (k != LEAVE && next_random() % 5 == 0) { errno = EINTR; return -1; }

#define PLAIN(name, params, args, n)                                     \
    ssize_t name params { REAL(ssize_t, name, params); MEDDLE(fd) if (k == SHORTEN) n = cut(n); return real args; }

PLAIN(read, (int fd, void *b, size_t n), (fd, b, n), n)
PLAIN(write, (int fd, const void *b, size_t n), (fd, b, n), n)
PLAIN(recv, (int fd, void *b, size_t n, int f), (fd, b, n, f), n)
PLAIN(send, (int fd, const void *b, size_t n, int f), (fd, b, n, f), n)
PLAIN(recvfrom, (int fd, void *b, size_t n, int f, struct sockaddr *a, socklen_t *l), (fd, b, n, f, a, l), n)
PLAIN(sendto, (int fd, const void *b, size_t n, int f, const struct sockaddr *a, socklen_t l), (fd, b, n, f, a, l), n)
PLAIN(splice, (int fd, off64_t *i, int out, off64_t *o, size_t n, unsigned f), (fd, i, out, o, n, f), n)
PLAIN(sendfile, (int fd, int in, off_t *o, size_t n), (fd, in, o, n), n)

/* vectored calls: the first buffer alone, cut */
#define VECTOR(name, vector)                                                          \
    ssize_t name(int fd, const struct iovec *v, int n) {                              \
        REAL(ssize_t, name, (int, const struct iovec *, int)); MEDDLE(fd)             \
        if (k != SHORTEN || n < 1 || !v[0].iov_len) return real(fd, v, n);            \
        struct iovec one = {v[0].iov_base, cut(v[0].iov_len)};                        \
        return real(fd, &one, 1);                                                     \
    }
VECTOR(readv, v)
VECTOR(writev, v)

#define VECTOR_AT(name)                                                               \
    ssize_t name(int fd, const struct iovec *v, int n, off_t at, int f) {             \
        REAL(ssize_t, name, (int, const struct iovec *, int, off_t, int)); MEDDLE(fd) \
        if (k != SHORTEN || n < 1 || !v[0].iov_len) return real(fd, v, n, at, f);     \
        struct iovec one = {v[0].iov_base, cut(v[0].iov_len)};                        \
        return real(fd, &one, 1, at, f);                                              \
    }
VECTOR_AT(preadv2)
VECTOR_AT(pwritev2)

/* calls that wait, or that only get EINTR */
#define WAITING(ret, name, params, args)                                              \
    ret name params { REAL(ret, name, params); if (next_random() % 5 == 0) { errno = EINTR; return -1; } return real args; }
WAITING(int, accept4, (int fd, struct sockaddr *a, socklen_t *l, int f), (fd, a, l, f))
WAITING(int, poll, (struct pollfd *p, nfds_t n, int t), (p, n, t))
WAITING(int, epoll_wait, (int fd, struct epoll_event *e, int n, int t), (fd, e, n, t))

#define MESSAGE(name, qualifier)                                                      \
    ssize_t name(int fd, qualifier struct msghdr *m, int f) {                         \
        REAL(ssize_t, name, (int, qualifier struct msghdr *, int)); MEDDLE(fd)        \
        if (k != SHORTEN || m->msg_iovlen < 1 || !m->msg_iov[0].iov_len) return real(fd, m, f); \
        struct iovec one = {m->msg_iov[0].iov_base, cut(m->msg_iov[0].iov_len)};      \
        struct msghdr copy = *m; copy.msg_iov = &one; copy.msg_iovlen = 1;            \
        ssize_t r = real(fd, &copy, f);                                               \
        AFTER_##name                                                                  \
        return r;                                                                     \
    }
#define AFTER_sendmsg
#define AFTER_recvmsg m->msg_namelen = copy.msg_namelen; m->msg_controllen = copy.msg_controllen; m->msg_flags = copy.msg_flags;
MESSAGE(sendmsg, const)
MESSAGE(recvmsg, )
