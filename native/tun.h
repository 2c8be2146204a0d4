/* TUN and TAP devices: the file is /dev/net/tun, and a device that it made is gone with it. */
#ifndef USERNET_TUN_H
#define USERNET_TUN_H
#include "device.h"

/*
 * Makes or takes the device called `name`, and sets `created`. With `offload` the kernel is asked for as much of it as it
 * has. Where `queues` is set it opens the queue `queue` of as many (steering.h). Returns a step; nothing is open when it failed.
 */
const char *tun_open(device *d, bool tap, bool offload, bool *created);

#endif
