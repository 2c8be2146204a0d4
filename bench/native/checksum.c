/* The Internet checksum (RFC 1071) in the machine's byte order: the sum of 32-bit words, folded at the end. */
#include "ceiling.h"

static uint64_t sum_tail(const uint8_t *from, size_t length, uint64_t sum) {
  uint32_t word = 0;
  for (; length >= 4; length -= 4, from += 4) {
    memcpy(&word, from, 4);
    sum += word;
  }
  word = 0;
  memcpy(&word, from, length);
  return sum + word;
}

uint64_t sum_bytes(const uint8_t *from, size_t length, uint64_t sum) {
  uint64_t low = 0, high = 0;
  for (; length >= 32; length -= 32, from += 32) {
    uint64_t words[4];
    memcpy(words, from, 32);
    for (int i = 0; i < 4; i++) {
      low += (uint32_t)words[i];
      high += words[i] >> 32;
    }
  }
  return sum_tail(from, length, sum + low + high);
}

uint64_t sum_copy(uint8_t *to, const uint8_t *from, size_t length, uint64_t sum) {
  uint64_t low = 0, high = 0;
  for (; length >= 32; length -= 32, from += 32, to += 32) {
    uint64_t words[4];
    memcpy(words, from, 32);
    memcpy(to, words, 32);
    for (int i = 0; i < 4; i++) {
      low += (uint32_t)words[i];
      high += words[i] >> 32;
    }
  }
  memcpy(to, from, length);
  return sum_tail(from, length, sum + low + high);
}

uint16_t fold(uint64_t sum) {
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)sum;
}

uint64_t sum_pseudo_header(const uint8_t *ip, size_t length) {
  uint8_t rest[4] = {0, ip[9], (uint8_t)(length >> 8), (uint8_t)length};
  return sum_tail(rest, 4, sum_tail(ip + 12, 8, 0));
}

void ip_header(const ceiling *c, uint8_t *ip, size_t length, uint8_t protocol, uint32_t to) {
  static uint16_t identification;
  memset(ip, 0, IP_HEADER);
  ip[0] = 0x45;
  put16(ip + 2, (uint32_t)length);
  put16(ip + 4, identification++);
  ip[6] = 0x40; /* don't fragment */
  ip[8] = 64;
  ip[9] = protocol;
  memcpy(ip + 12, &c->address, 4);
  memcpy(ip + 16, &to, 4);
  uint16_t checksum = (uint16_t)~fold(sum_tail(ip, IP_HEADER, 0));
  memcpy(ip + 10, &checksum, 2);
}
