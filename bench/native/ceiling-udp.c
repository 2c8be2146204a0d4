/* UDP: echo, and datagrams on demand. */
#include "ceiling.h"

/* <linux/virtio_net.h> is older than kernel 6.2 on some systems. */
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

/* Linux takes at most so many datagrams in one packet. */
enum { MOST_DATAGRAMS = 128 };

/* A datagram, or several of `size` bytes each; the payload is copied once. */
static void emit(ceiling *c, peer to, uint16_t from, const uint8_t *payload, size_t length, size_t size) {
  packet p = packet_new(c);
  uint8_t *udp = p.ip + IP_HEADER;
  p.length = IP_HEADER + UDP_HEADER + length;
  ip_header(c, p.ip, p.length, IPPROTO_UDP, to.address);
  put16(udp, from);
  put16(udp + 2, to.port);
  put16(udp + 4, (uint32_t)(UDP_HEADER + length));
  put16(udp + 6, 0);
  uint64_t sum = sum_pseudo_header(p.ip, UDP_HEADER + length);
  uint16_t checksum;
  if (p.offload == NULL) {
    sum = sum_copy(udp + UDP_HEADER, payload, length, sum);
    checksum = (uint16_t)~fold(sum_bytes(udp, UDP_HEADER, sum));
    if (checksum == 0) checksum = 0xffff; /* RFC 768: zero says that there is none */
  } else {
    memcpy(udp + UDP_HEADER, payload, length);
    checksum = fold(sum);
    p.offload->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    p.offload->csum_start = IP_HEADER;
    p.offload->csum_offset = 6;
    if (length > size) {
      p.offload->gso_type = VIRTIO_NET_HDR_GSO_UDP_L4;
      p.offload->gso_size = (uint16_t)size;
      p.offload->hdr_len = IP_HEADER + UDP_HEADER;
    }
  }
  memcpy(udp + 6, &checksum, 2);
  packet_write(c, &p);
}

/* The request: how many datagrams, and of how many bytes each. */
static void send_bulk(ceiling *c, peer to, const uint8_t *request) {
  static const uint8_t source[LARGEST_PACKET];
  uint32_t count = get32(request), size = get32(request + 4);
  if (size == 0 || size > (uint32_t)c->mtu - IP_HEADER - UDP_HEADER) return;
  uint32_t most = (LARGEST_PACKET - IP_HEADER - UDP_HEADER) / size;
  if (!c->offload) most = 1;
  else if (most > MOST_DATAGRAMS) most = MOST_DATAGRAMS;
  while (count > 0) {
    uint32_t now = count < most ? count : most;
    emit(c, to, PORT_CHARGEN, source, (size_t)now * size, size);
    count -= now;
  }
}

void udp_input(ceiling *c, const packet *p) {
  const uint8_t *udp = p->ip + IP_HEADER;
  if (p->length < IP_HEADER + UDP_HEADER) return;
  size_t length = p->length - IP_HEADER - UDP_HEADER;
  if (!c->offload && fold(sum_bytes(udp, UDP_HEADER + length, sum_pseudo_header(p->ip, UDP_HEADER + length))) != 0xffff) {
    return;
  }
  peer from = {.port = get16(udp)};
  memcpy(&from.address, p->ip + 12, 4);
  uint16_t to = get16(udp + 2);
  if (to == PORT_ECHO) emit(c, from, to, udp + UDP_HEADER, length, length);
  if (to == PORT_CHARGEN && length >= 8) send_bulk(c, from, udp + UDP_HEADER);
}
