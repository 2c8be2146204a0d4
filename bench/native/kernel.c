/*
 * kernel ADDRESS [--seconds N]
 *
 * Serves at the address what the ceiling serves (bench/native/ceiling.c), with the kernel's own sockets: what a program in
 * C gets from Linux on both sides. One thread and epoll; ends when it is killed, its parent ends, or the seconds are over.
 */
#define _GNU_SOURCE /* accept4, recvmmsg */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/udp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "driver.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

enum { CHUNK = 256 * 1024, BACKLOG = 4096, MOST_EVENTS = 256, DATAGRAMS = 64, DATAGRAM = 2048, LARGEST_UDP = 65507 };

/* What a file is for, beside its number in an event. */
enum kind { LISTENER, ECHO, DISCARD, CHARGEN, UDP_ECHO, UDP_CHARGEN };

static struct in_addr address;
static int events_of;
static char bytes[CHUNK];

void fail(const char *what) {
  perror(what);
  exit(1);
}

static void watch(int file, enum kind kind, unsigned port, uint32_t events) {
  struct epoll_event wanted = {.events = events};
  wanted.data.u64 = (uint64_t)port << 40 | (uint64_t)kind << 32 | (uint32_t)file;
  if (epoll_ctl(events_of, EPOLL_CTL_ADD, file, &wanted) < 0) fail("epoll_ctl");
}

static int bound(int type, uint16_t port) {
  int s = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = address};
  if (s < 0 || bind(s, (struct sockaddr *)&at, sizeof at) < 0) fail("bind");
  return s;
}

static void serve_tcp(uint16_t port) {
  int s = bound(SOCK_STREAM, port);
  if (listen(s, BACKLOG) < 0) fail("listen");
  watch(s, LISTENER, port, EPOLLIN);
}

static void on_listener(int listener, unsigned port) {
  for (int s; (s = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
    enum kind kind = port == PORT_DISCARD ? DISCARD : port == PORT_CHARGEN ? CHARGEN : ECHO;
    watch(s, kind, port, kind == CHARGEN ? EPOLLOUT : EPOLLIN);
  }
}

static void on_connection(int s, enum kind kind) {
  ssize_t n;
  if (kind == CHARGEN) {
    while ((n = send(s, bytes, CHUNK, MSG_NOSIGNAL)) > 0);
  } else {
    n = recv(s, bytes, CHUNK, 0);
    /* The client waits for each answer: there is always room for it. */
    if (n > 0 && kind == ECHO) n = send(s, bytes, (size_t)n, MSG_NOSIGNAL);
  }
  if (n == 0 || (n < 0 && errno != EAGAIN)) close(s);
}

static void on_udp_echo(int s) {
  static char in[DATAGRAMS][DATAGRAM];
  static struct sockaddr_in from[DATAGRAMS];
  struct iovec parts[DATAGRAMS];
  struct mmsghdr messages[DATAGRAMS];
  memset(messages, 0, sizeof messages);
  for (int i = 0; i < DATAGRAMS; i++) {
    parts[i] = (struct iovec){.iov_base = in[i], .iov_len = DATAGRAM};
    messages[i].msg_hdr = (struct msghdr){
        .msg_iov = &parts[i], .msg_iovlen = 1, .msg_name = &from[i], .msg_namelen = sizeof from[i]};
  }
  int n = recvmmsg(s, messages, DATAGRAMS, 0, NULL);
  for (int i = 0; i < n; i++) parts[i].iov_len = messages[i].msg_len;
  if (n > 0) sendmmsg(s, messages, (unsigned)n, 0);
}

/* The request: how many datagrams, and of how many bytes each. */
static void on_udp_chargen(int s) {
  uint32_t request[2];
  struct sockaddr_in from;
  socklen_t length = sizeof from;
  if (recvfrom(s, request, sizeof request, 0, (struct sockaddr *)&from, &length) != sizeof request) return;
  uint32_t count = ntohl(request[0]), size = ntohl(request[1]);
  if (size == 0 || size > LARGEST_UDP) return;
  int segment = (int)size;
  setsockopt(s, SOL_UDP, UDP_SEGMENT, &segment, sizeof segment);
  for (uint32_t most = LARGEST_UDP / size; count > 0;) {
    uint32_t now = count < most ? count : most;
    if (sendto(s, bytes, (size_t)now * size, 0, (struct sockaddr *)&from, length) < 0) return;
    count -= now;
  }
}

static void on_event(uint64_t data) {
  int file = (int)(uint32_t)data;
  enum kind kind = data >> 32 & 0xff;
  if (kind == LISTENER) on_listener(file, (unsigned)(data >> 40));
  else if (kind == UDP_ECHO) on_udp_echo(file);
  else if (kind == UDP_CHARGEN) on_udp_chargen(file);
  else on_connection(file, kind);
}

int main(int argc, char **argv) {
  if (argc < 2 || inet_pton(AF_INET, argv[1], &address) != 1) return 2;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  alarm(argc > 3 ? (unsigned)atoi(argv[3]) : 60);
  events_of = epoll_create1(EPOLL_CLOEXEC);
  for (int i = 0; i < ECHO_PORTS; i++) serve_tcp((uint16_t)(PORT_ECHO + ECHO_STEP * i));
  serve_tcp(PORT_DISCARD);
  serve_tcp(PORT_CHARGEN);
  watch(bound(SOCK_DGRAM, PORT_ECHO), UDP_ECHO, PORT_ECHO, EPOLLIN);
  watch(bound(SOCK_DGRAM, PORT_CHARGEN), UDP_CHARGEN, PORT_CHARGEN, EPOLLIN);
  puts("{\"event\":\"ready\"}");
  fflush(stdout);
  for (;;) {
    struct epoll_event events[MOST_EVENTS];
    int n = epoll_wait(events_of, events, MOST_EVENTS, -1);
    for (int i = 0; i < n; i++) on_event(events[i].data.u64);
  }
}
