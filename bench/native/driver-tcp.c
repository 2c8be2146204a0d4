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

/* Of a send or receive: as much as stays in the cache. */
enum { CHUNK = 256 * 1024, MOST_AT_ONCE = 256 };

static char bytes[CHUNK];

static int dial(const work *w, uint16_t port) {
  struct sockaddr_in to = address_of(w, port);
  int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (s < 0) fail("socket");
  if (connect(s, (struct sockaddr *)&to, sizeof to) < 0) fail("connect");
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
  send_all(s, w->warm);
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

result tcp_sink(const work *w) {
  int s = dial(w, PORT_CHARGEN);
  receive_all(s, w->warm);
  double start = now();
  receive_all(s, w->count);
  return (result){.count = (double)w->count, .seconds = now() - start};
}

result tcp_ping_pong(const work *w) {
  int s = dial(w, PORT_ECHO), on = 1;
  setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  double start = 0;
  for (uint64_t i = 0; i < w->warm + w->count; i++) {
    if (i == w->warm) start = now();
    if (send(s, bytes, w->size, 0) != (ssize_t)w->size) fail("send");
    receive_all(s, w->size);
  }
  return (result){.count = (double)w->count, .seconds = now() - start};
}

/* Connections in TIME-WAIT hold their ports: all there are may be used. It is the namespace's own setting. */
static void widen_port_range(void) {
  FILE *range = fopen("/proc/sys/net/ipv4/ip_local_port_range", "w");
  if (range == NULL) return;
  fputs("1024 65535", range);
  fclose(range);
}

static void connect_once(const work *w) {
  int s = dial(w, PORT_ECHO);
  if (send(s, bytes, 1, 0) != 1) fail("send");
  receive_all(s, 1);
  close(s);
}

/* Starts a connection, to be waited for. */
static void dial_later(const work *w, int poll) {
  struct sockaddr_in to = address_of(w, PORT_ECHO);
  int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (s < 0) fail("socket");
  if (connect(s, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS) fail("connect");
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

result tcp_connect(const work *w) {
  widen_port_range();
  double start = 0;
  if (w->window == 1) {
    for (uint64_t i = 0; i < w->warm + w->count; i++) {
      if (i == w->warm) start = now();
      connect_once(w);
    }
  } else {
    int poll = epoll_create1(EPOLL_CLOEXEC);
    connect_many(w, poll, w->warm);
    start = now();
    connect_many(w, poll, w->count);
  }
  return (result){.count = (double)w->count, .seconds = now() - start};
}
