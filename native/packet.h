/*
 * Packet sockets, packet(7): Ethernet frames of a card that is there already, a veth's end or a real one, which the
 * kernel goes on using. The socket takes what comes in from the wire, not what the kernel sends.
 */
#ifndef USERNET_PACKET_H
#define USERNET_PACKET_H
#include "device.h"

/* Opens a socket for the Ethernet device called `name`. Returns a step; nothing is open when it failed. */
const char *packet_open(device *d);

/* Before the start: takes frames to `address` and to groups, or, promiscuous, to everybody. Returns a step. */
const char *packet_listen(device *d, const uint8_t address[HARDWARE_ADDRESS], bool promiscuous);

/* How many bytes of frames may wait; without CAP_NET_ADMIN at most net.core.rmem_max. Returns a step. */
const char *packet_set_buffer(device *d, int bytes);

#endif
