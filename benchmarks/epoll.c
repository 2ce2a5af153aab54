/* The least that a server can do: epoll, one thread, TCP and UDP on one port that it prints.
 *
 *     epoll SERVER_NAME
 *
 * It parses a request, checks the range of its number, and replies; an error closes. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { SIZE = 65536, LONGEST = 1024, MOST = 1 << 16 };

static struct { size_t have; char *rest; } connections[MOST];    /* by descriptor */
static char replies[100][160];
static size_t lengths[100];

/* Write the reply to a request; NULL if that is wrong. */
static char *reply(const char *line, const char *end, char *out) {
    const char *comma = memrchr(line, ',', end - line);
    long number = 0;
    if (!comma || comma == line || comma + 1 == end || end - comma > 4)
        return NULL;
    while (++comma < end) {
        if (*comma < '0' || *comma > '9')
            return NULL;
        number = number * 10 + *comma - '0';
    }
    if (number < 1 || number > 100)
        return NULL;
    int own = random() % 100;
    return (char *)memcpy(out, replies[own], lengths[own]) + lengths[own];
}

/* Answer all requests that have come whole. Returns whether the connection goes on. */
static int serve(int fd) {
    static char in[SIZE + LONGEST], out[SIZE * 80];
    size_t have = connections[fd].have;
    if (have)
        memcpy(in, connections[fd].rest, have);
    ssize_t got = recv(fd, in + have, SIZE, 0);
    if (got <= 0)
        return 0;
    char *line = in, *end = in + have + got, *written = out, *newline;
    for (; (newline = memchr(line, '\n', end - line)); line = newline + 1)
        if (!(written = reply(line, newline, written)))
            return 0;
    if ((connections[fd].have = have = end - line)) {
        if (have > LONGEST || !(connections[fd].rest = realloc(connections[fd].rest, LONGEST)))
            return 0;
        memcpy(connections[fd].rest, line, have);
    }
    return written == out || send(fd, out, written - out, MSG_NOSIGNAL) == written - out;
}

static void serve_datagrams(int fd) {
    char in[LONGEST], out[256], *end;
    struct sockaddr_in from;
    socklen_t size = sizeof from;
    ssize_t got;
    while ((got = recvfrom(fd, in, sizeof in, MSG_DONTWAIT, (void *)&from, &size)) > 0)
        if ((end = reply(in, in + got - (in[got - 1] == '\n'), out)))
            sendto(fd, out, end - out, 0, (void *)&from, size);
}

static void watch(int poller, int fd) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
}

int main(int argc, char **argv) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int port = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), udp = socket(AF_INET, SOCK_DGRAM, 0);
    if (argc != 2 || bind(port, (void *)&address, size) || listen(port, LONGEST)
        || getsockname(port, (void *)&address, &size) || bind(udp, (void *)&address, size))
        return 1;
    for (int number = 0; number < 100; number++)
        lengths[number] = snprintf(replies[number], sizeof replies[number], "%.140s,%d\n", argv[1],
                                   number + 1);
    printf("Server is ready to receive on ('127.0.0.1', %d)\n", ntohs(address.sin_port));
    fflush(stdout);
    int poller = epoll_create1(0);
    watch(poller, port);
    watch(poller, udp);
    for (;;) {
        static struct epoll_event events[1024];
        int ready = epoll_wait(poller, events, 1024, -1);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == udp)
                serve_datagrams(fd);
            else if (fd != port) {
                if (!serve(fd))
                    close(fd);
            } else
                while ((fd = accept4(port, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                    if (fd >= MOST) {
                        close(fd);
                        continue;
                    }
                    connections[fd].have = 0;
                    watch(poller, fd);
                }
        }
    }
}
