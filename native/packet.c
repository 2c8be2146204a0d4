/*
 * In front of each frame, both ways, stands a virtio_net_hdr: it says which checksum is unfinished, as it is on frames
 * that were never on a wire (a veth's), and of how many segments a frame longer than the MTU was merged (GRO). What is sent
 * so the card completes and cuts, or the kernel before it.
 */
#define _GNU_SOURCE /* recvmmsg, sendmmsg */
#include "packet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "vnet.h"

/* Of Linux 4.20, for older headers. */
#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

enum {
  /* Of one system call. */
  MAX_FRAMES = 64,
  ADDRESSES = 12,
  TAG = 4,
  /*
   * Room for the header, 65,535 bytes behind an Ethernet header and two tags, rounded up to a cache line beyond a
   * multiple of the page's size: else the beginnings of all frames would share one set of the processor's cache.
   * What is not written to takes no memory.
   */
  SLOT = 65600,
};

/* ---- in ---- */

/* The kernel has taken the VLAN tag out of the frame (packet(7), PACKET_AUXDATA). Returns false when there was none. */
static bool stripped_tag(struct msghdr *message, uint8_t tag[TAG]) {
  for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
    if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA) continue;
    struct tpacket_auxdata auxdata;
    memcpy(&auxdata, CMSG_DATA(c), sizeof auxdata);
    if (!(auxdata.tp_status & TP_STATUS_VLAN_VALID)) return false;
    uint16_t protocol = htons(auxdata.tp_status & TP_STATUS_VLAN_TPID_VALID ? auxdata.tp_vlan_tpid : ETH_P_8021Q);
    uint16_t control = htons(auxdata.tp_vlan_tci);
    memcpy(tag, &protocol, 2);
    memcpy(tag + 2, &control, 2);
    return true;
  }
  return false;
}

/* Makes row `row` of what lies in `slot`. Returns false when nothing can be made of it. */
static bool take(const arrivals *into, uint32_t row, uint8_t *slot, struct msghdr *message, size_t length) {
  if (message->msg_flags & MSG_TRUNC || length < VNET_HEADER + ETH_HLEN) return false;
  vnet_header header;
  vnet_marks marks;
  memcpy(&header, slot, VNET_HEADER);
  size_t front = VNET_HEADER;
  if (!vnet_read(&header, slot + front, length - front, true, &marks)) return false;
  uint8_t tag[TAG];
  if (stripped_tag(message, tag)) {
    front -= TAG;
    memmove(slot + front, slot + VNET_HEADER, ADDRESSES);
    memcpy(slot + front + ADDRESSES, tag, TAG);
  }
  into->offsets[row] = (int32_t)(slot + front - into->packets);
  into->lengths[row] = (int32_t)(length - front);
  into->segment_sizes[row] = marks.segment_size;
  into->checksums[row] = marks.checksum;
  return true;
}

static uint32_t packet_receive(device *d, const arrivals *into, bool *more, int *error) {
  (void)more; /* it has one room, which takes all of a system call */
  struct mmsghdr messages[MAX_FRAMES];
  struct iovec places[MAX_FRAMES];
  _Alignas(struct cmsghdr) uint8_t control[MAX_FRAMES][CMSG_SPACE(sizeof(struct tpacket_auxdata))];
  unsigned slots = (unsigned)(into->capacity / SLOT);
  if (slots > MAX_FRAMES) slots = MAX_FRAMES;
  memset(messages, 0, slots * sizeof *messages);
  for (unsigned i = 0; i < slots; i++) {
    places[i] = (struct iovec){.iov_base = into->packets + (size_t)i * SLOT, .iov_len = SLOT};
    messages[i].msg_hdr.msg_iov = &places[i];
    messages[i].msg_hdr.msg_iovlen = 1;
    messages[i].msg_hdr.msg_control = control[i];
    messages[i].msg_hdr.msg_controllen = sizeof control[i];
  }
  int n;
  do n = recvmmsg(d->file, messages, slots, MSG_DONTWAIT, NULL);
  while (n < 0 && errno == EINTR);
  if (n < 0) {
    if (errno == EINVAL) d->counters[DROPPED_UNREADABLE]++; /* merged in a way that the header has no words for */
    /* ENETDOWN: it went down, of which there are news, too. */
    else if (errno != EAGAIN && errno != ENETDOWN) *error = errno;
    return 0;
  }
  uint32_t count = 0;
  for (int i = 0; i < n; i++) {
    if (take(into, count, places[i].iov_base, &messages[i].msg_hdr, messages[i].msg_len)) {
      d->counters[RECEIVED_BYTES] += (uint64_t)into->lengths[count];
      if (into->segment_sizes[count] != 0) d->counters[RECEIVED_SUPER_SEGMENTS]++;
      count++;
    } else {
      d->counters[DROPPED_UNREADABLE]++;
    }
  }
  d->counters[RECEIVED] += count;
  return count;
}

/* ---- out ---- */

/* The kernel did not take a frame. Returns false when it may be offered again later. */
static bool refused(device *d, int error) {
  if (error == EAGAIN) return false;
  bool down = error == ENETDOWN || error == ENXIO; /* ENXIO: deleted */
  d->counters[down ? DROPPED_DOWN : DROPPED_REFUSED]++; /* among others ENOBUFS: the card's queue is full */
  return true;
}

static uint32_t packet_send(device *d, const rows *from, uint32_t first, uint32_t count, bool *full) {
  struct mmsghdr messages[MAX_FRAMES];
  struct iovec parts[MAX_FRAMES][2];
  vnet_header headers[MAX_FRAMES];
  uint32_t taken = 0;
  while (taken < count && (size_t)first + taken < from->rows) {
    unsigned ready = 0;
    while (ready < MAX_FRAMES && taken + ready < count && (size_t)first + taken + ready < from->rows) {
      size_t row = (size_t)first + taken + ready, length = 0;
      const uint8_t *frame = row_bytes(from, row, &length);
      const vnet_marks marks = {.segment_size = from->segment_sizes[row], .checksum = from->checksums[row]};
      if (frame == NULL || !vnet_write(&headers[ready], frame, length, true, marks)) break;
      parts[ready][0] = (struct iovec){.iov_base = &headers[ready], .iov_len = VNET_HEADER};
      parts[ready][1] = (struct iovec){.iov_base = (void *)frame, .iov_len = length};
      messages[ready] = (struct mmsghdr){.msg_hdr = {.msg_iov = parts[ready], .msg_iovlen = 2}};
      ready++;
    }
    if (ready == 0) { /* a row outside of the memory, or that is not what it says */
      d->counters[DROPPED_REFUSED]++;
      taken++;
      continue;
    }
    int n = sendmmsg(d->file, messages, ready, MSG_DONTWAIT);
    if (n < 0) {
      if (errno == EINTR) continue;
      if (!refused(d, errno)) {
        *full = true;
        break;
      }
      taken++;
      continue;
    }
    for (int i = 0; i < n; i++) {
      d->counters[SENT_BYTES] += parts[i][1].iov_len;
      if (from->segment_sizes[first + taken + (uint32_t)i] != 0) d->counters[SENT_SUPER_SEGMENTS]++;
    }
    d->counters[SENT] += (uint64_t)n;
    taken += (uint32_t)n;
  }
  return taken;
}

/* ---- state ---- */

static const char *packet_start(device *d) {
  struct sockaddr_ll place = {
      .sll_family = AF_PACKET,
      .sll_protocol = htons(ETH_P_ALL),
      .sll_ifindex = d->index,
  };
  if (bind(d->file, (struct sockaddr *)&place, sizeof place) < 0) return "bind";
  int error;
  socklen_t size = sizeof error;
  getsockopt(d->file, SOL_SOCKET, SO_ERROR, &error, &size); /* ENETDOWN of a device that is down: it will come up */
  return NULL;
}

/* It went down, or was deleted: then its name is gone. */
static int packet_failed(device *d) {
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(d->file, SOL_SOCKET, SO_ERROR, &error, &size) < 0) return errno;
  if (error == EINVAL) d->counters[DROPPED_UNREADABLE]++; /* as in packet_receive, behind frames that were read */
  return error == 0 || error == EINVAL || error == ENETDOWN ? 0 : error;
}

static int packet_identify(device *d) {
  struct ifreq request = {.ifr_ifindex = d->index};
  if (ioctl(d->netlink, SIOCGIFNAME, &request) < 0) return errno;
  memcpy(d->name, request.ifr_name, IFNAMSIZ);
  return 0;
}

static void packet_count(device *d) {
  struct tpacket_stats statistics; /* since the last call */
  socklen_t size = sizeof statistics;
  if (getsockopt(d->file, SOL_PACKET, PACKET_STATISTICS, &statistics, &size) == 0) {
    d->counters[DROPPED_FULL] += statistics.tp_drops;
  }
}

static const device_kind PACKET_KIND = {
    .up_flags = IFF_UP | IFF_RUNNING,
    .room = SLOT,
    .start = packet_start,
    .receive = packet_receive,
    .send = packet_send,
    .failed = packet_failed,
    .identify = packet_identify,
    .count = packet_count,
};

/* ---- settings ---- */

static const char *acquire(device *d) {
  /* Protocol 0: nothing is taken before bind(). */
  d->file = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (d->file < 0) return "socket(AF_PACKET)";
  const char *step = device_find(d);
  if (step != NULL) return step;
  int on = 1;
  if (setsockopt(d->file, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) < 0) return "setsockopt(PACKET_VNET_HDR)";
  if (setsockopt(d->file, SOL_PACKET, PACKET_AUXDATA, &on, sizeof on) < 0) return "setsockopt(PACKET_AUXDATA)";
  /* Saves the copies that the filter refuses; kernels before 4.20 don't know it. */
  setsockopt(d->file, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on);
  return NULL;
}

const char *packet_open(device *d) {
  d->kind = &PACKET_KIND;
  d->file = d->netlink = -1;
  d->ethernet = d->vnet = d->checksum = d->tso = true;
  const char *step = acquire(d);
  return step == NULL ? NULL : device_abandon(d, step);
}

static const char *attach_filter(device *d, const struct sock_filter *code, size_t length) {
  struct sock_fprog program = {.len = (unsigned short)length, .filter = (struct sock_filter *)code};
  int status = setsockopt(d->file, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
  return status < 0 ? "setsockopt(SO_ATTACH_FILTER)" : NULL;
}

/* Refuses what goes out and what is for other cards: the kernel's own traffic is not copied for us. */
static const char *take_ours(device *d, const uint8_t address[HARDWARE_ADDRESS]) {
  uint32_t high;
  uint16_t low;
  memcpy(&high, address, sizeof high);
  memcpy(&low, address + sizeof high, sizeof low);
  const struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 7, 0),
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 1, 4, 0), /* the group bit */
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ntohl(high), 0, 3),
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 4),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ntohs(low), 0, 1),
      BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
      BPF_STMT(BPF_RET | BPF_K, 0),
  };
  return attach_filter(d, code, sizeof code / sizeof *code);
}

/* Refuses what goes out. */
static const char *take_all(device *d) {
  static const struct sock_filter CODE[] = {
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0),
      BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
  };
  return attach_filter(d, CODE, sizeof CODE / sizeof *CODE);
}

const char *packet_listen(device *d, const uint8_t address[HARDWARE_ADDRESS], bool promiscuous) {
  uint8_t own[HARDWARE_ADDRESS];
  const char *step = device_read_address(d, own);
  if (step == NULL) step = promiscuous ? take_all(d) : take_ours(d, address);
  if (step != NULL) return step;
  /* By itself a card lets through what is for its own address and for the kernel's groups. */
  bool same = memcmp(own, address, HARDWARE_ADDRESS) == 0;
  struct packet_mreq membership = {
      .mr_ifindex = d->index,
      .mr_type = same && !promiscuous ? PACKET_MR_ALLMULTI : PACKET_MR_PROMISC,
  };
  int status = setsockopt(d->file, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &membership, sizeof membership);
  return status < 0 ? "setsockopt(PACKET_ADD_MEMBERSHIP)" : NULL;
}

const char *packet_set_buffer(device *d, int bytes) {
  if (setsockopt(d->file, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) == 0) return NULL;
  int status = setsockopt(d->file, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  return status < 0 ? "setsockopt(SO_RCVBUF)" : NULL;
}
