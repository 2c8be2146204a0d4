/* The kernel's TCP sockets, as they are by default. */
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "driver.h"

enum {
  CHUNK = 256 * 1024, /* of a send or receive: as much as stays in the cache */
  MOST_AT_ONCE = 256,
  LOOKS = 1000,
  PORTS_OF_ONE = 16384, /* half of those that Linux looks through before it gets slow */
};

static char bytes[CHUNK];

static int dial(const work *w, uint16_t port) {
  place to = place_of(w, port);
  int s = socket(to.at.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (s < 0) fail("socket");
  leave_from(w, s);
  if (connect(s, &to.at.any, to.length) < 0) fail("connect");
  return s;
}

static void send_all(int s, uint64_t count) {
  while (count > 0) {
    ssize_t n = send(s, bytes, count < CHUNK ? count : CHUNK, 0);
    if (n < 0) fail("send");
    count -= (uint64_t)n;
  }
}

result tcp_source(const work *w) {
  int s = dial(w, PORT_DISCARD);
  for (double since = now(); !is_warm(w, since);) send_all(s, CHUNK);
  /* What still waits in the socket is a part of what is timed: the end is when the other side has read everything. */
  int waiting = 0;
  if (ioctl(s, SIOCOUTQ, &waiting) < 0) fail("ioctl(SIOCOUTQ)");
  double start = now();
  send_all(s, w->count);
  shutdown(s, SHUT_WR);
  ssize_t n = recv(s, bytes, CHUNK, 0);
  if (n != 0) fail("recv");
  return (result){.count = (double)w->count + waiting, .seconds = now() - start};
}

static void receive_all(int s, uint64_t count) {
  while (count > 0) {
    ssize_t n = recv(s, bytes, count < CHUNK ? count : CHUNK, 0);
    if (n <= 0) fail("recv");
    count -= (uint64_t)n;
  }
}

/* Looks often before it sleeps: else the sender pays for waking us with each packet. */
static void sink(int s, uint64_t count) {
  while (count > 0) {
    size_t most = count < CHUNK ? count : CHUNK;
    ssize_t n = -1;
    for (int i = 0; n < 0 && i < LOOKS; i++) n = recv(s, bytes, most, MSG_DONTWAIT);
    if (n < 0) n = recv(s, bytes, most, 0);
    if (n <= 0) fail("recv");
    count -= (uint64_t)n;
  }
}

result tcp_sink(const work *w) {
  int s = dial(w, PORT_CHARGEN);
  for (double since = now(); !is_warm(w, since);) sink(s, CHUNK);
  double start = now();
  sink(s, w->count);
  return (result){.count = (double)w->count, .seconds = now() - start};
}

static void ping_pong(const work *w, int s, uint64_t count) {
  for (; count > 0; count--) {
    if (send(s, bytes, w->size, 0) != (ssize_t)w->size) fail("send");
    receive_all(s, w->size);
  }
}

result tcp_ping_pong(const work *w) {
  int s = dial(w, PORT_ECHO), on = 1;
  setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  for (double since = now(); !is_warm(w, since);) ping_pong(w, s, 10);
  double start = now();
  ping_pong(w, s, w->count);
  return (result){.count = (double)w->count, .seconds = now() - start};
}

/* Connections in TIME-WAIT hold their ports: all there are may be used. It is the namespace's own setting. */
static void widen_port_range(void) {
  FILE *range = fopen("/proc/sys/net/ipv4/ip_local_port_range", "w");
  if (range == NULL) return;
  fputs("1024 65535", range);
  fclose(range);
}

/* Where the next connection goes. */
static uint16_t next_echo(void) {
  static unsigned connections;
  return (uint16_t)(PORT_ECHO + ECHO_STEP * (connections++ / PORTS_OF_ONE % ECHO_PORTS));
}

static void connect_once(const work *w) {
  int s = dial(w, next_echo());
  if (send(s, bytes, 1, 0) != 1) fail("send");
  receive_all(s, 1);
  close(s);
}

/* Starts a connection, to be waited for. */
static void dial_later(const work *w, int poll) {
  place to = place_of(w, next_echo());
  int s = socket(to.at.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (s < 0) fail("socket");
  if (connect(s, &to.at.any, to.length) < 0 && errno != EINPROGRESS) fail("connect");
  struct epoll_event wanted = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.fd = s};
  if (epoll_ctl(poll, EPOLL_CTL_ADD, s, &wanted) < 0) fail("epoll_ctl");
}

/* Keeps `window` connections going until `count` are done. */
static void connect_many(const work *w, int poll, uint64_t count) {
  static bool asked[1 << 16];
  uint64_t begun = 0, done = 0;
  for (; begun < count && begun < w->window; begun++) dial_later(w, poll);
  while (done < count) {
    struct epoll_event events[MOST_AT_ONCE];
    int n = epoll_wait(poll, events, MOST_AT_ONCE, 10000);
    if (n <= 0) fail("epoll_wait");
    for (int i = 0; i < n; i++) {
      int s = events[i].data.fd;
      if (!asked[s] && send(s, bytes, 1, 0) == 1) asked[s] = true;
      char answer;
      ssize_t got = recv(s, &answer, 1, 0);
      if (got < 0 && errno == EAGAIN) continue;
      if (got != 1) fail("recv");
      close(s);
      asked[s] = false;
      done++;
      if (begun++ < count) dial_later(w, poll);
    }
  }
}

static void connect_in_turn(const work *w, int poll, uint64_t count) {
  (void)poll;
  while (count-- > 0) connect_once(w);
}

result tcp_connect(const work *w) {
  widen_port_range();
  int poll = epoll_create1(EPOLL_CLOEXEC);
  void (*run)(const work *, int, uint64_t) = w->window == 1 ? connect_in_turn : connect_many;
  for (double since = now(); !is_warm(w, since);) run(w, poll, 2 * w->window);
  double start = now();
  run(w, poll, w->count);
  return (result){.count = (double)w->count, .seconds = now() - start};
}
