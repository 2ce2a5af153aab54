/* The load generator: exchanges over many connections or UDP sockets, and checks every reply.
 *
 *     load connect|keep|udp PORT CONNECTIONS DEPTH SECONDS SERVER_NAME
 *
 * "connect" makes a connection for each exchange, "keep" and "udp" keep their sockets. Each socket
 * sends DEPTH requests at once, and the next when all are answered. After a warm-up it writes
 * "ready" and waits for a line; then it exchanges for so many seconds, takes all replies, writes
 * how many exchanges that were, and waits for a line before it closes. load.py does the same. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { NAMES = 1009, NUMBERS = 100, SIZE = 16384, PATIENCE = 10000 };

/* The kernel keeps some 250 datagrams that were not read, so more at once would be lost. */
enum { UDP_AT_ONCE = 64 };

/* Our server drops one of 50 datagrams in a row from one source, so each source sends fewer. */
enum { UDP_IN_A_ROW = 40 };

struct peer {
    int fd;
    int waiting;        /* replies that have not come */
    int sent;           /* requests */
    size_t have;        /* bytes of a reply that is not whole */
    char rest[256];
};

static enum { CONNECT, KEEP, UDP } mode;
static struct sockaddr_in address = {.sin_family = AF_INET};
static struct peer *peers, **resting;    /* and a ring of those that have no request */
static int count, depth, poller;
static long asked, answered;
static char names[NAMES][32], numbers[NUMBERS][8];    /* two halves of a request */
static char server[128];
static size_t server_length;

static void die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static void open_peer(struct peer *peer) {
    int type = mode == UDP ? SOCK_DGRAM : mode == KEEP ? SOCK_STREAM : SOCK_STREAM | SOCK_NONBLOCK;
    int on = 1;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = peer};
    peer->have = peer->sent = 0;
    if ((peer->fd = socket(AF_INET, type, 0)) < 0)
        die("socket: %s", strerror(errno));
    if (mode != UDP)
        setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (mode == CONNECT)
        event.events = EPOLLOUT;
    if (mode == UDP) {    /* a source that was not used before */
        static int sources;
        struct sockaddr_in source = {.sin_family = AF_INET};
        source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + ++sources % 0xffff00);
        if (bind(peer->fd, (void *)&source, sizeof source) < 0)
            die("bind: %s", strerror(errno));
    }
    if (connect(peer->fd, (void *)&address, sizeof address) < 0 && errno != EINPROGRESS)
        die("connect: %s", strerror(errno));
    if (epoll_ctl(poller, EPOLL_CTL_ADD, peer->fd, &event) < 0)
        die("epoll_ctl: %s", strerror(errno));
}

/* Names of 1 to 7 letters, behind what most have in common. */
static void make_requests(void) {
    for (long name = 0; name < NAMES; name++) {
        char *end = stpcpy(names[name], "Client of ");
        long left = name * name * 7919;
        do
            *end++ = 'a' + left % 26;
        while (left /= 26);
        *end = ',';
    }
    for (int number = 0; number < NUMBERS; number++)
        sprintf(numbers[number], "%d\n", number + 1);
}

/* Send the next requests, in which every name meets every number. */
static void ask(struct peer *peer) {
    static char out[SIZE];
    char *end = out;
    if (mode == UDP && peer->sent == UDP_IN_A_ROW) {
        close(peer->fd);
        open_peer(peer);
    }
    for (int i = 0; i < depth; i++, asked++, peer->sent++)
        end = stpcpy(stpcpy(end, names[asked % NAMES]), numbers[asked % NUMBERS]);
    if (send(peer->fd, out, end - out, MSG_NOSIGNAL) != end - out)
        die("send: %s", strerror(errno));
    peer->waiting = depth;
}

static void check(const char *line, size_t length) {
    const char *number = line + server_length + 1;
    long value = 0;
    if (length < server_length + 2 || length > server_length + 4
        || memcmp(line, server, server_length) || line[server_length] != ',' || *number == '0')
        die("wrong reply: %.*s", (int)length, line);
    for (; number < line + length; number++) {
        if (*number < '0' || *number > '9')
            die("wrong number: %.*s", (int)length, line);
        value = value * 10 + *number - '0';
    }
    if (value < 1 || value > NUMBERS)
        die("number out of range: %.*s", (int)length, line);
}

/* Take the replies that have come. Returns whether all have. */
static int take(struct peer *peer) {
    static char in[SIZE + sizeof peer->rest];
    char *line = in, *end, *newline;
    memcpy(in, peer->rest, peer->have);
    ssize_t got = recv(peer->fd, in + peer->have, SIZE, MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN))
        die("recv: %s", got ? strerror(errno) : "closed by the server");
    if (got < 0)
        return 0;
    end = in + peer->have + got;
    for (; (newline = memchr(line, '\n', end - line)); line = newline + 1, answered++) {
        check(line, newline - line);
        if (--peer->waiting < 0)
            die("a reply to no request");
    }
    if ((size_t)(end - line) >= sizeof peer->rest)
        die("a reply without an end");
    memcpy(peer->rest, line, peer->have = end - line);
    return !peer->waiting && !peer->have;
}

/* Exchange for so many seconds, and take what is still to come. */
static void exchange(double seconds) {
    static struct epoll_event events[1024];
    int at_once = mode == UDP && count > UDP_AT_ONCE ? UDP_AT_ONCE : count;
    int active = at_once, first = 0;
    double end = now() + seconds;
    for (int i = 0; i < at_once; i++)
        mode == CONNECT ? open_peer(&peers[i]) : ask(&peers[i]);
    for (int i = at_once; i < count; i++)
        resting[i - at_once] = &peers[i];
    while (active) {
        int ready = epoll_wait(poller, events, 1024, PATIENCE);
        if (ready <= 0)
            die("no reply for %d s", PATIENCE / 1000);
        for (int i = 0; i < ready; i++) {
            struct peer *peer = events[i].data.ptr;
            if (events[i].events & EPOLLOUT) {
                struct epoll_event reading = {.events = EPOLLIN, .data.ptr = peer};
                epoll_ctl(poller, EPOLL_CTL_MOD, peer->fd, &reading);
                ask(peer);
                continue;
            }
            if (!take(peer))
                continue;
            if (mode == CONNECT)
                close(peer->fd);
            if (now() >= end)
                active--;
            else if (mode == CONNECT)
                open_peer(peer);
            else {
                resting[(first + count - at_once) % count] = peer;
                ask(resting[first]);
                first = (first + 1) % count;
            }
        }
    }
}

int main(int argc, char **argv) {
    if (argc != 7)
        die("usage: load connect|keep|udp PORT CONNECTIONS DEPTH SECONDS SERVER_NAME");
    mode = !strcmp(argv[1], "connect") ? CONNECT : !strcmp(argv[1], "keep") ? KEEP : UDP;
    address.sin_port = htons(atoi(argv[2]));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    count = atoi(argv[3]);
    depth = atoi(argv[4]);
    double seconds = atof(argv[5]);
    server_length = snprintf(server, sizeof server, "%s", argv[6]);
    if (count < 1 || depth < 1 || depth > SIZE / 64)
        die("at least one connection, and a depth of 1 to %d", SIZE / 64);
    peers = calloc(count, sizeof *peers);
    resting = calloc(count, sizeof *resting);
    poller = epoll_create1(0);
    make_requests();
    for (int i = 0; mode != CONNECT && i < count; i++)
        open_peer(&peers[i]);
    exchange(seconds / 5);
    puts("ready");
    fflush(stdout);
    getchar();
    answered = 0;
    exchange(seconds);
    printf("%ld\n", answered);
    fflush(stdout);
    getchar();
}
