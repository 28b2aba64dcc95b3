/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * TCP sockets: non-blocking, close-on-exec, no delay, no SIGPIPE. Every call comes from an
 * activation of the socket's actor; none waits. Results are values: bytes, RT_IO_AGAIN, -errno.
 */
#include "runtime/threads_internal.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "runtime/assert.h"

union endpoint {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* A slice is an iovec, so a list of them goes to the kernel as it is. */
_Static_assert(sizeof(struct rt_slice) == sizeof(struct iovec) &&
                   offsetof(struct rt_slice, data) == offsetof(struct iovec, iov_base) &&
                   offsetof(struct rt_slice, size) == offsetof(struct iovec, iov_len),
               "rt_slice has the shape of iovec");

static socklen_t endpoint_of(union endpoint *endpoint, const struct rt_address *address) {
    memset(endpoint, 0, sizeof *endpoint);
    if (address->family == 6) {
        endpoint->v6.sin6_family = AF_INET6;
        endpoint->v6.sin6_port = htons(address->port);
        memcpy(&endpoint->v6.sin6_addr, address->ip, 16);
        return sizeof endpoint->v6;
    }
    endpoint->v4.sin_family = AF_INET;
    endpoint->v4.sin_port = htons(address->port);
    memcpy(&endpoint->v4.sin_addr, address->ip, 4);
    return sizeof endpoint->v4;
}

static int open_descriptor(const union endpoint *endpoint) {
    int descriptor =
        socket(endpoint->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    return descriptor < 0 ? -errno : descriptor;
}

static void set_option(int descriptor, int level, int option) {
    int on = 1;
    (void)setsockopt(descriptor, level, option, &on, sizeof on); /* only a matter of speed */
}

/* Takes the descriptor over, or closes it. */
static int adopt(struct threads *threads, struct rt_socket *socket, int descriptor) {
    RT_ASSERT(socket->handle < 0 && socket->actor != NULL);
    int error = poller_add(&threads->poller, socket, descriptor);
    if (error != 0) {
        close(descriptor);
    }
    return error;
}

int sockets_connect(struct rt_world *world, struct rt_socket *socket,
                    const struct rt_address *address) {
    union endpoint endpoint;
    socklen_t size = endpoint_of(&endpoint, address);
    int descriptor = open_descriptor(&endpoint);
    if (descriptor < 0) {
        return descriptor;
    }
    set_option(descriptor, IPPROTO_TCP, TCP_NODELAY);
    if (connect(descriptor, &endpoint.any, size) != 0 && errno != EINPROGRESS && errno != EINTR) {
        int error = errno;
        close(descriptor);
        return -error;
    }
    return adopt(threads_of(world), socket, descriptor);
}

/* On loopback a connection to a port that nobody listens on can meet itself. */
static bool met_itself(int descriptor) {
    union endpoint own;
    union endpoint peer;
    socklen_t own_size = sizeof own;
    socklen_t peer_size = sizeof peer;
    memset(&own, 0, sizeof own);
    memset(&peer, 0, sizeof peer);
    return getsockname(descriptor, &own.any, &own_size) == 0 &&
           getpeername(descriptor, &peer.any, &peer_size) == 0 && own_size == peer_size &&
           memcmp(&own, &peer, own_size) == 0;
}

int sockets_connected(struct rt_world *world, struct rt_socket *socket) {
    (void)world;
    if (socket->handle < 0) {
        return -ENOTCONN;
    }
    struct pollfd ask = {.fd = socket->handle, .events = POLLOUT};
    int ready;
    do {
        ready = poll(&ask, 1, 0);
    } while (ready < 0 && errno == EINTR);
    if (ready <= 0) { /* 0: the mark was for something else */
        return ready == 0 ? RT_IO_AGAIN : -errno;
    }
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(socket->handle, SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
        return -errno;
    }
    if (error == 0 && met_itself(socket->handle)) {
        error = ECONNREFUSED;
    }
    return -error;
}

static int bind_and_listen(int descriptor, const union endpoint *endpoint, socklen_t size) {
    set_option(descriptor, SOL_SOCKET, SO_REUSEADDR);
    if (endpoint->any.sa_family == AF_INET6) {
        set_option(descriptor, IPPROTO_IPV6, IPV6_V6ONLY);
    }
    if (bind(descriptor, &endpoint->any, size) != 0 || listen(descriptor, SOMAXCONN) != 0) {
        return -errno;
    }
    return 0;
}

int sockets_listen(struct rt_world *world, struct rt_socket *socket, struct rt_address *address) {
    union endpoint endpoint;
    socklen_t size = endpoint_of(&endpoint, address);
    int descriptor = open_descriptor(&endpoint);
    if (descriptor < 0) {
        return descriptor;
    }
    int error = bind_and_listen(descriptor, &endpoint, size);
    if (error == 0 && getsockname(descriptor, &endpoint.any, &size) != 0) {
        error = -errno;
    }
    if (error != 0) {
        close(descriptor);
        return error;
    }
    address->port = ntohs(address->family == 6 ? endpoint.v6.sin6_port : endpoint.v4.sin_port);
    return adopt(threads_of(world), socket, descriptor);
}

int sockets_accept(struct rt_world *world, struct rt_socket *listener, struct rt_socket *socket) {
    for (;;) {
        int descriptor = accept4(listener->handle, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (descriptor >= 0) {
            set_option(descriptor, IPPROTO_TCP, TCP_NODELAY);
            return adopt(threads_of(world), socket, descriptor);
        }
        if (errno == EAGAIN) { /* EWOULDBLOCK is the same number */
            return RT_IO_AGAIN;
        }
        if (errno != EINTR && errno != ECONNABORTED) {
            return -errno;
        }
    }
}

/* A read that got less than it asked for has emptied the stream (epoll(7)), unless the end follows:
 * the next one needs no system call before epoll has news. */
int64_t sockets_read(struct rt_world *world, struct rt_socket *socket, void *data, size_t size) {
    (void)world;
    struct poller_slot *slot = socket->executor;
    if (slot == NULL) {
        return -ENOTCONN;
    }
    if (!atomic_exchange(&slot->readable, false) && !atomic_load(&slot->hung_up)) {
        return RT_IO_AGAIN;
    }
    for (;;) {
        ssize_t got = recv(socket->handle, data, size, 0);
        if (got >= 0) {
            if ((size_t)got == size || got == 0) {
                atomic_store(&slot->readable, true);
            }
            return got;
        }
        if (errno == EAGAIN) { /* EWOULDBLOCK is the same number */
            return RT_IO_AGAIN;
        }
        if (errno != EINTR) {
            return -errno;
        }
    }
}

int64_t sockets_write(struct rt_world *world, struct rt_socket *socket,
                      const struct rt_slice *slices, size_t count) {
    (void)world;
    struct msghdr message = {
        .msg_iov = (struct iovec *)(uintptr_t)slices, /* only read */
        .msg_iovlen = count < IOV_MAX ? count : IOV_MAX,
    };
    for (;;) {
        ssize_t taken = sendmsg(socket->handle, &message, MSG_NOSIGNAL);
        if (taken >= 0) {
            return taken;
        }
        if (errno == EAGAIN) { /* EWOULDBLOCK is the same number */
            return RT_IO_AGAIN;
        }
        if (errno != EINTR) {
            return -errno;
        }
    }
}

void sockets_close(struct rt_world *world, struct rt_socket *socket) {
    if (socket->handle < 0) {
        return;
    }
    poller_remove(&threads_of(world)->poller, socket);
    close(socket->handle);
    socket->handle = -1;
}

struct rt_parted sockets_part(struct rt_world *world, struct rt_socket *socket) {
    struct rt_parted parted = {.handle = socket->handle};
    RT_ASSERT(socket->handle >= 0);
    poller_remove(&threads_of(world)->poller, socket);
    socket->handle = -1;
    return parted;
}

/* epoll tells what is ready when a descriptor is added. */
int sockets_join(struct rt_world *world, struct rt_socket *socket, struct rt_parted parted) {
    return adopt(threads_of(world), socket, parted.handle);
}
