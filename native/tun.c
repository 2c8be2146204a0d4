/*
 * One read or write is one packet. With offload a virtio_net_hdr goes in front of it, in a place of its own: the packets lie in
 * memory as without.
 */
#include "tun.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "steering.h"
#include "vnet.h"

/* Of Linux 6.2, for older headers. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

/*
 * 65,535 bytes behind an Ethernet header and two tags, and a byte more, rounded up: a read into less room truncates the packet
 * without an error, and one that fills it has done so.
 */
enum { LARGEST_READ = 65560 };

/* One packet and what is said of it. Returns its length, 0 when nothing can be made of it, or -1 and errno. */
static ssize_t read_packet(const device *d, uint8_t *packet, vnet_marks *marks) {
  vnet_header header;
  struct iovec parts[] = {{&header, VNET_HEADER}, {packet, LARGEST_READ}};
  size_t front = d->vnet ? VNET_HEADER : 0;
  ssize_t n = d->vnet ? readv(d->file, parts, 2) : read(d->file, packet, LARGEST_READ);
  if (n < 0) return -1;
  if ((size_t)n <= front || (size_t)n == front + LARGEST_READ) return 0;
  n -= (ssize_t)front;
  *marks = (vnet_marks){.checksum = CHECKSUM_NONE};
  return !d->vnet || vnet_read(&header, packet, (size_t)n, d->ethernet, marks) ? n : 0;
}

static uint32_t tun_receive(device *d, const arrivals *into, bool *more, int *error) {
  size_t at = 0;
  uint32_t count = 0;
  for (uint32_t reads = 0; reads < into->rows; reads++) {
    if (at + LARGEST_READ > into->capacity) {
      *more = true;
      break;
    }
    vnet_marks marks;
    ssize_t n = read_packet(d, into->packets + at, &marks);
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno == EBADFD) *error = ENODEV; /* how a deleted device's file answers */
      else if (errno != EAGAIN) *error = errno;
      break;
    }
    if (n == 0) {
      d->counters[DROPPED_UNREADABLE]++;
      continue;
    }
    into->offsets[count] = (int32_t)at;
    into->lengths[count] = (int32_t)n;
    into->segment_sizes[count] = marks.segment_size;
    into->checksums[count] = marks.checksum;
    d->counters[RECEIVED_BYTES] += (uint64_t)n;
    if (marks.segment_size != 0) d->counters[RECEIVED_SUPER_SEGMENTS]++;
    count++;
    at = (at + (size_t)n + 7) & ~(size_t)7;
  }
  d->counters[RECEIVED] += count;
  return count;
}

/* Returns less than 0, and errno, when the kernel refused it, EINVAL when it can't be what its row says. */
static ssize_t write_packet(const device *d, const rows *from, size_t row, size_t *length) {
  const uint8_t *packet = row_bytes(from, row, length);
  const vnet_marks marks = {.segment_size = from->segment_sizes[row], .checksum = from->checksums[row]};
  const bool plain = marks.segment_size == 0 && marks.checksum != CHECKSUM_PARTIAL;
  vnet_header header;
  if (packet == NULL || (d->vnet ? !vnet_write(&header, packet, *length, d->ethernet, marks) : !plain)) {
    errno = EINVAL;
    return -1;
  }
  if (!d->vnet) return write(d->file, packet, *length);
  const struct iovec parts[] = {{&header, VNET_HEADER}, {(void *)packet, *length}};
  return writev(d->file, parts, 2);
}

static uint32_t tun_send(device *d, const rows *from, uint32_t first, uint32_t count, bool *full) {
  uint32_t taken = 0;
  while (taken < count && (size_t)first + taken < from->rows) {
    size_t row = (size_t)first + taken, length = 0;
    if (write_packet(d, from, row, &length) >= 0) {
      d->counters[SENT]++;
      d->counters[SENT_BYTES] += length;
      if (from->segment_sizes[row] != 0) d->counters[SENT_SUPER_SEGMENTS]++;
    } else if (errno == EINTR) {
      continue;
    } else if (errno == EAGAIN) {
      *full = true;
      break;
    } else { /* EIO: the device is down */
      d->counters[errno == EIO ? DROPPED_DOWN : DROPPED_REFUSED]++;
    }
    taken++;
  }
  return taken;
}

/* POLLERR: the device was deleted. */
static int tun_failed(device *d) {
  (void)d;
  return ENODEV;
}

static int tun_identify(device *d) {
  struct ifreq request = {0};
  if (ioctl(d->file, TUNGETIFF, &request) < 0) return errno == EBADFD ? ENODEV : errno;
  memcpy(d->name, request.ifr_name, IFNAMSIZ);
  return 0;
}

static const device_kind TUN_KIND = {
    .up_flags = IFF_UP,
    .room = LARGEST_READ,
    .receive = tun_receive,
    .send = tun_send,
    .failed = tun_failed,
    .identify = tun_identify,
};

/* ---- the start ---- */

/*
 * Agrees on what the kernel need not do before it hands us packets: of these the first that it knows. USO4 and USO6 it takes
 * only together, and on sending UDP's super-segments it knows of where it has these. Returns a step.
 */
static const char *negotiate(device *d) {
  static const unsigned OFFERS[] = {
      TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN | TUN_F_USO4 | TUN_F_USO6,
      TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN,
      TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6,
      TUN_F_CSUM,
  };
  /* The last user of the device may have left other headers behind. */
  int size = VNET_HEADER, little = BYTE_ORDER == LITTLE_ENDIAN;
  if (ioctl(d->file, TUNSETVNETHDRSZ, &size) < 0) return "ioctl(TUNSETVNETHDRSZ)";
  if (ioctl(d->file, TUNSETVNETLE, &little) < 0) return "ioctl(TUNSETVNETLE)";
  for (size_t i = 0; i < sizeof OFFERS / sizeof *OFFERS; i++) {
    if (ioctl(d->file, TUNSETOFFLOAD, OFFERS[i]) < 0) continue;
    d->checksum = true;
    d->tso = (OFFERS[i] & TUN_F_TSO4) != 0;
    d->uso = (OFFERS[i] & TUN_F_USO4) != 0;
    return NULL;
  }
  return "ioctl(TUNSETOFFLOAD)";
}

static const char *acquire(device *d, bool tap, bool exists, bool *created) {
  d->file = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (d->file < 0) return "open";

  struct ifreq request = {0};
  memcpy(request.ifr_name, d->name, IFNAMSIZ);
  short flags = (short)((tap ? IFF_TAP : IFF_TUN) | IFF_NO_PI | (d->vnet ? IFF_VNET_HDR : 0) | (d->queues > 0 ? IFF_MULTI_QUEUE : 0));
  request.ifr_flags = (short)(flags | IFF_TUN_EXCL);
  *created = !exists && ioctl(d->file, TUNSETIFF, &request) == 0;
  if (!*created) {
    if (!exists && errno != EBUSY) return "ioctl(TUNSETIFF)";
    memcpy(request.ifr_name, d->name, IFNAMSIZ); /* it exists */
    request.ifr_flags = flags;
    if (ioctl(d->file, TUNSETIFF, &request) < 0) return "ioctl(TUNSETIFF)";
  }
  memcpy(d->name, request.ifr_name, IFNAMSIZ);
  if (d->vnet) {
    const char *step = negotiate(d);
    if (step != NULL) return step;
  } else if (ioctl(d->file, TUNSETOFFLOAD, 0) < 0) {
    /* Its last user may have left offloads behind, with which it would hand us super-segments. */
    return "ioctl(TUNSETOFFLOAD)";
  }
  return device_find(d);
}

static const char *open_one(device *d, bool tap, bool offload, bool *created) {
  char wanted[IFNAMSIZ];
  memcpy(wanted, d->name, IFNAMSIZ);
  d->vnet = offload;
  const char *step = acquire(d, tap, false, created);
  if (step == NULL) return NULL;
  device_abandon(d, step);
  if (!offload) return step;
  /* This kernel may have none of it: once more without. */
  memcpy(d->name, wanted, IFNAMSIZ);
  return open_one(d, tap, false, created);
}

/* The first queue finds out what the kernel has, the others have the same. */
static const char *open_queue(device *d, bool tap, bool offload, bool *created) {
  bool known = false;
  *created = false;
  const char *step = steering_admit(d, offload, &known);
  if (step != NULL) return step;
  step = known ? acquire(d, tap, true, created) : open_one(d, tap, offload, created);
  if (step == NULL) step = steering_join(d, offload, created);
  return step == NULL ? NULL : device_abandon(d, step);
}

const char *tun_open(device *d, bool tap, bool offload, bool *created) {
  d->kind = &TUN_KIND;
  d->file = d->netlink = -1;
  d->ethernet = tap;
  d->checksum = d->tso = d->uso = false;
  if (d->queues == 0) return open_one(d, tap, offload, created);
  steering_lock();
  const char *step = open_queue(d, tap, offload, created);
  int error = errno;
  steering_unlock();
  errno = error;
  return step;
}
