/*
 * Polling a device on the loop. Every wake-up drains up to MAX_PACKETS packets into memory that JavaScript sees (its
 * layout: addon.c) and makes one call. A pump ends in four ways: it is closed, its device is deleted, JavaScript's
 * garbage collector takes it, or its environment ends; what follows on each stands here.
 */
#include "pump.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "netlink.h"

/* ---- life and death ---- */

/* Frees the pump when nobody points to it: neither JavaScript nor the loop. Makes no N-API call. */
static void free_if_unused(pump *p) {
  if (p->collected && p->handles == 0) free(p);
}

/*
 * Runs from the loop, perhaps after the environment's references are gone: no N-API call but the one that ends
 * the wait of the environment's teardown.
 */
static void on_handle_closed(uv_handle_t *handle) {
  pump *p = handle->data;
  if (--p->handles > 0) return;
  napi_remove_async_cleanup_hook(p->cleanup);
  free_if_unused(p);
}

/* Stops polling and closes the device at once. Idempotent, no N-API call. */
static void halt(pump *p) {
  if (p->device.file < 0) return;
  if (p->handles > 0) uv_close((uv_handle_t *)&p->packets, on_handle_closed);
  if (p->handles > 1) uv_close((uv_handle_t *)&p->news, on_handle_closed);
  device_close(&p->device);
}

/* Lets go of everything of JavaScript's. Idempotent. */
static void release(pump *p) {
  for (int i = 0; i < ROOMS; i++) {
    if (p->rooms[i].buffer != NULL) napi_delete_reference(p->env, p->rooms[i].buffer);
    p->rooms[i].buffer = NULL;
  }
  if (p->resource == NULL) return;
  for (int i = 0; i < HANDLERS; i++) napi_delete_reference(p->env, p->handlers[i]);
  napi_delete_reference(p->env, p->tables);
  napi_delete_reference(p->env, p->resource);
  napi_async_destroy(p->env, p->context);
  p->resource = NULL;
}

void pump_stop(pump *p) {
  halt(p);
  release(p);
}

void pump_collected(pump *p) {
  p->collected = true;
  halt(p);
  free_if_unused(p);
}

/* The environment (a worker, or the process) ends with a live pump. */
static void on_teardown(napi_async_cleanup_hook_handle hook, void *data) {
  (void)hook;
  pump_stop(data);
}

/* ---- calls into JavaScript ---- */

/*
 * Calls a handler with its nextTicks and microtasks. What it throws becomes an uncaught exception, as from any callback
 * of Node's own; when the program survives that, the link does too. Returns what the handler returned: false unless that
 * was true, and true where it threw.
 */
static bool call(pump *p, enum handler which, size_t argc, const napi_value *argv) {
  napi_env env = p->env;
  napi_value handler, resource, error, result = NULL;
  if (p->resource == NULL) return false; /* it was closed by what was called before */
  if (napi_get_reference_value(env, p->handlers[which], &handler) != napi_ok) return false;
  if (napi_get_reference_value(env, p->resource, &resource) != napi_ok) return false;
  napi_make_callback(env, p->context, resource, handler, argc, argv, &result);
  bool thrown = false, more = true;
  if (napi_is_exception_pending(env, &thrown) == napi_ok && thrown) {
    if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
    return true;
  }
  return result != NULL && napi_get_value_bool(env, result, &more) == napi_ok && more;
}

/* The device is gone: everything is closed, then JavaScript hears of it once. */
static void lost(pump *p, int error) {
  if (p->device.file < 0) return;
  halt(p);
  napi_handle_scope scope;
  napi_open_handle_scope(p->env, &scope);
  napi_value argument;
  napi_create_int32(p->env, error, &argument);
  call(p, ON_CLOSED, 1, &argument);
  release(p);
  napi_close_handle_scope(p->env, scope);
}

/* ---- packets ---- */

void pump_lend(pump *p, uint32_t place, napi_value room, size_t from) {
  if (p->rooms[place].buffer != NULL) napi_delete_reference(p->env, p->rooms[place].buffer);
  p->rooms[place].buffer = NULL;
  napi_create_reference(p->env, room, 1, &p->rooms[place].buffer);
  p->rooms[place].from = from;
}

/* The tables as addon.c has them. */
typedef struct {
  int32_t *offsets, *lengths;
  uint16_t *segment_sizes;
  uint8_t *checksums;
  int32_t *first, *rows_of;
} tables;

/* Returns false when they were transferred away. */
static bool find_tables(pump *p, tables *t) {
  napi_value buffer;
  void *memory = NULL;
  size_t size = 0;
  if (napi_get_reference_value(p->env, p->tables, &buffer) != napi_ok) return false;
  if (napi_get_arraybuffer_info(p->env, buffer, &memory, &size) != napi_ok || size < TABLE_BYTES) return false;
  t->offsets = memory;
  t->lengths = t->offsets + MAX_PACKETS;
  t->segment_sizes = (uint16_t *)(t->lengths + MAX_PACKETS);
  t->checksums = (uint8_t *)(t->segment_sizes + MAX_PACKETS);
  t->first = (int32_t *)(t->checksums + MAX_PACKETS);
  t->rows_of = t->first + 1;
  return true;
}

/* Makes `into` of a room and of the rows from `count` on. Returns false when the room was transferred away or is too small. */
static bool lay_out(pump *p, uint32_t place, const tables *t, uint32_t count, arrivals *into) {
  napi_value buffer;
  void *room = NULL;
  size_t size = 0, from = p->rooms[place].from;
  if (napi_get_reference_value(p->env, p->rooms[place].buffer, &buffer) != napi_ok) return false;
  if (napi_get_arraybuffer_info(p->env, buffer, &room, &size) != napi_ok) return false;
  if (size < from || size - from < p->device.kind->room) return false;
  *into = (arrivals){.offsets = t->offsets + count, .lengths = t->lengths + count, .rows = MAX_PACKETS - count};
  into->segment_sizes = t->segment_sizes + count;
  into->checksums = t->checksums + count;
  into->packets = (uint8_t *)room + from;
  into->capacity = size - from;
  return true;
}

/* Fills one room after the other. Returns the number of packets. */
static uint32_t fill(pump *p, int *error) {
  tables t;
  arrivals into;
  if (!find_tables(p, &t)) {
    *error = EFAULT;
    return 0;
  }
  uint32_t count = 0;
  bool more = true;
  memset(t.rows_of, 0, ROOMS * sizeof *t.rows_of);
  for (uint32_t i = 0; i < ROOMS && more; i++) {
    const uint32_t place = ((uint32_t)*t.first + i) % ROOMS;
    if (p->rooms[place].buffer == NULL) break; /* fewer are lent */
    if (!lay_out(p, place, &t, count, &into)) {
      *error = EFAULT;
      break;
    }
    more = false;
    const uint32_t rows = p->device.kind->receive(&p->device, &into, &more, error);
    for (uint32_t row = 0; row < rows; row++) into.offsets[row] += (int32_t)p->rooms[place].from;
    t.rows_of[i] = (int32_t)rows;
    count += rows;
  }
  return count;
}

enum {
  /* Calls of one wake-up at most: timers and other sockets wait meanwhile. */
  MOST_CALLS = 64,
};

/*
 * What the batch has brought about and waits for a call of its own: after each Node runs the ticks and promises that it left,
 * since no JavaScript is beneath it, and nothing goes through the loop.
 */
static void call_next(pump *p) {
  bool more = true;
  for (int calls = 1; more && calls <= MOST_CALLS; calls++) {
    napi_value last;
    napi_get_boolean(p->env, calls == MOST_CALLS, &last);
    more = call(p, ON_NEXT, 1, &last);
  }
}

static void receive(pump *p) {
  napi_handle_scope scope;
  napi_open_handle_scope(p->env, &scope);
  int error = 0;
  const uint32_t count = fill(p, &error);
  if (count > 0) {
    napi_value argument;
    napi_create_uint32(p->env, count, &argument);
    if (call(p, ON_RECEIVE, 1, &argument)) call_next(p);
  }
  napi_close_handle_scope(p->env, scope);
  if (error != 0) lost(p, error);
}

static void writable(pump *p) {
  p->blocked = false;
  napi_handle_scope scope;
  napi_open_handle_scope(p->env, &scope);
  call(p, ON_WRITABLE, 0, NULL);
  napi_close_handle_scope(p->env, scope);
}

static void on_packets(uv_poll_t *handle, int status, int events);

static void poll_packets(pump *p) {
  uv_poll_start(&p->packets, p->blocked ? UV_READABLE | UV_WRITABLE : UV_READABLE, on_packets);
}

uint32_t pump_send(pump *p, const rows *from, uint32_t first, uint32_t count) {
  bool full = false;
  uint32_t taken = p->device.kind->send(&p->device, from, first, count, &full);
  if (!full || p->handles < 2) return taken;
  p->blocked = true;
  poll_packets(p);
  return taken;
}

/* ---- the device's state ---- */

static void changed(pump *p) {
  napi_handle_scope scope;
  napi_open_handle_scope(p->env, &scope);
  napi_value argv[2];
  napi_get_boolean(p->env, p->device.up, &argv[0]);
  napi_create_uint32(p->env, p->device.mtu, &argv[1]);
  call(p, ON_CHANGED, 2, argv);
  napi_close_handle_scope(p->env, scope);
}

/* Something was said about the device: asks what is, and tells JavaScript what is new. */
static void refresh(pump *p) {
  device *d = &p->device;
  bool was_up = d->up;
  uint32_t mtu = d->mtu;
  int error = device_refresh(d);
  if (error != 0) return lost(p, error);
  if (d->up != was_up || d->mtu != mtu) changed(p);
}

static void on_news(uv_poll_t *handle, int status, int events) {
  pump *p = handle->data;
  (void)events;
  device *d = &p->device;
  bool was_down = false;
  bool ours = netlink_read_news(d->netlink, d->index, (unsigned)d->kind->up_flags, &was_down);
  if (was_down && d->up) { /* perhaps it is up again: the kernel has taken its IPv6 addresses away meanwhile */
    d->up = false;
    changed(p);
    if (d->file < 0) return;
  }
  if (ours || status < 0) refresh(p);
}

static void on_packets(uv_poll_t *handle, int status, int events) {
  pump *p = handle->data;
  if (status < 0) { /* POLLERR; libuv has stopped the handle */
    int error = p->device.kind->failed(&p->device);
    if (error != 0) return lost(p, error);
    refresh(p);
  } else if (events & UV_READABLE) {
    receive(p);
  }
  if (p->device.file < 0) return;
  if (events & UV_WRITABLE) writable(p);
  if (p->device.file >= 0 && (status < 0 || events & UV_WRITABLE)) poll_packets(p);
}

/* ---- the start ---- */

const char *pump_start(pump *p, napi_value tables, const napi_value handlers[HANDLERS]) {
  napi_env env = p->env;
  if (p->resource != NULL) {
    errno = EALREADY;
    return "start";
  }
  if (netlink_subscribe(p->device.netlink) < 0) return "setsockopt(NETLINK_ADD_MEMBERSHIP)";
  const char *step = p->device.kind->start == NULL ? NULL : p->device.kind->start(&p->device);
  if (step != NULL) return step;
  uv_loop_t *loop;
  napi_get_uv_event_loop(env, &loop);
  int status = uv_poll_init(loop, &p->packets, p->device.file);
  if (status == 0) {
    p->packets.data = p->news.data = p;
    p->handles = 1;
    napi_add_async_cleanup_hook(env, on_teardown, p, &p->cleanup);
    status = uv_poll_init(loop, &p->news, p->device.netlink);
    if (status != 0) halt(p);
  }
  if (status != 0) {
    errno = -status;
    return "uv_poll_init";
  }
  p->handles = 2;
  uv_unref((uv_handle_t *)&p->packets);
  uv_unref((uv_handle_t *)&p->news);

  napi_value name, resource;
  napi_create_string_utf8(env, "USERNET_DEVICE", NAPI_AUTO_LENGTH, &name);
  napi_create_object(env, &resource);
  napi_create_reference(env, resource, 1, &p->resource);
  napi_async_init(env, resource, name, &p->context);
  napi_create_reference(env, tables, 1, &p->tables);
  for (int i = 0; i < HANDLERS; i++) napi_create_reference(env, handlers[i], 1, &p->handlers[i]);
  uv_poll_start(&p->news, UV_READABLE, on_news);
  poll_packets(p);
  return NULL;
}
