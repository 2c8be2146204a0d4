/*
 * A network device as the kernel sees it: a file that carries its packets, of one of two kinds (tun.c, packet.c), and
 * its settings. Knows nothing of JavaScript.
 *
 * Where a function returns a step: it is the name of the call that failed (errno is set), or NULL.
 */
#ifndef USERNET_DEVICE_H
#define USERNET_DEVICE_H
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "frames.h"

typedef struct device device;
typedef struct steering steering;

/* What the kinds of files do differently. */
typedef struct {
  short up_flags; /* the device's flags that say that packets can pass */
  size_t room;    /* free bytes that receive() needs at least */
  /* Begins to take packets. Returns a step. NULL: it does so from the start. */
  const char *(*start)(device *d);
  /*
   * Reads packets until there are none, the tables are full or a largest one might not fit (then it sets `more`), and
   * returns how many. Sets `error` when the device is gone.
   */
  uint32_t (*receive)(device *d, const arrivals *into, bool *more, int *error);
  /* Sends rows `first … first + count − 1`, and returns how many were taken; sets `full` when it left some. */
  uint32_t (*send)(device *d, const rows *from, uint32_t first, uint32_t count, bool *full);
  /* The file polled as broken. Returns the errno the device is gone with, or 0 to go on. */
  int (*failed)(device *d);
  /* Reads `name`, which can change. Returns 0 or an errno. */
  int (*identify)(device *d);
  /* Brings the counters up to date. NULL: they are. */
  void (*count)(device *d);
} device_kind;

struct device {
  const device_kind *kind;
  int file;    /* -1 once closed */
  int netlink; /* lives as long as `file`; for settings and for news of the device's state */
  char name[IFNAMSIZ];
  int index;
  bool ethernet; /* its packets are frames */
  bool vnet;     /* in front of each stands a virtio_net_hdr (vnet.h) */
  /* What may be sent: unfinished checksums, super-segments of TCP, of UDP. */
  bool checksum, tso, uso;
  /* Of `queues` queues that the device has, this one's number (steering.h); 0 queues: it has one, and nothing is steered. */
  uint32_t queue, queues;
  steering *steering; /* once it has joined */
  bool up;
  uint32_t mtu;
  uint64_t counters[COUNTERS];
};

/* MAX_TAP_QUEUES of drivers/net/tun.c. */
enum { MAX_QUEUES = 256 };

enum { HARDWARE_ADDRESS = 6 };

/* Finds the index of `name`, for what follows. Returns a step. */
const char *device_find(device *d);

/* Closes the files (a device that we created is gone then). Idempotent. */
void device_close(device *d);

/* Closes the files of a device that could not be opened, errno kept. Returns `step`. */
const char *device_abandon(device *d, const char *step);

/* Each returns a step. */
const char *device_set_mtu(device *d, int mtu);
const char *device_set_queue(device *d, int packets);
const char *device_set_up(device *d, bool up);

/* The card's address, which an Ethernet device has; EINVAL for others. Returns a step. */
const char *device_read_address(device *d, uint8_t address[HARDWARE_ADDRESS]);

/* Reads `up` and `mtu`. Returns 0 or an errno. */
int device_read_state(device *d);

/* Reads `name`, `up` and `mtu` after somebody may have changed them. Returns 0, or an errno when the device is gone. */
int device_refresh(device *d);

/* Brings `counters` up to date. */
void device_count(device *d);

#endif
