/*
 * A TUN or TAP device as the kernel sees it: one /dev/net/tun file and its settings. Knows nothing of JavaScript.
 *
 * Where a function returns a step: it is the name of the call that failed (errno is set), or NULL.
 */
#ifndef USERNET_DEVICE_H
#define USERNET_DEVICE_H
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
  int tun;     /* the device's file, -1 once closed */
  int netlink; /* lives as long as `tun`; for settings and for news of the device's state */
  char name[IFNAMSIZ];
  int index;
  bool up;
  uint32_t mtu;
} device;

/* Makes or takes the device called `name`, and sets `created`. Returns a step; nothing is open when it failed. */
const char *device_open(device *d, bool tap, bool *created);

/* Closes the files (a device that we created is gone then). Idempotent. */
void device_close(device *d);

/* Each returns a step. */
const char *device_set_mtu(device *d, int mtu);
const char *device_set_queue(device *d, int packets);
const char *device_set_up(device *d, bool up);

/* Reads `up` and `mtu`. Returns 0 or an errno. */
int device_read_state(device *d);

/* Reads `name`, `up` and `mtu` after somebody may have changed them. Returns 0, or an errno when the device is gone. */
int device_refresh(device *d);

#endif
