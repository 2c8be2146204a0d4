/* The TUN device of the ceiling, and the packets to it. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ceiling.h"

/* <linux/if_tun.h> is older than kernel 6.2 on some systems. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

/* As `openTun` sets it: Linux's own 500 packets are fatal at 1500 B. */
enum { QUEUE = 4096 };

static void must(int result, const char *what) {
  if (result >= 0) return;
  perror(what);
  exit(1);
}

static void set_address(int settings, struct ifreq *request, unsigned long what, const char *text) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  inet_pton(AF_INET, text, &address.sin_addr);
  memcpy(&request->ifr_addr, &address, sizeof address);
  must(ioctl(settings, what, request), text);
}

void device_open(ceiling *c, const char *name) {
  c->file = open("/dev/net/tun", O_RDWR | O_CLOEXEC | (c->blocking ? 0 : O_NONBLOCK));
  must(c->file, "/dev/net/tun");
  struct ifreq request = {0};
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  request.ifr_flags = (short)(IFF_TUN | IFF_NO_PI | (c->offload ? IFF_VNET_HDR : 0));
  must(ioctl(c->file, TUNSETIFF, &request), "TUNSETIFF");
  if (c->offload) {
    unsigned long tcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
    /* USO is there since Linux 6.2; to send USO packets it takes no more than the header in front. */
    if (ioctl(c->file, TUNSETOFFLOAD, tcp | TUN_F_USO4 | TUN_F_USO6) < 0) {
      must(ioctl(c->file, TUNSETOFFLOAD, tcp), "TUNSETOFFLOAD");
    }
  }
  int settings = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  must(settings, "socket");
  set_address(settings, &request, SIOCSIFADDR, "10.7.0.1");
  set_address(settings, &request, SIOCSIFNETMASK, "255.255.255.0");
  request.ifr_mtu = c->mtu;
  must(ioctl(settings, SIOCSIFMTU, &request), "SIOCSIFMTU");
  request.ifr_qlen = QUEUE;
  must(ioctl(settings, SIOCSIFTXQLEN, &request), "SIOCSIFTXQLEN");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  must(ioctl(settings, SIOCSIFFLAGS, &request), "SIOCSIFFLAGS");
  close(settings);
  c->address = inet_addr("10.7.0.2");
}

packet packet_new(const ceiling *c) {
  /* The headers of IPv4 and TCP come to 40 bytes: with 8 in front the payload is aligned. */
  static _Alignas(64) uint8_t room[64 + LARGEST_PACKET];
  packet p = {.ip = room + 24};
  if (c->offload) {
    p.offload = (struct virtio_net_hdr *)(p.ip - sizeof *p.offload);
    memset(p.offload, 0, sizeof *p.offload);
  }
  return p;
}

void packet_write(ceiling *c, const packet *p) {
  const uint8_t *from = p->offload == NULL ? p->ip : (const uint8_t *)p->offload;
  size_t length = p->length + (size_t)(p->ip - from);
  while (write(c->file, from, length) < 0) {
    if (errno == EINTR) continue;
    /* Nothing would send it again. */
    perror("write");
    exit(1);
  }
}
