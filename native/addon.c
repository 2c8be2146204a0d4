/*
 * The addon's surface: what src/node/tun.ts needs of Linux and Node lacks. Reads JavaScript's arguments, makes results
 * and exceptions; the work is done in the other files. What is policy (defaults, messages, what is
 * tolerated) stands in TypeScript. JavaScript's `device` is a pump.
 *
 * What a wake-up brings goes to ArrayBuffers. The tables lent to start() are laid out so, with MAX_PACKETS = 256, ROOMS = 4 and
 * the values of a Batch (src/buffer/batch.ts):
 *
 *   | Int32 offset[MAX_PACKETS] | Int32 length[MAX_PACKETS] | Uint16 segmentSize[MAX_PACKETS] | Uint8 checksum[MAX_PACKETS] |
 *   | Int32 first | Int32 rows[ROOMS] |
 *
 * The packets themselves lie in the rooms lent to lend(), from a place on that is said there; offsets count from the room's
 * beginning. JavaScript says in `first` which room is filled first; the next is filled when it has no place for a largest packet,
 * and rows[i] says how many of the batch's rows are in the i-th room that was filled. All are looked up anew at each wake-up: a buffer that somebody has transferred away is noticed, never written to.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <node_api.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "netlink.h"
#include "packet.h"
#include "pump.h"
#include "steering.h"
#include "tun.h"
#include "user_memory.h"

/* ---- errors and arguments ---- */

/* Throws an Error with `errno` and `step`: which call failed, and how. Always returns NULL. */
static napi_value fail(napi_env env, int error, const char *step) {
  napi_value message, object, number;
  napi_create_string_utf8(env, step, NAPI_AUTO_LENGTH, &message);
  napi_create_error(env, NULL, message, &object);
  napi_create_int32(env, error, &number);
  napi_set_named_property(env, object, "errno", number);
  napi_set_named_property(env, object, "step", message);
  napi_throw(env, object);
  return NULL;
}

/* The result of what returned a step: an exception if it failed, undefined otherwise. */
static napi_value done(napi_env env, const char *step) {
  return step == NULL ? NULL : fail(env, errno, step);
}

static void wrong_arguments(napi_env env) {
  napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "usernet-tun: wrong arguments");
}

/* Reads the arguments; the first is the device. Returns its pump, or NULL with an exception pending. */
static pump *arguments(napi_env env, napi_callback_info info, size_t argc, napi_value *argv) {
  size_t given = argc;
  void *p = NULL;
  if (napi_get_cb_info(env, info, &given, argv, NULL, NULL) != napi_ok || given < argc ||
      napi_get_value_external(env, argv[0], &p) != napi_ok) {
    wrong_arguments(env);
    return NULL;
  }
  return p;
}

/* The same for calls that need the device to be there. */
static pump *live(napi_env env, napi_callback_info info, size_t argc, napi_value *argv) {
  pump *p = arguments(env, info, argc, argv);
  if (p == NULL || p->device.file >= 0) return p;
  fail(env, ENODEV, "close");
  return NULL;
}

/* The 6 bytes of a hardware address, or NULL with an exception pending. */
static uint8_t *address_bytes(napi_env env, napi_value array) {
  napi_typedarray_type type;
  size_t length = 0;
  void *bytes = NULL;
  if (napi_get_typedarray_info(env, array, &type, &length, &bytes, NULL, NULL) == napi_ok && type == napi_uint8_array &&
      length == HARDWARE_ADDRESS) {
    return bytes;
  }
  wrong_arguments(env);
  return NULL;
}

/* ---- what JavaScript calls ---- */

static void on_collected(napi_env env, void *data, void *hint) {
  (void)env, (void)hint;
  pump_collected(data);
}

/* A pump for the device called `name`, or NULL with an exception pending. */
static pump *new_pump(napi_env env, napi_value name) {
  pump *p = calloc(1, sizeof *p);
  if (p == NULL) {
    fail(env, ENOMEM, "calloc");
    return NULL;
  }
  p->env = env;
  device *d = &p->device;
  if (napi_get_value_string_utf8(env, name, d->name, sizeof d->name, NULL) == napi_ok) return p;
  free(p);
  wrong_arguments(env);
  return NULL;
}

static void set_boolean(napi_env env, napi_value object, const char *name, bool value) {
  napi_value boolean;
  napi_get_boolean(env, value, &boolean);
  napi_set_named_property(env, object, name, boolean);
}

/* { device, name, checksum, tso, uso } of a pump whose device is open; an exception, and no pump, when that failed. */
static napi_value opened(napi_env env, pump *p, const char *step) {
  if (step != NULL) {
    int error = errno;
    free(p);
    return fail(env, error, step);
  }
  napi_value result, value;
  napi_create_external(env, p, on_collected, NULL, &value);
  napi_create_object(env, &result);
  napi_set_named_property(env, result, "device", value);
  napi_create_string_utf8(env, p->device.name, NAPI_AUTO_LENGTH, &value);
  napi_set_named_property(env, result, "name", value);
  set_boolean(env, result, "checksum", p->device.checksum);
  set_boolean(env, result, "tso", p->device.tso);
  set_boolean(env, result, "uso", p->device.uso);
  return result;
}

/*
 * create(name, tap, offload, queue, queues): { device, name, checksum, tso, uso, created, complete }; with 0 queues
 * a device of one, which is complete
 */
static napi_value js_create(napi_env env, napi_callback_info info) {
  size_t argc = 5;
  napi_value argv[5];
  bool tap = false, offload = false, created = false;
  uint32_t queue = 0, queues = 0;
  if (napi_get_cb_info(env, info, &argc, argv, NULL, NULL) != napi_ok || argc < 5 ||
      napi_get_value_bool(env, argv[1], &tap) != napi_ok || napi_get_value_bool(env, argv[2], &offload) != napi_ok ||
      napi_get_value_uint32(env, argv[3], &queue) != napi_ok || napi_get_value_uint32(env, argv[4], &queues) != napi_ok ||
      queues > MAX_QUEUES || (queues > 0 && queue >= queues)) {
    wrong_arguments(env);
    return NULL;
  }
  pump *p = new_pump(env, argv[0]);
  if (p == NULL) return NULL;
  p->device.queue = queue;
  p->device.queues = queues;
  napi_value result = opened(env, p, tun_open(&p->device, tap, offload, &created));
  if (result == NULL) return NULL;
  set_boolean(env, result, "created", created);
  set_boolean(env, result, "complete", queues == 0 || steering_complete(&p->device));
  return result;
}

/* openPacketSocket(name): { device, name, checksum, tso, uso } */
static napi_value js_open_packet_socket(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value argv[1];
  if (napi_get_cb_info(env, info, &argc, argv, NULL, NULL) != napi_ok || argc < 1) {
    wrong_arguments(env);
    return NULL;
  }
  pump *p = new_pump(env, argv[0]);
  return p == NULL ? NULL : opened(env, p, packet_open(&p->device));
}

/* readAddress(device, Uint8Array): fills in the card's address, 6 bytes */
static napi_value js_read_address(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  pump *p = live(env, info, 2, argv);
  if (p == NULL) return NULL;
  uint8_t *address = address_bytes(env, argv[1]);
  return address == NULL ? NULL : done(env, device_read_address(&p->device, address));
}

/* listen(device, Uint8Array, promiscuous): a packet socket takes frames to this address and to groups, or all */
static napi_value js_listen(napi_env env, napi_callback_info info) {
  napi_value argv[3];
  pump *p = live(env, info, 3, argv);
  if (p == NULL) return NULL;
  const uint8_t *address = address_bytes(env, argv[1]);
  bool promiscuous = false;
  napi_get_value_bool(env, argv[2], &promiscuous);
  return address == NULL ? NULL : done(env, packet_listen(&p->device, address, promiscuous));
}

/* set(device, 'mtu' | 'queue' | 'up' | 'buffer', value); 'buffer' of a packet socket */
static napi_value js_set(napi_env env, napi_callback_info info) {
  napi_value argv[3];
  pump *p = live(env, info, 3, argv);
  if (p == NULL) return NULL;
  char what[8] = "";
  int32_t value = 0;
  napi_get_value_string_utf8(env, argv[1], what, sizeof what, NULL);
  napi_get_value_int32(env, argv[2], &value);
  if (strcmp(what, "mtu") == 0) return done(env, device_set_mtu(&p->device, value));
  if (strcmp(what, "queue") == 0) return done(env, device_set_queue(&p->device, value));
  if (strcmp(what, "buffer") == 0) return done(env, packet_set_buffer(&p->device, value));
  return done(env, device_set_up(&p->device, value != 0));
}

/* addAddress(device, address, prefix); an address that is there already is fine */
static napi_value js_add_address(napi_env env, napi_callback_info info) {
  napi_value argv[3];
  pump *p = live(env, info, 3, argv);
  if (p == NULL) return NULL;
  char text[INET6_ADDRSTRLEN] = "";
  uint32_t prefix = 0;
  napi_get_value_string_utf8(env, argv[1], text, sizeof text, NULL);
  napi_get_value_uint32(env, argv[2], &prefix);
  return done(env, netlink_add_address(p->device.index, text, prefix));
}

/* state(device): { up, mtu } */
static napi_value js_state(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  pump *p = live(env, info, 1, argv);
  if (p == NULL) return NULL;
  int error = device_read_state(&p->device);
  if (error != 0) return fail(env, error, "ioctl(SIOCGIFFLAGS)");
  napi_value result, value;
  napi_create_object(env, &result);
  set_boolean(env, result, "up", p->device.up);
  napi_create_uint32(env, p->device.mtu, &value);
  napi_set_named_property(env, result, "mtu", value);
  return result;
}

/* lend(device, place, room, from): number `place` of the rooms is this ArrayBuffer, from byte `from` on; before start, too */
static napi_value js_lend(napi_env env, napi_callback_info info) {
  napi_value argv[4];
  pump *p = arguments(env, info, 4, argv);
  if (p == NULL) return NULL;
  uint32_t place = 0, from = 0;
  napi_get_value_uint32(env, argv[1], &place);
  napi_get_value_uint32(env, argv[3], &from);
  if (place >= ROOMS) wrong_arguments(env);
  else pump_lend(p, place, argv[2], from);
  return NULL;
}

/* userMemory(size): an ArrayBuffer for received bytes, or undefined (user_memory.c) */
static napi_value js_user_memory(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  uint32_t size = 0;
  napi_value argv[1];
  if (napi_get_cb_info(env, info, &argc, argv, NULL, NULL) != napi_ok || argc < 1 ||
      napi_get_value_uint32(env, argv[0], &size) != napi_ok) {
    wrong_arguments(env);
    return NULL;
  }
  return user_memory(env, size);
}

/* start(device, tables, onReceive, onNext, onWritable, onChanged, onClosed): once; polling does not keep the process alive */
static napi_value js_start(napi_env env, napi_callback_info info) {
  napi_value argv[2 + HANDLERS];
  pump *p = live(env, info, 2 + HANDLERS, argv);
  if (p == NULL) return NULL;
  return done(env, pump_start(p, argv[1], argv + 2));
}

/* A column of a batch; `rows` becomes the length of the shortest. */
static void *column(napi_env env, napi_value array, size_t *rows) {
  void *values = NULL;
  size_t length = 0;
  napi_get_typedarray_info(env, array, NULL, &length, &values, NULL, NULL);
  if (length < *rows) *rows = length;
  return values;
}

/*
 * send(device, bytes, offsets, lengths, checksums, segmentSizes, first, count): packets taken. All packets lie in the one
 * memory `bytes`.
 */
static napi_value js_send(napi_env env, napi_callback_info info) {
  napi_value argv[8], result;
  pump *p = arguments(env, info, 8, argv);
  if (p == NULL) return NULL;
  void *bytes = NULL;
  uint32_t first = 0, count = 0;
  rows from = {.rows = SIZE_MAX};
  napi_get_typedarray_info(env, argv[1], NULL, &from.size, &bytes, NULL, NULL);
  from.bytes = bytes;
  from.offsets = column(env, argv[2], &from.rows);
  from.lengths = column(env, argv[3], &from.rows);
  from.checksums = column(env, argv[4], &from.rows);
  from.segment_sizes = column(env, argv[5], &from.rows);
  napi_get_value_uint32(env, argv[6], &first);
  napi_get_value_uint32(env, argv[7], &count);
  napi_create_uint32(env, pump_send(p, &from, first, count), &result);
  return result;
}

/* counters(device, Float64Array): fills the array */
static napi_value js_counters(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  pump *p = arguments(env, info, 2, argv);
  if (p == NULL) return NULL;
  void *values = NULL;
  size_t length = 0;
  napi_get_typedarray_info(env, argv[1], NULL, &length, &values, NULL, NULL);
  device_count(&p->device);
  for (size_t i = 0; i < COUNTERS && i < length; i++) ((double *)values)[i] = (double)p->device.counters[i];
  return NULL;
}

/* close(device): idempotent; no handler is called afterwards */
static napi_value js_close(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  pump *p = arguments(env, info, 1, argv);
  if (p != NULL) pump_stop(p);
  user_memory_trim();
  return NULL;
}

NAPI_MODULE_INIT() {
  const napi_property_descriptor properties[] = {
      {"create", NULL, js_create, NULL, NULL, NULL, napi_enumerable, NULL},
      {"openPacketSocket", NULL, js_open_packet_socket, NULL, NULL, NULL, napi_enumerable, NULL},
      {"readAddress", NULL, js_read_address, NULL, NULL, NULL, napi_enumerable, NULL},
      {"listen", NULL, js_listen, NULL, NULL, NULL, napi_enumerable, NULL},
      {"set", NULL, js_set, NULL, NULL, NULL, napi_enumerable, NULL},
      {"addAddress", NULL, js_add_address, NULL, NULL, NULL, napi_enumerable, NULL},
      {"state", NULL, js_state, NULL, NULL, NULL, napi_enumerable, NULL},
      {"lend", NULL, js_lend, NULL, NULL, NULL, napi_enumerable, NULL},
      {"userMemory", NULL, js_user_memory, NULL, NULL, NULL, napi_enumerable, NULL},
      {"start", NULL, js_start, NULL, NULL, NULL, napi_enumerable, NULL},
      {"send", NULL, js_send, NULL, NULL, NULL, napi_enumerable, NULL},
      {"counters", NULL, js_counters, NULL, NULL, NULL, napi_enumerable, NULL},
      {"close", NULL, js_close, NULL, NULL, NULL, napi_enumerable, NULL},
  };
  napi_define_properties(env, exports, sizeof properties / sizeof *properties, properties);
  return exports;
}
