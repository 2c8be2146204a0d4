#include "steering.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/ethtool.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of Linux 4.16, for older headers. */
#ifndef TUNSETSTEERINGEBPF
#define TUNSETSTEERINGEBPF _IOR('T', 224, int)
#endif

/* ---- the program ---- */

/* Stack's side: src/stack/ports.ts, EPHEMERAL_PORTS. */
enum { FIRST_EPHEMERAL = 32768, LAST_EPHEMERAL = 60999 };

/* An instruction, or with `here` the place that jumps with `to` go to. */
typedef enum {
  NOWHERE,
  IPV4,
  IPV6,
  FRAGMENT4,
  FRAGMENT6,
  ARRIVING,
  ERROR4,
  ERROR6,
  QUOTED,
  FLOW,
  ONE_PEER,
  HASH,
  FIRST,
  FIND,
  PLACES
} place;
typedef enum { AS_IT_IS, QUEUES, MAP } patch;
typedef struct {
  struct bpf_insn code;
  place here, to;
  patch patch;
} line;

#define CODE(op, dst, src, imm_) .code = {.code = (op), .dst_reg = (dst), .src_reg = (src), .imm = (imm_)}
#define AT(p) {.here = (p)}
/* r0 = bytes of the packet at `at`, or at `at` and a register, in the order of the host. Behind the end: the program returns 0. */
#define LOAD(size, at) {CODE(BPF_LD | BPF_ABS | (size), 0, 0, at)}
#define LOAD_AT(size, reg, at) {CODE(BPF_LD | BPF_IND | (size), 0, reg, at)}
#define MOVE(dst, src) {CODE(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0)}
#define SET(dst, value) {CODE(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, value)}
/* 32 bits wide. */
#define ALU(op, dst, value) {CODE(BPF_ALU | (op) | BPF_K, dst, 0, value)}
#define ALU_REG(op, dst, src) {CODE(BPF_ALU | (op) | BPF_X, dst, src, 0)}
#define JUMP_IF(op, dst, value, p) {CODE(BPF_JMP | (op) | BPF_K, dst, 0, value), .to = (p)}
#define JUMP(p) {CODE(BPF_JMP | BPF_JA, 0, 0, 0), .to = (p)}

enum { R0, R1, R2, R6 = 6, R7, R8, R9, R10 };

/*
 * r6: the packet (LOAD wants it there) · r7: where the header of TCP or UDP begins · r8: the stack's port · r9: the peer's address,
 * its words XORed; then the hash. The packet is on its way to the stack.
 */
static const line PROGRAM[] = {
    MOVE(R6, R1),
    LOAD(BPF_B, 0),
    ALU(BPF_RSH, R0, 4),
    JUMP_IF(BPF_JEQ, R0, 4, IPV4),
    JUMP_IF(BPF_JEQ, R0, 6, IPV6),
    JUMP(FIRST),

    AT(IPV4),
    LOAD(BPF_H, 6), /* all fragments of a datagram go one way, and only the first has ports */
    JUMP_IF(BPF_JSET, R0, 0x3fff, FRAGMENT4),
    LOAD(BPF_B, 0),
    ALU(BPF_AND, R0, 15),
    ALU(BPF_LSH, R0, 2),
    MOVE(R7, R0),
    LOAD(BPF_W, 12),
    MOVE(R9, R0),
    LOAD(BPF_B, 9),
    JUMP_IF(BPF_JEQ, R0, 6, ARRIVING),
    JUMP_IF(BPF_JEQ, R0, 17, ARRIVING),
    JUMP_IF(BPF_JNE, R0, 1, FIRST),
    LOAD_AT(BPF_B, R7, 0),
    JUMP_IF(BPF_JEQ, R0, 3, ERROR4),  /* destination unreachable, with it "fragmentation needed" */
    JUMP_IF(BPF_JEQ, R0, 11, ERROR4), /* time exceeded */
    JUMP_IF(BPF_JEQ, R0, 12, ERROR4), /* parameter problem */
    JUMP(FIRST),

    AT(IPV6),
    SET(R7, 40),
    LOAD(BPF_W, 8),
    MOVE(R9, R0),
    LOAD(BPF_W, 12),
    ALU_REG(BPF_XOR, R9, R0),
    LOAD(BPF_W, 16),
    ALU_REG(BPF_XOR, R9, R0),
    LOAD(BPF_W, 20),
    ALU_REG(BPF_XOR, R9, R0),
    LOAD(BPF_B, 6),
    JUMP_IF(BPF_JEQ, R0, 6, ARRIVING),
    JUMP_IF(BPF_JEQ, R0, 17, ARRIVING),
    JUMP_IF(BPF_JEQ, R0, 44, FRAGMENT6),
    JUMP_IF(BPF_JNE, R0, 58, FIRST),
    LOAD(BPF_B, 40),
    JUMP_IF(BPF_JGE, R0, 128, FIRST), /* RFC 4443 §2.1: no error */
    JUMP(ERROR6),

    /* An error belongs to the flow of the packet that it quotes, which the stack had sent: its source is here. */
    AT(ERROR4),
    ALU(BPF_ADD, R7, 8),
    LOAD_AT(BPF_W, R7, 16),
    MOVE(R9, R0),
    LOAD_AT(BPF_B, R7, 9),
    MOVE(R8, R0),
    LOAD_AT(BPF_B, R7, 0),
    ALU(BPF_AND, R0, 15),
    ALU(BPF_LSH, R0, 2),
    ALU_REG(BPF_ADD, R7, R0),
    JUMP_IF(BPF_JEQ, R8, 6, QUOTED),
    JUMP_IF(BPF_JEQ, R8, 17, QUOTED),
    JUMP(FIRST),

    AT(ERROR6),
    SET(R7, 88), /* 40, 8 of ICMPv6, 40 */
    LOAD(BPF_W, 72),
    MOVE(R9, R0),
    LOAD(BPF_W, 76),
    ALU_REG(BPF_XOR, R9, R0),
    LOAD(BPF_W, 80),
    ALU_REG(BPF_XOR, R9, R0),
    LOAD(BPF_W, 84),
    ALU_REG(BPF_XOR, R9, R0),
    LOAD(BPF_B, 54),
    JUMP_IF(BPF_JEQ, R0, 6, QUOTED),
    JUMP_IF(BPF_JEQ, R0, 17, QUOTED),
    JUMP(FIRST),

    AT(QUOTED),
    LOAD_AT(BPF_H, R7, 0),
    MOVE(R8, R0),
    LOAD_AT(BPF_H, R7, 2),
    JUMP(FLOW),

    AT(ARRIVING),
    LOAD_AT(BPF_H, R7, 2),
    MOVE(R8, R0),
    LOAD_AT(BPF_H, R7, 0),

    /* r0: the peer's port. An ephemeral port is one worker's, whoever the peer is; at others, a listener's, the peers are shared out. */
    AT(FLOW),
    JUMP_IF(BPF_JLT, R8, FIRST_EPHEMERAL, ONE_PEER),
    JUMP_IF(BPF_JGT, R8, LAST_EPHEMERAL, ONE_PEER),
    MOVE(R9, R8),
    JUMP(HASH),

    AT(ONE_PEER),
    ALU(BPF_LSH, R0, 16),
    ALU_REG(BPF_OR, R0, R8),
    ALU_REG(BPF_XOR, R9, R0),
    JUMP(HASH),

    AT(FRAGMENT4),
    LOAD(BPF_W, 12),
    MOVE(R9, R0),
    AT(FRAGMENT6),
    AT(HASH),
    ALU(BPF_MUL, R9, (int32_t)0x9e3779b1),
    MOVE(R0, R9),
    ALU(BPF_RSH, R0, 15),
    ALU_REG(BPF_XOR, R9, R0),
    ALU(BPF_MUL, R9, (int32_t)0x85ebca6b),
    ALU(BPF_RSH, R9, 16),
    {CODE(BPF_ALU | BPF_MUL | BPF_K, R9, 0, 0), .patch = QUEUES},
    ALU(BPF_RSH, R9, 16),
    JUMP(FIND),

    AT(FIRST), /* all else, pings too */
    SET(R9, 0),

    AT(FIND), /* return *map_lookup(map, &r9) */
    {.code = {.code = BPF_STX | BPF_MEM | BPF_W, .dst_reg = R10, .src_reg = R9, .off = -4}},
    {CODE(BPF_LD | BPF_IMM | BPF_DW, R1, BPF_PSEUDO_MAP_FD, 0), .patch = MAP},
    {.code = {0}}, /* the second half of it */
    MOVE(R2, R10),
    {CODE(BPF_ALU64 | BPF_ADD | BPF_K, R2, 0, -4)},
    {CODE(BPF_JMP | BPF_CALL, 0, 0, BPF_FUNC_map_lookup_elem)},
    {.code = {.code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = R0, .off = 1}},
    {CODE(BPF_LDX | BPF_MEM | BPF_W, R0, R0, 0)},
    {CODE(BPF_JMP | BPF_EXIT, 0, 0, 0)},
};
enum { LINES = sizeof PROGRAM / sizeof *PROGRAM };

static int bpf(int command, union bpf_attr *attributes) {
  return (int)syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

static int map_create(uint32_t queues) {
  union bpf_attr attributes = {0};
  attributes.map_type = BPF_MAP_TYPE_ARRAY;
  attributes.key_size = attributes.value_size = sizeof(uint32_t);
  attributes.max_entries = queues;
  return bpf(BPF_MAP_CREATE, &attributes);
}

static void map_set(int map, uint32_t key, uint32_t value) {
  union bpf_attr attributes = {0};
  attributes.map_fd = (uint32_t)map;
  attributes.key = (uintptr_t)&key;
  attributes.value = (uintptr_t)&value;
  bpf(BPF_MAP_UPDATE_ELEM, &attributes); /* of an array it can't fail */
}

static int program_load(uint32_t queues, int map) {
  struct bpf_insn code[LINES];
  size_t places[PLACES] = {0}, count = 0;
  for (size_t i = 0; i < LINES; i++) {
    if (PROGRAM[i].here != NOWHERE) places[PROGRAM[i].here] = count;
    else count++;
  }
  count = 0;
  for (size_t i = 0; i < LINES; i++) {
    const line *l = &PROGRAM[i];
    if (l->here != NOWHERE) continue;
    code[count] = l->code;
    if (l->to != NOWHERE) code[count].off = (int16_t)(places[l->to] - count - 1);
    if (l->patch == QUEUES) code[count].imm = (int32_t)queues;
    if (l->patch == MAP) code[count].imm = map;
    count++;
  }
  union bpf_attr attributes = {0};
  attributes.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
  attributes.insns = (uintptr_t)code;
  attributes.insn_cnt = (uint32_t)count;
  attributes.license = (uintptr_t) "";
  return bpf(BPF_PROG_LOAD, &attributes);
}

/* ---- the queues of a device ---- */

enum { NOBODY = -1 };

struct steering {
  steering *next;
  uint64_t namespace;
  bool offload, vnet, created;
  uint32_t queues; /* as many as there shall be */
  uint32_t open;
  int map; /* queue → what the program returns, of which the kernel takes the remainder by `open` */
  device *members[MAX_QUEUES];
  uint32_t places[MAX_QUEUES]; /* of each member, the kernel's number for its file */
  int serves[MAX_QUEUES];      /* which member has the packets of a queue: itself, or another where it is not there */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static steering *all;

void steering_lock(void) {
  pthread_mutex_lock(&lock);
}

void steering_unlock(void) {
  pthread_mutex_unlock(&lock);
}

static uint64_t current_namespace(void) {
  struct stat status;
  return stat("/proc/thread-self/ns/net", &status) == 0 ? (uint64_t)status.st_ino : 0;
}

/* Is this device called `name` now? One that was deleted has no name. */
static bool is_called(const steering *s, const char *name) {
  for (uint32_t i = 0; i < s->queues; i++) {
    struct ifreq request = {0};
    if (s->members[i] == NULL) continue;
    return ioctl(s->members[i]->file, TUNGETIFF, &request) == 0 && strncmp(request.ifr_name, name, IFNAMSIZ) == 0;
  }
  return false;
}

static steering *find(const char *name) {
  uint64_t namespace = current_namespace();
  for (steering *s = all; s != NULL; s = s->next) {
    if (s->namespace == namespace && is_called(s, name)) return s;
  }
  return NULL;
}

/* The program returns the place of the member that serves a queue. */
static void direct(const steering *s) {
  for (uint32_t i = 0; i < s->queues; i++) {
    if (s->serves[i] != NOBODY) map_set(s->map, i, s->places[s->serves[i]]);
  }
}

const char *steering_admit(device *d, bool offload, bool *known) {
  steering *s = find(d->name);
  *known = s != NULL;
  if (s == NULL) return NULL;
  direct(s); /* what make_way() said is wrong with a file more; this holds until the newcomer joins, and then */
  d->vnet = s->vnet;
  if (s->queues == d->queues && s->offload == offload && s->members[d->queue] == NULL) return NULL;
  errno = s->queues == d->queues && s->offload == offload ? EBUSY : EINVAL;
  return "queue";
}

/* The queues that another program holds of it are none that we could send packets to. */
static const char *require_alone(device *d) {
  struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
  struct ifreq request = {0};
  memcpy(request.ifr_name, d->name, IFNAMSIZ);
  request.ifr_data = (void *)&channels;
  if (ioctl(d->netlink, SIOCETHTOOL, &request) < 0 || channels.combined_count <= 1) return NULL;
  errno = EBUSY;
  return "ioctl(TUNSETIFF)";
}

static const char *steer(device *d, steering *s) {
  s->map = map_create(d->queues);
  if (s->map < 0) return "bpf(BPF_MAP_CREATE)";
  int program = program_load(d->queues, s->map);
  if (program < 0) return "bpf(BPF_PROG_LOAD)";
  bool failed = ioctl(d->file, TUNSETSTEERINGEBPF, &program) < 0;
  int error = errno;
  close(program); /* the device keeps it */
  errno = error;
  return failed ? "ioctl(TUNSETSTEERINGEBPF)" : NULL;
}

static const char *begin(device *d, bool offload, bool created) {
  const char *step = require_alone(d);
  if (step != NULL) return step;
  steering *s = calloc(1, sizeof *s);
  if (s == NULL) {
    errno = ENOMEM;
    return "calloc";
  }
  *s = (steering){.namespace = current_namespace(), .offload = offload, .vnet = d->vnet, .created = created, .queues = d->queues};
  for (uint32_t i = 0; i < d->queues; i++) s->serves[i] = NOBODY;
  step = steer(d, s);
  if (step != NULL) {
    int error = errno;
    if (s->map >= 0) close(s->map);
    free(s);
    errno = error;
    return step;
  }
  s->next = all;
  all = s;
  d->steering = s;
  return NULL;
}

/* What nobody serves goes to others in turn, and stays there: so no flow moves while its stack lives. */
static void adopt(steering *s) {
  if (s->open == 0) return;
  uint32_t next = 0;
  for (uint32_t i = 0; i < s->queues; i++) {
    if (s->serves[i] != NOBODY) continue;
    while (s->members[next % s->queues] == NULL) next++;
    s->serves[i] = (int)(next++ % s->queues);
  }
}

const char *steering_join(device *d, bool offload, bool *created) {
  steering *s = find(d->name);
  if (s == NULL) {
    const char *step = begin(d, offload, *created);
    if (step != NULL) return step;
    s = d->steering;
  }
  d->steering = s;
  *created = s->created;
  s->members[d->queue] = d;
  s->places[d->queue] = s->open++;
  s->serves[d->queue] = (int)d->queue;
  adopt(s);
  direct(s);
  return NULL;
}

bool steering_complete(const device *d) {
  return d->steering->open == d->steering->queues;
}

/* The number whose remainder by `n` is `now`, and by `n - 1` is `then`: less than n · (n − 1), so less than 65,536. */
static uint32_t both(uint32_t n, uint32_t now, uint32_t then) {
  uint32_t value = now;
  while (value % (n - 1) != then) value += n;
  return value;
}

/*
 * When a file is closed, the kernel's last one takes its place (__tun_detach()), at a moment of its own. What the program returns is
 * therefore right with as many files as before and with one less: no packet goes to a wrong stack in between.
 */
static void make_way(steering *s, const device *d) {
  uint32_t n = s->open, gone = s->places[d->queue];
  s->members[d->queue] = NULL;
  s->open--;
  for (uint32_t i = 0; i < s->queues; i++) {
    if (s->serves[i] == (int)d->queue) s->serves[i] = NOBODY;
  }
  adopt(s);
  if (s->open == 0) return;
  for (uint32_t i = 0; i < s->queues; i++) {
    uint32_t now = s->places[s->serves[i]];
    map_set(s->map, i, both(n, now, now == n - 1 ? gone : now));
  }
  for (uint32_t i = 0; i < s->queues; i++) {
    if (s->members[i] != NULL && s->places[i] == n - 1) s->places[i] = gone;
  }
}

static void end(steering *s, const device *d) {
  /* One that stays is without a program again. */
  int none = -1;
  ioctl(d->file, TUNSETSTEERINGEBPF, &none);
  for (steering **at = &all; *at != NULL; at = &(*at)->next) {
    if (*at != s) continue;
    *at = s->next;
    break;
  }
  close(s->map);
  free(s);
}

void steering_leave(device *d) {
  steering_lock();
  steering *s = d->steering;
  make_way(s, d);
  if (s->open == 0) end(s, d);
  close(d->file);
  d->file = -1;
  d->steering = NULL;
  steering_unlock();
}
