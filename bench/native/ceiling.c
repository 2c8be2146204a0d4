/*
 * ceiling [--offload] [--blocking] [--mtu BYTES] [--window BYTES] [--arena BYTES] [--spin N] [--seconds N]
 *
 * Makes the device `tun0` with the kernel's address 10.7.0.1 in the namespace it runs in, and serves at 10.7.0.2 the
 * ports 7 (echo), 9 (discard) and 19 (sends), TCP and UDP, until it is killed, its parent ends, or the seconds are over.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "ceiling.h"

enum { MOST_PACKETS = 256 };

static void input(ceiling *c, uint8_t *at, size_t length) {
  packet p = {.ip = at, .length = length};
  if (c->offload) {
    if (length < sizeof *p.offload) return;
    p.offload = (struct virtio_net_hdr *)at;
    p.ip += sizeof *p.offload;
    p.length -= sizeof *p.offload;
  }
  /* IPv4 without options is all that its own kernel sends to it. */
  if (p.length < IP_HEADER + UDP_HEADER || p.ip[0] != 0x45 || get16(p.ip + 2) != p.length) return;
  if (p.ip[9] == IPPROTO_TCP) tcp_input(c, &p);
  else if (p.ip[9] == IPPROTO_UDP) udp_input(c, &p);
}

/* Reads a batch of packets, looks at them, and answers. */
static void turn(ceiling *c, uint8_t *arena) {
  static unsigned idle; /* turns without a packet */
  uint8_t *starts[MOST_PACKETS];
  size_t lengths[MOST_PACKETS], at = 0, count = 0;
  /* With a header of 10 bytes in front, the packet is aligned. */
  size_t front = c->offload ? 6 : 0, room = LARGEST_PACKET + sizeof(struct virtio_net_hdr);
  size_t most = c->blocking ? 1 : MOST_PACKETS;
  while (count < most && at + front + room <= c->arena) {
    ssize_t n = read(c->file, arena + at + front, room);
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) break;
      perror("read");
      exit(1);
    }
    starts[count] = arena + at + front;
    lengths[count++] = (size_t)n;
    at = (at + front + (size_t)n + 15) & ~(size_t)15;
  }
  if (count == 0) {
    if (idle++ < c->spin) return;
    struct pollfd wait = {.fd = c->file, .events = POLLIN};
    poll(&wait, 1, -1);
    return;
  }
  idle = 0;
  for (size_t i = 0; i < count; i++) input(c, starts[i], lengths[i]);
  tcp_flush(c);
}

int main(int argc, char **argv) {
  ceiling c = {.mtu = 1500, .window = 512 * 1024, .arena = 256 * 1024};
  unsigned seconds = 60;
  static const struct option known[] = {
      {"offload", no_argument, NULL, 'o'},        {"blocking", no_argument, NULL, 'b'},
      {"mtu", required_argument, NULL, 'm'},      {"window", required_argument, NULL, 'w'},
      {"arena", required_argument, NULL, 'a'},    {"seconds", required_argument, NULL, 's'},
      {"spin", required_argument, NULL, 'p'},     {NULL, 0, NULL, 0},
  };
  for (int o; (o = getopt_long(argc, argv, "", known, NULL)) != -1;) {
    if (o == 'o') c.offload = true;
    else if (o == 'b') c.blocking = true;
    else if (o == 'm') c.mtu = atoi(optarg);
    else if (o == 'w') c.window = strtoul(optarg, NULL, 10);
    else if (o == 'a') c.arena = strtoul(optarg, NULL, 10);
    else if (o == 'p') c.spin = (unsigned)atoi(optarg);
    else if (o == 's') seconds = (unsigned)atoi(optarg);
    else return 2;
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  alarm(seconds);
  device_open(&c, "tun0");
  uint8_t *arena = aligned_alloc(4096, (c.arena + 4095) & ~(size_t)4095);
  if (arena == NULL) return 1;
  memset(arena, 0, c.arena);
  puts("{\"event\":\"ready\"}");
  fflush(stdout);
  for (;;) turn(&c, arena);
}
