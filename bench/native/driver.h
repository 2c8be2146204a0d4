/*
 * The kernel's side of the benchmarks: a client that uses the kernel's own sockets. Each job works for some time, so
 * that programs are compiled and windows open, and then does a fixed amount of work that is timed.
 */
#ifndef USERNET_DRIVER_H
#define USERNET_DRIVER_H
#include <netinet/in.h>
#include <stdint.h>

#include "ports.h"

/* Where a server is: of either family. */
typedef struct {
  union {
    struct sockaddr any;
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
  } at;
  socklen_t length;
} place;

typedef struct {
  place server;    /* its port is that of the service */
  double warm;     /* seconds before the clock starts */
  uint64_t count;  /* bytes, rounds, connections or datagrams that are timed */
  unsigned size;   /* bytes of a message or datagram */
  unsigned window; /* connections, or datagrams, at once */
  uint16_t from;   /* the local port of a job's one socket; 0: the kernel chooses */
} work;

typedef struct {
  double count; /* what was done in the time, exactly */
  double seconds;
  uint64_t lost; /* datagrams that did not come back */
} result;

/* Each ends the program when it can't. driver-tcp.c: */
result tcp_source(const work *w);    /* the kernel sends; in bytes */
result tcp_sink(const work *w);      /* the kernel receives; in bytes */
result tcp_ping_pong(const work *w); /* in round trips */
result tcp_connect(const work *w);   /* connect, a byte each way, close; in connections */
/* driver-udp.c, in datagrams: */
result udp_echo(const work *w);
result udp_sink(const work *w);

place place_of(const work *w, uint16_t port);
/* Binds a socket to `from`. */
void leave_from(const work *w, int s);
double now(void);
/* Do not begin another piece of the warm-up: its time is over. `since` is when it began. */
static inline int is_warm(const work *w, double since) { return now() - since >= w->warm; }
/* Says what failed, with errno, and ends. */
void fail(const char *what) __attribute__((noreturn));

#endif
