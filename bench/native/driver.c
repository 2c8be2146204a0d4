/*
 * driver JOB ADDRESS [--warm SECONDS] [--count N] [--size BYTES] [--window N] [--from PORT] [--seconds N]
 *
 * JOB: source, sink, ping-pong, connect, udp-echo, udp-sink. Prints one line of JSON. Ends with an error after --seconds.
 */
#include "driver.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

double now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

void fail(const char *what) {
  perror(what);
  exit(1);
}

place place_of(const work *w, uint16_t port) {
  place p = w->server;
  if (p.at.any.sa_family == AF_INET6) p.at.ipv6.sin6_port = htons(port);
  else p.at.ipv4.sin_port = htons(port);
  return p;
}

static int read_address(const char *text, place *p) {
  if (inet_pton(AF_INET, text, &p->at.ipv4.sin_addr) == 1) {
    p->at.ipv4.sin_family = AF_INET;
    p->length = sizeof p->at.ipv4;
    return 1;
  }
  p->at.ipv6 = (struct sockaddr_in6){.sin6_family = AF_INET6};
  p->length = sizeof p->at.ipv6;
  return inet_pton(AF_INET6, text, &p->at.ipv6.sin6_addr);
}

void leave_from(const work *w, int s) {
  if (w->from == 0) return;
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(w->from)};
  if (bind(s, (struct sockaddr *)&any, sizeof any) < 0) fail("bind");
}

static const struct {
  const char *name;
  result (*run)(const work *w);
} JOBS[] = {
    {"source", tcp_source},   {"sink", tcp_sink},     {"ping-pong", tcp_ping_pong},
    {"connect", tcp_connect}, {"udp-echo", udp_echo}, {"udp-sink", udp_sink},
};

int main(int argc, char **argv) {
  work w = {.size = 64, .window = 1, .count = 1};
  unsigned seconds = 60;
  static const struct option known[] = {
      {"warm", required_argument, NULL, 'w'},   {"count", required_argument, NULL, 'c'},
      {"size", required_argument, NULL, 's'},   {"window", required_argument, NULL, 'n'},
      {"from", required_argument, NULL, 'f'},   {"seconds", required_argument, NULL, 't'},
      {NULL, 0, NULL, 0},
  };
  for (int o; (o = getopt_long(argc, argv, "", known, NULL)) != -1;) {
    if (o == 'w') w.warm = strtod(optarg, NULL);
    else if (o == 'c') w.count = strtoull(optarg, NULL, 10);
    else if (o == 's') w.size = (unsigned)strtoul(optarg, NULL, 10);
    else if (o == 'n') w.window = (unsigned)strtoul(optarg, NULL, 10);
    else if (o == 'f') w.from = (uint16_t)strtoul(optarg, NULL, 10);
    else if (o == 't') seconds = (unsigned)strtoul(optarg, NULL, 10);
    else return 2;
  }
  if (argc - optind != 2 || read_address(argv[optind + 1], &w.server) != 1) return 2;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  signal(SIGPIPE, SIG_IGN);
  alarm(seconds);
  for (size_t i = 0; i < sizeof JOBS / sizeof *JOBS; i++) {
    if (strcmp(JOBS[i].name, argv[optind]) != 0) continue;
    result r = JOBS[i].run(&w);
    printf("{\"count\":%.0f,\"seconds\":%.6f,\"lost\":%llu}\n", r.count, r.seconds, (unsigned long long)r.lost);
    return 0;
  }
  return 2;
}
