/*
 * The ceiling of the benchmarks over TUN: what a plain C loop does with the same packets. It answers SYNs, acknowledges,
 * copies each payload once, and computes checksums where the device doesn't vouch for them. It recovers no loss, reorders
 * nothing, keeps no timer and knows one client: what a real stack does beyond that is what the ratio to it shows.
 */
#ifndef USERNET_CEILING_H
#define USERNET_CEILING_H
#include <linux/ip.h>
#include <linux/virtio_net.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "ports.h"

enum {
  LARGEST_PACKET = 65535,
  IP_HEADER = 20,
  TCP_HEADER = 20,
  UDP_HEADER = 8,
};

typedef struct {
  int file;
  bool offload;     /* a struct virtio_net_hdr is in front of each packet, and packets are up to 64 KB */
  int mtu;
  size_t window;    /* bytes in flight at most, each way */
  bool blocking;    /* sleeps in read(), answers packet by packet */
  unsigned spin;    /* how often it looks for a packet before it sleeps */
  size_t arena;     /* bytes of packets that are read before they are looked at */
  uint32_t address; /* ours, in network order */
} ceiling;

/* A packet that was read, or is to be written. */
typedef struct {
  struct virtio_net_hdr *offload; /* in front of the packet, or NULL */
  uint8_t *ip;
  size_t length;
} packet;

/* What one end of a packet needs to know of the other. */
typedef struct {
  uint32_t address; /* network order */
  uint16_t port;    /* host order */
} peer;

/* ceiling-device.c: opens the device and sets its address, 10.7.0.1, MTU and queue. Ends the program when it can't. */
void device_open(ceiling *c, const char *name);
/* Where to build the next packet to send: with room for the largest. */
packet packet_new(const ceiling *c);
void packet_write(ceiling *c, const packet *p);

/* ceiling-tcp.c */
void tcp_input(ceiling *c, const packet *p);
/* After a batch: acknowledges, and sends what the windows have room for. */
void tcp_flush(ceiling *c);

/* ceiling-udp.c */
void udp_input(ceiling *c, const packet *p);

/* checksum.c: the sum of bytes in 64 bits, not folded; `to` takes a copy of them. */
uint64_t sum_bytes(const uint8_t *from, size_t length, uint64_t sum);
uint64_t sum_copy(uint8_t *to, const uint8_t *from, size_t length, uint64_t sum);
uint16_t fold(uint64_t sum);
uint64_t sum_pseudo_header(const uint8_t *ip, size_t length);
/* Fills in an IPv4 header of 20 bytes with its checksum. */
void ip_header(const ceiling *c, uint8_t *ip, size_t length, uint8_t protocol, uint32_t to);

static inline uint16_t get16(const uint8_t *at) { return (uint16_t)(at[0] << 8 | at[1]); }
static inline uint32_t get32(const uint8_t *at) { return (uint32_t)get16(at) << 16 | get16(at + 2); }
static inline void put16(uint8_t *at, uint32_t value) {
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
}
static inline void put32(uint8_t *at, uint32_t value) {
  put16(at, value >> 16);
  put16(at + 2, value);
}

#endif
