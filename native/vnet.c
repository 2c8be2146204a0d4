/* All that is read of a packet here is measured against its length first: it may be anything. */
#include "vnet.h"

#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>

#include "frames.h"

enum {
  TAG = 4,
  MOST_TAGS = 2,
  IPV4_HEADER = 20,
  IPV6_HEADER = 40,
  FRAGMENT_HEADER = 8,
  /* Of IPv6: more of them than anybody sends. */
  MOST_EXTENSIONS = 8,
  TCP_HEADER = 20,
  TCP_DATA_OFFSET = 12,
  TCP_FLAGS = 13,
  TCP_CWR = 0x80,
  TCP_CHECKSUM = 16,
  UDP_HEADER = 8,
  UDP_CHECKSUM = 6,
};

/* A packet's TCP or UDP header. */
typedef struct {
  size_t at;
  size_t checksum; /* where in it */
  size_t end;
  bool tcp;
  bool ipv6;
  bool extended; /* behind extension headers of IPv6 */
} transport;

static unsigned word(const uint8_t *at) {
  return (unsigned)at[0] << 8 | at[1];
}

/* Where IP begins in a frame, behind its tags; `length` when it is none of IP. */
static size_t find_ip(const uint8_t *frame, size_t length) {
  size_t at = ETH_HLEN;
  for (int tags = 0; at <= length; tags++, at += TAG) {
    unsigned type = word(frame + at - 2);
    if (type == ETH_P_IP || type == ETH_P_IPV6) return at;
    if ((type != ETH_P_8021Q && type != ETH_P_8021AD) || tags == MOST_TAGS) break;
  }
  return length;
}

/* What follows IPv4's header: its protocol, or -1. `at` is moved to it. */
static int skip_ipv4(const uint8_t *packet, size_t length, size_t *at) {
  const uint8_t *ip = packet + *at; /* one byte at least */
  size_t header = (size_t)(ip[0] & 15) * 4;
  if (header < IPV4_HEADER || header > length - *at || (word(ip + 6) & 0x1fff) != 0) return -1;
  *at += header;
  return ip[9];
}

/* The same for IPv6 and its extension headers. */
static int skip_ipv6(const uint8_t *packet, size_t length, size_t *at) {
  if (length - *at < IPV6_HEADER) return -1;
  int next = packet[*at + 6];
  *at += IPV6_HEADER;
  for (int i = 0; i < MOST_EXTENSIONS; i++) {
    if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS && next != IPPROTO_FRAGMENT) break;
    if (length - *at < FRAGMENT_HEADER) return -1;
    const uint8_t *extension = packet + *at;
    bool fragment = next == IPPROTO_FRAGMENT;
    size_t size = fragment ? FRAGMENT_HEADER : ((size_t)extension[1] + 1) * 8;
    if (size > length - *at || (fragment && (word(extension + 2) & 0xfff8) != 0)) return -1;
    next = extension[0];
    *at += size;
  }
  return next;
}

static bool find_transport(const uint8_t *packet, size_t length, bool ethernet, transport *found) {
  size_t at = ethernet ? find_ip(packet, length) : 0, ip = at;
  if (at >= length) return false;
  unsigned version = packet[at] >> 4;
  int protocol = version == 4 ? skip_ipv4(packet, length, &at) : version == 6 ? skip_ipv6(packet, length, &at) : -1;
  bool tcp = protocol == IPPROTO_TCP;
  if (!tcp && protocol != IPPROTO_UDP) return false;
  size_t room = length - at, header = tcp ? TCP_HEADER : UDP_HEADER;
  if (room < header) return false;
  if (tcp) {
    header = (size_t)(packet[at + TCP_DATA_OFFSET] >> 4) * 4;
    if (header < TCP_HEADER || header > room) return false;
  }
  *found = (transport){
      .at = at,
      .checksum = tcp ? TCP_CHECKSUM : UDP_CHECKSUM,
      .end = at + header,
      .tcp = tcp,
      .ipv6 = version == 6,
      .extended = version == 6 && at > ip + IPV6_HEADER,
  };
  return true;
}

/* ---- in ---- */

/* UDP of the older kind (UFO) is one datagram that was not cut into fragments: an ordinary packet. */
static uint16_t segment_size(const vnet_header *header) {
  switch (header->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
    case VIRTIO_NET_HDR_GSO_TCPV4:
    case VIRTIO_NET_HDR_GSO_TCPV6:
    case VIRTIO_NET_HDR_GSO_UDP_L4: return header->gso_size;
    default: return 0;
  }
}

/* The field holds the sum of the pseudo header, or 0: with it the sum over all is the one to complement (RFC 1071). */
static void finish_checksum(uint8_t *packet, size_t length, size_t start, size_t field) {
  uint64_t sum = 0;
  size_t at = start;
  for (; at + 1 < length; at += 2) sum += word(packet + at);
  if (at < length) sum += (unsigned)packet[at] << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  unsigned checksum = ~(unsigned)sum & 0xffff;
  if (checksum == 0) checksum = 0xffff; /* the same number, and to UDP 0 says that there is none */
  packet[field] = (uint8_t)(checksum >> 8);
  packet[field + 1] = (uint8_t)checksum;
}

bool vnet_read(const vnet_header *header, uint8_t *packet, size_t length, bool ethernet, vnet_marks *marks) {
  marks->segment_size = segment_size(header);
  if (!(header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)) {
    marks->checksum = header->flags & VIRTIO_NET_HDR_F_DATA_VALID ? CHECKSUM_VALID : CHECKSUM_NONE;
    return true;
  }
  size_t start = header->csum_start, field = start + header->csum_offset;
  if (field + 2 > length) return false;
  bool many = marks->segment_size != 0;
  transport t;
  bool usual = find_transport(packet, length, ethernet, &t) && t.at == start && t.checksum == header->csum_offset;
  /* Not everybody who finishes checksums on the way looks for them behind extension headers. */
  if (usual && (many || !t.extended)) {
    marks->checksum = CHECKSUM_PARTIAL;
    return true;
  }
  if (many) return false;
  finish_checksum(packet, length, start, field);
  marks->checksum = CHECKSUM_NONE;
  return true;
}

/* ---- out ---- */

static uint8_t gso_type(const uint8_t *packet, const transport *t) {
  if (!t->tcp) return VIRTIO_NET_HDR_GSO_UDP_L4;
  uint8_t type = t->ipv6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
  /* RFC 3168 §6.1.2: the first of the segments says that the window was reduced, none of the others. */
  return packet[t->at + TCP_FLAGS] & TCP_CWR ? type | VIRTIO_NET_HDR_GSO_ECN : type;
}

bool vnet_write(vnet_header *header, const uint8_t *packet, size_t length, bool ethernet, vnet_marks marks) {
  memset(header, 0, VNET_HEADER);
  if (marks.checksum != CHECKSUM_PARTIAL) return marks.segment_size == 0;
  transport t;
  if (!find_transport(packet, length, ethernet, &t)) return false;
  header->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
  header->csum_start = (uint16_t)t.at;
  header->csum_offset = (uint16_t)t.checksum;
  /* With it the kernel puts the headers into one piece of memory, and the payload into whole pages. */
  header->hdr_len = (uint16_t)t.end;
  if (marks.segment_size == 0 || length - t.end <= marks.segment_size) return true;
  header->gso_type = gso_type(packet, &t);
  header->gso_size = marks.segment_size;
  return true;
}
