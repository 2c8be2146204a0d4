/*
 * virtio_net_hdr, which the kernel puts in front of each packet and expects there: which checksum is unfinished, and of
 * how many segments a packet longer than the MTU is made. Here it becomes the marks of a batch, and is made of them.
 * Knows nothing of devices' files or JavaScript.
 */
#ifndef USERNET_VNET_H
#define USERNET_VNET_H
#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of Linux 6.2, for older headers. */
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

typedef struct virtio_net_hdr vnet_header;

enum { VNET_HEADER = sizeof(vnet_header) };

/* What a row of a batch says beyond the packet's bytes. */
typedef struct {
  uint16_t segment_size; /* bytes of payload of each segment, headers and their options not counted; 0: no super-segment */
  uint8_t checksum;      /* enum checksum_mark */
} vnet_marks;

/*
 * Reads the marks of a packet that has arrived. An unfinished checksum that the marks have no words for, as of a packet
 * inside of a tunnel, is finished in the packet. Returns false when nothing can be made of it.
 */
bool vnet_read(const vnet_header *header, uint8_t *packet, size_t length, bool ethernet, vnet_marks *marks);

/* Writes the header of a packet that is to be sent. Returns false when it is not what the marks say. */
bool vnet_write(vnet_header *header, const uint8_t *packet, size_t length, bool ethernet, vnet_marks marks);

#endif
