/* One read or write is one packet. */
#include "tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* 65,535 bytes, an Ethernet header, rounded up: a read into less room truncates the packet without an error. */
enum { LARGEST_READ = 65550 };

static uint32_t tun_receive(device *d, const arrivals *into, int *error) {
  size_t at = 0;
  uint32_t count = 0;
  while (count < MAX_PACKETS && at + LARGEST_READ <= into->capacity) {
    ssize_t n = read(d->file, into->packets + at, LARGEST_READ);
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno == EBADFD) *error = ENODEV; /* how a deleted device's file answers */
      else if (errno != EAGAIN) *error = errno;
      break;
    }
    into->offsets[count] = (int32_t)at;
    into->lengths[count] = (int32_t)n;
    into->segment_sizes[count] = 0;
    into->checksums[count] = CHECKSUM_NONE;
    d->counters[RECEIVED_BYTES] += (uint64_t)n;
    count++;
    at = (at + (size_t)n + 7) & ~(size_t)7;
  }
  d->counters[RECEIVED] += count;
  return count;
}

static uint32_t tun_send(device *d, const rows *from, uint32_t first, uint32_t count, bool *full) {
  uint32_t taken = 0;
  while (taken < count && (size_t)first + taken < from->rows) {
    size_t length = 0;
    const uint8_t *packet = row_bytes(from, (size_t)first + taken, &length);
    if (packet == NULL) {
      d->counters[DROPPED_REFUSED]++;
    } else if (write(d->file, packet, length) >= 0) {
      d->counters[SENT]++;
      d->counters[SENT_BYTES] += length;
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

static const char *acquire(device *d, bool tap, bool *created) {
  d->file = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (d->file < 0) return "open";

  struct ifreq request = {0};
  memcpy(request.ifr_name, d->name, IFNAMSIZ);
  short flags = (short)((tap ? IFF_TAP : IFF_TUN) | IFF_NO_PI);
  request.ifr_flags = (short)(flags | IFF_TUN_EXCL);
  *created = ioctl(d->file, TUNSETIFF, &request) == 0;
  if (!*created) {
    if (errno != EBUSY) return "ioctl(TUNSETIFF)";
    memcpy(request.ifr_name, d->name, IFNAMSIZ); /* it exists */
    request.ifr_flags = flags;
    if (ioctl(d->file, TUNSETIFF, &request) < 0) return "ioctl(TUNSETIFF)";
  }
  memcpy(d->name, request.ifr_name, IFNAMSIZ);
  /* Its last user may have left offloads behind, with which it would hand us super-segments. */
  if (ioctl(d->file, TUNSETOFFLOAD, 0) < 0) return "ioctl(TUNSETOFFLOAD)";
  return device_find(d);
}

const char *tun_open(device *d, bool tap, bool *created) {
  d->kind = &TUN_KIND;
  d->file = d->netlink = -1;
  const char *step = acquire(d, tap, created);
  return step == NULL ? NULL : device_abandon(d, step);
}
