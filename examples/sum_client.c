/* A client for the sum exchange.
 *
 * sum_client NUMBER [NAME [HOST [PORT]]]
 */

#define _POSIX_C_SOURCE 200809L /* getaddrinfo() and sockets, beside what C11 has */

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define TIMEOUT 10   /* seconds to wait for each part of the reply */
#define LONGEST 1024 /* bytes that a request or a reply may have */

/* Show what went wrong, and exit. */
static _Noreturn void fail(const char *what, const char *why)
{
    fprintf(stderr, "sum_client: %s: %s\n", what, why);
    exit(1);
}

/* Read an integer that fills `text`; return 0 if there is none. */
static int read_number(const char *text, int *number)
{
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (end == text || *end != '\0' || errno == ERANGE || value < INT_MIN || value > INT_MAX)
        return 0;
    *number = (int)value;
    return 1;
}

/* Return a socket that is connected to the server. */
static int connect_to(const char *host, const char *port)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *addresses;
    int error = getaddrinfo(host, port, &hints, &addresses);
    if (error != 0)
        fail(host, gai_strerror(error));

    /* A host may have several addresses, such as ::1 and 127.0.0.1: try one after the other. */
    for (struct addrinfo *each = addresses; each != NULL; each = each->ai_next) {
        int server = socket(each->ai_family, each->ai_socktype, each->ai_protocol);
        if (server >= 0 && connect(server, each->ai_addr, each->ai_addrlen) == 0) {
            freeaddrinfo(addresses);
            return server;
        }
        error = errno;
        if (server >= 0)
            close(server);
    }
    fail(host, strerror(error));
}

/* Send all of `text`: one send() may take only a part of it. */
static void send_all(int server, const char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        ssize_t sent = send(server, text, left, 0);
        if (sent < 0)
            fail("send", strerror(errno));
        text += sent;
        left -= (size_t)sent;
    }
}

/* Read the server's line into `line`: one recv() may return only a part of it. */
static void read_line(int server, char line[LONGEST + 1])
{
    size_t length = 0;
    line[0] = '\0';
    while (strchr(line, '\n') == NULL) {
        if (length == LONGEST)
            fail("recv", "the reply is too long");
        ssize_t received = recv(server, line + length, LONGEST - length, 0);
        if (received < 0)
            fail("recv", errno == EAGAIN ? "no reply in time" : strerror(errno));
        if (received == 0) /* the server has closed the connection */
            break;
        length += (size_t)received;
        line[length] = '\0';
    }
    line[strcspn(line, "\r\n")] = '\0';
}

int main(int argc, char *argv[])
{
    int number;
    if (argc < 2 || argc > 5 || !read_number(argv[1], &number)) {
        fprintf(stderr, "usage: sum_client NUMBER [NAME [HOST [PORT]]]\n");
        return 2;
    }
    const char *name = argc > 2 ? argv[2] : "Client in C";
    const char *host = argc > 3 ? argv[3] : "127.0.0.1";
    const char *port = argc > 4 ? argv[4] : "12000";

    char request[LONGEST];
    int length = snprintf(request, sizeof request, "%s,%d\n", name, number);
    if (length < 0 || (size_t)length >= sizeof request)
        fail("NAME", "too long");

    /* A send() to a server that has closed shall return an error, not end the program. */
    signal(SIGPIPE, SIG_IGN);
    int server = connect_to(host, port);
    struct timeval timeout = {.tv_sec = TIMEOUT};
    if (setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) < 0)
        fail("setsockopt", strerror(errno));
    send_all(server, request);
    char reply[LONGEST + 1];
    read_line(server, reply);
    close(server);

    /* A name may contain commas, so the last one separates. */
    char *comma = strrchr(reply, ',');
    int server_number;
    if (reply[0] == '\0')
        fail("server", "no reply");
    if (comma == NULL || comma == reply || !read_number(comma + 1, &server_number))
        fail("the server replied", reply);
    *comma = '\0';

    printf("Client name: %s\n", name);
    printf("Server name: %s\n", reply);
    printf("Client's number: %d\n", number);
    printf("Server's number: %d\n", server_number);
    printf("Sum: %lld\n", (long long)number + server_number);
    return 0;
}
