/* The kernel's UDP sockets. */
#define _GNU_SOURCE /* sendmmsg */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "driver.h"

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

enum { MOST_AT_ONCE = 64, LARGEST = 65536, ROOM = 8 << 20 };

/* A datagram that is this late is lost. */
static const struct timeval LATE = {.tv_usec = 200000};

static int bind_to(const work *w, uint16_t port) {
  place to = place_of(w, port);
  int s = socket(to.at.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), room = ROOM;
  if (s < 0) fail("socket");
  leave_from(w, s);
  if (connect(s, &to.at.any, to.length) < 0) fail("connect");
  setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &LATE, sizeof LATE);
  /* What is sent at once must fit. */
  setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
  return s;
}

/* Keeps `window` datagrams on their way until `count` have come back; those that do not are sent anew. */
static uint64_t echo(const work *w, int s, uint64_t count) {
  static char out[LARGEST], in[MOST_AT_ONCE][LARGEST / 32];
  struct iovec from = {.iov_base = out, .iov_len = w->size}, into[MOST_AT_ONCE];
  struct mmsghdr sends[MOST_AT_ONCE], receives[MOST_AT_ONCE];
  memset(sends, 0, sizeof sends);
  memset(receives, 0, sizeof receives);
  for (int i = 0; i < MOST_AT_ONCE; i++) {
    into[i] = (struct iovec){.iov_base = in[i], .iov_len = sizeof in[i]};
    sends[i].msg_hdr = (struct msghdr){.msg_iov = &from, .msg_iovlen = 1};
    receives[i].msg_hdr = (struct msghdr){.msg_iov = &into[i], .msg_iovlen = 1};
  }
  static unsigned waiting; /* on their way */
  uint64_t done = 0, lost = 0;
  while (done < count) {
    int sent = sendmmsg(s, sends, w->window - waiting, 0);
    if (sent > 0) waiting += (unsigned)sent;
    int n = recvmmsg(s, receives, MOST_AT_ONCE, MSG_WAITFORONE, NULL);
    if (n < 0) {
      if (errno != EAGAIN) fail("recvmmsg");
      lost += waiting;
      waiting = 0;
      if (lost > 1000 && lost > done) fail("hardly anything comes back");
    } else {
      done += (uint64_t)n;
      waiting -= (unsigned)n < waiting ? (unsigned)n : waiting;
    }
  }
  return lost;
}

result udp_echo(const work *w) {
  if (w->window > MOST_AT_ONCE || w->size > LARGEST / 32) fail("too large");
  int s = bind_to(w, PORT_ECHO);
  for (double since = now(); !is_warm(w, since);) echo(w, s, w->window);
  double start = now();
  uint64_t lost = echo(w, s, w->count);
  return (result){.count = (double)w->count, .seconds = now() - start, .lost = lost};
}

static void ask_for(int s, uint32_t count, uint32_t size) {
  uint32_t request[2] = {htonl(count), htonl(size)};
  if (send(s, request, sizeof request, 0) < 0) fail("send");
}

/*
 * Receives what it has asked for, half a window at a time: a sender of datagrams that knows no bounds would be measured
 * by what it loses.
 */
static uint64_t receive(const work *w, int s, uint64_t count) {
  static char in[LARGEST];
  static uint32_t owed;
  uint64_t got = 0, lost = 0;
  while (got < count) {
    if (owed <= w->window / 2) {
      ask_for(s, w->window - owed, w->size);
      owed = w->window;
    }
    /* Several datagrams in one read (UDP_GRO), of which only the last may be shorter. */
    ssize_t n = recv(s, in, sizeof in, 0);
    if (n < 0) {
      if (errno != EAGAIN) fail("recv");
      lost += owed;
      owed = 0;
      if (lost > 1000 && lost > got) fail("hardly anything arrives");
    } else {
      uint32_t datagrams = ((uint32_t)n + w->size - 1) / w->size;
      got += datagrams;
      owed -= datagrams < owed ? datagrams : owed;
    }
  }
  return lost;
}

result udp_sink(const work *w) {
  int s = bind_to(w, PORT_CHARGEN), on = 1;
  if (w->size == 0 || w->window < 2) fail("too small");
  setsockopt(s, SOL_UDP, UDP_GRO, &on, sizeof on);
  for (double since = now(); !is_warm(w, since);) receive(w, s, w->window);
  double start = now();
  uint64_t lost = receive(w, s, w->count);
  return (result){.count = (double)w->count, .seconds = now() - start, .lost = lost};
}
