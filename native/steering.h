/*
 * A TUN device with several queues, each a stack's of a worker (IFF_MULTI_QUEUE): which queue a packet goes to.
 *
 * The kernel's own way remembers for three seconds which queue a flow was last sent from (drivers/net/tun.c, TUN_FLOW_EXPIRE);
 * after that it goes by a hash that nobody else knows, to a stack that has never heard of it and would answer RST. So a small
 * BPF program decides instead (TUNSETSTEERINGEBPF), by what stands in the packet alone. src/node/steering.ts does the same sum.
 *
 * All queues of a device are this process's, whose threads share what is kept here.
 */
#ifndef USERNET_STEERING_H
#define USERNET_STEERING_H
#include "device.h"

/* Between these two, nobody else's queue comes or goes. */
void steering_lock(void);
void steering_unlock(void);

/*
 * Before the device is opened, under the lock: refuses a queue that is open (EBUSY), and one that doesn't fit the others
 * (EINVAL); sets `vnet` as these have it. `known`: there are others. Returns a step.
 */
const char *steering_admit(device *d, bool offload, bool *known);

/*
 * Once it is open, under the same lock: the program sends it its packets. `created` is set for all queues of a device that the first has made. Returns
 * a step.
 */
const char *steering_join(device *d, bool offload, bool *created);

/* All queues of the device are open. */
bool steering_complete(const device *d);

/* Closes the file of a queue that has joined; the others keep their flows. */
void steering_leave(device *d);

#endif
