/*
 * Packets between a device's file and the memory that JavaScript sees: the shapes of both directions, and what is
 * counted. Knows nothing of JavaScript.
 */
#ifndef USERNET_FRAMES_H
#define USERNET_FRAMES_H
#include <stddef.h>
#include <stdint.h>

enum {
  /* Rows of the tables. */
  MAX_PACKETS = 256,
  /* Rooms for packets that are lent at a time. */
  ROOMS = 4,
  /* Four tables: offsets and lengths (4 bytes a row), segment sizes (2), checksum marks (1). Behind them which room is filled first, and how many rows are in each that was. */
  TABLE_BYTES = MAX_PACKETS * (4 + 4 + 2 + 1) + (1 + ROOMS) * 4,
};

/* Marks of src/buffer/batch.ts. */
enum checksum_mark { CHECKSUM_NONE, CHECKSUM_VALID, CHECKSUM_PARTIAL };

/* In the order of counters() in src/node/addon.ts. */
enum counter {
  RECEIVED,
  RECEIVED_BYTES,
  SENT,
  SENT_BYTES,
  DROPPED_DOWN,
  DROPPED_REFUSED,
  DROPPED_FULL,
  DROPPED_UNREADABLE,
  RECEIVED_SUPER_SEGMENTS,
  SENT_SUPER_SEGMENTS,
  COUNTERS
};

/* Where packets of one wake-up go: row i is the packet at packets[offsets[i]]. */
typedef struct {
  int32_t *offsets;
  int32_t *lengths;
  uint16_t *segment_sizes;
  uint8_t *checksums;
  uint8_t *packets;
  size_t capacity; /* of `packets` */
  uint32_t rows;   /* that are free */
} arrivals;

/* Packets as JavaScript lends them for sending: number i begins at bytes[offsets[i]] and has lengths[i] bytes. */
typedef struct {
  const uint8_t *bytes;
  size_t size;
  const int32_t *offsets;
  const int32_t *lengths;
  const uint8_t *checksums;
  const uint16_t *segment_sizes;
  size_t rows;
} rows;

/* Row `i` as it is lent: where it begins, or NULL when it does not lie in the memory. */
static inline const uint8_t *row_bytes(const rows *from, size_t i, size_t *length) {
  int64_t offset = from->offsets[i];
  int64_t size = from->lengths[i];
  if (offset < 0 || size < 0 || offset + size > (int64_t)from->size) return NULL;
  *length = (size_t)size;
  return from->bytes + offset;
}

#endif
