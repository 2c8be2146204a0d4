/*
 * A pump: a device and what moves its packets to JavaScript and back, on the event loop of the environment (the
 * process or a worker) that made it. Between pump_start and pump_stop the device's two files are polled.
 */
#ifndef USERNET_PUMP_H
#define USERNET_PUMP_H
#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "device.h"

enum handler { ON_RECEIVE, ON_NEXT, ON_WRITABLE, ON_CHANGED, ON_CLOSED, HANDLERS };

typedef struct {
  napi_env env;
  device device;
  bool blocked; /* the last send met EAGAIN */

  /* From pump_start on. */
  uv_poll_t packets;
  uv_poll_t news;
  int handles; /* uv handles whose close callback has not come yet */
  bool collected; /* JavaScript has let go of the pump */
  napi_async_context context;
  napi_async_cleanup_hook_handle cleanup;
  napi_ref resource;
  napi_ref tables;
  struct {
    napi_ref buffer;
    size_t from; /* where in it packets go */
  } rooms[ROOMS];
  napi_ref handlers[HANDLERS];
} pump;

/* Begins to poll, once; `tables` and the rooms that were lent: addon.c. Returns the name of the step that failed (errno is set), or NULL. */
const char *pump_start(pump *p, napi_value tables, const napi_value handlers[HANDLERS]);

/* Number `place` of the rooms is this ArrayBuffer, from byte `from` on. */
void pump_lend(pump *p, uint32_t place, napi_value room, size_t from);

/*
 * Sends rows `first … first + count − 1`. Returns how many were taken: packets that the device refuses are taken and
 * counted; a short count means that it is full, and that ON_WRITABLE will come.
 */
uint32_t pump_send(pump *p, const rows *from, uint32_t first, uint32_t count);

/* Stops for good, closes the device and lets go of JavaScript's handlers. Idempotent. */
void pump_stop(pump *p);

/* JavaScript has let go of the pump: it is stopped, and freed as soon as the loop has let go of it too. */
void pump_collected(pump *p);

#endif
