/* As much of TCP as it takes when no packet is lost. */
#include "ceiling.h"

enum flags { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

enum { OUR_SCALE = 7, SLAB = 256 * 1024, LARGEST_PAYLOAD = LARGEST_PACKET - IP_HEADER - TCP_HEADER };

typedef struct {
  bool open, finished, listed;
  bool answer; /* an acknowledgement is owed */
  uint16_t port, local, mss;
  uint8_t scale;
  uint32_t client; /* address, network order */
  uint32_t rcv_nxt, snd_nxt, snd_una, snd_wnd;
} connection;

/* By the thousands of our port, and the client's: of the services below 1000 a run uses one. */
static connection connections[ECHO_PORTS][65536];
static connection *touched[65536];
static size_t touched_count;

/* What an application would have: bytes to send, and room for what was received, which stays in the cache. */
static uint8_t source[LARGEST_PACKET], received[SLAB];
static size_t received_at;

static void touch(connection *k) {
  if (k->listed) return;
  k->listed = true;
  touched[touched_count++] = k;
}

/* Sends a segment; `payload` is copied once, with its sum where the device does not compute it. */
static void emit(ceiling *c, connection *k, int flags, const uint8_t *payload, size_t length) {
  packet p = packet_new(c);
  size_t header = TCP_HEADER + ((flags & SYN) != 0 ? 8 : 0);
  uint8_t *tcp = p.ip + IP_HEADER;
  p.length = IP_HEADER + header + length;
  ip_header(c, p.ip, p.length, IPPROTO_TCP, k->client);
  put16(tcp, k->local);
  put16(tcp + 2, k->port);
  put32(tcp + 4, k->snd_nxt);
  put32(tcp + 8, k->rcv_nxt);
  tcp[12] = (uint8_t)(header / 4 << 4);
  tcp[13] = (uint8_t)flags;
  put16(tcp + 14, (flags & SYN) != 0 ? 65535 : (uint32_t)(c->window >> OUR_SCALE));
  put32(tcp + 16, 0);
  if ((flags & SYN) != 0) {
    put32(tcp + 20, 0x02040000 | (uint32_t)(c->mtu - IP_HEADER - TCP_HEADER));
    put32(tcp + 24, 0x01030300 | OUR_SCALE);
  }
  uint64_t sum = sum_pseudo_header(p.ip, header + length);
  uint16_t checksum;
  if (p.offload == NULL) {
    sum = sum_copy(tcp + header, payload, length, sum);
    checksum = (uint16_t)~fold(sum_bytes(tcp, header, sum));
  } else {
    memcpy(tcp + header, payload, length);
    checksum = fold(sum);
    p.offload->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    p.offload->csum_start = IP_HEADER;
    p.offload->csum_offset = 16;
    if (length > k->mss) {
      p.offload->gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
      p.offload->gso_size = k->mss;
      p.offload->hdr_len = IP_HEADER + TCP_HEADER;
    }
  }
  memcpy(tcp + 16, &checksum, 2);
  packet_write(c, &p);
  k->snd_nxt += (uint32_t)length + ((flags & (SYN | FIN)) != 0);
  k->answer = false;
}

static void read_options(connection *k, const uint8_t *tcp, size_t header) {
  k->mss = 536;
  k->scale = 0;
  for (size_t at = TCP_HEADER; at + 1 < header && tcp[at] != 0;) {
    if (tcp[at] == 1) {
      at++;
      continue;
    }
    if (tcp[at] == 2) k->mss = get16(tcp + at + 2);
    if (tcp[at] == 3) k->scale = tcp[at + 2];
    if (tcp[at + 1] < 2) return;
    at += tcp[at + 1];
  }
}

static void on_syn(ceiling *c, connection *k, const packet *p, const uint8_t *tcp, size_t header) {
  bool listed = k->listed;
  memset(k, 0, sizeof *k);
  k->listed = listed;
  k->open = true;
  k->port = get16(tcp);
  k->local = get16(tcp + 2);
  memcpy(&k->client, p->ip + 12, 4);
  k->rcv_nxt = get32(tcp + 4) + 1;
  k->snd_una = k->snd_nxt = k->rcv_nxt * 2654435761u;
  read_options(k, tcp, header);
  if (k->mss > c->mtu - IP_HEADER - TCP_HEADER) k->mss = (uint16_t)(c->mtu - IP_HEADER - TCP_HEADER);
  emit(c, k, SYN | ACK, source, 0);
}

/* Takes the payload; false when its checksum is wrong. */
static bool take(const ceiling *c, const packet *p, const uint8_t *payload, size_t length) {
  uint8_t *to = received + received_at;
  received_at += length;
  if (received_at > SLAB - LARGEST_PACKET) received_at = 0;
  if (c->offload) {
    memcpy(to, payload, length);
    return true;
  }
  const uint8_t *tcp = p->ip + IP_HEADER;
  uint64_t sum = sum_pseudo_header(p->ip, p->length - IP_HEADER);
  sum = sum_bytes(tcp, (size_t)(payload - tcp), sum);
  return fold(sum_copy(to, payload, length, sum)) == 0xffff;
}

void tcp_input(ceiling *c, const packet *p) {
  const uint8_t *tcp = p->ip + IP_HEADER;
  size_t header = (size_t)(tcp[12] >> 4) * 4;
  if (p->length < IP_HEADER + header || header < TCP_HEADER) return;
  const uint8_t *payload = tcp + header;
  size_t length = p->length - IP_HEADER - header;
  int flags = tcp[13];
  uint16_t local = get16(tcp + 2);
  if (local / ECHO_STEP >= ECHO_PORTS) return;
  connection *k = &connections[local / ECHO_STEP][get16(tcp)];
  if ((flags & SYN) != 0) return on_syn(c, k, p, tcp, header);
  if ((flags & RST) != 0) k->open = false;
  if (!k->open) return;
  if ((int32_t)(get32(tcp + 8) - k->snd_una) > 0) k->snd_una = get32(tcp + 8);
  k->snd_wnd = (uint32_t)get16(tcp + 14) << k->scale;
  if (length > 0 || (flags & FIN) != 0) {
    k->answer = true;
    /* Nothing is lost or out of order here; if it is, the acknowledgement makes the kernel send it again. */
    if (get32(tcp + 4) == k->rcv_nxt && take(c, p, payload, length)) {
      k->rcv_nxt += (uint32_t)length;
      if (k->local % ECHO_STEP == PORT_ECHO && length > 0) emit(c, k, PSH | ACK, payload, length);
      if ((flags & FIN) != 0) {
        k->rcv_nxt++;
        k->finished = true;
        emit(c, k, FIN | ACK, source, 0);
      }
    }
  }
  if (k->answer || k->local == PORT_CHARGEN) touch(k);
}

/* As much as the windows have room for, in the largest segments. */
static void send_bulk(ceiling *c, connection *k) {
  size_t largest = k->mss;
  if (c->offload) largest = LARGEST_PAYLOAD / largest * largest;
  size_t window = k->snd_wnd < c->window ? k->snd_wnd : c->window;
  for (;;) {
    size_t in_flight = k->snd_nxt - k->snd_una;
    if (in_flight + largest > window) {
      /* A window smaller than a segment must not stall. */
      if (in_flight > 0 || window < k->mss) return;
      largest = window;
    }
    emit(c, k, ACK | PSH, source, largest);
  }
}

void tcp_flush(ceiling *c) {
  for (size_t i = 0; i < touched_count; i++) {
    connection *k = touched[i];
    k->listed = false;
    if (!k->open) continue;
    if (k->local == PORT_CHARGEN && !k->finished) send_bulk(c, k);
    if (k->answer) emit(c, k, ACK, source, 0);
  }
  touched_count = 0;
}
