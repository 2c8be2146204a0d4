/*
 * Buffers for received bytes mostly die young: V8's scavenger frees them for a fraction of a millisecond as soon as young
 * array buffers come to 32 MB (Heap::AllocateExternalBackingStore). But V8 also adds them to what has grown since its last
 * mark-compact (Heap::AllocatedExternalMemorySinceMarkCompact), which in a small heap may come to some 16 MB only: so that
 * without this file each 30 MB received cost a mark-compact of the whole heap.
 *
 * So they are taken off that count when they are made, and V8 subtracts them once more when they are freed: its count sinks,
 * and with it the least value since the last mark-compact, from which it measures. Three bounds see to it that this is sound:
 *
 * - what is taken off was added before, RESERVE bytes at a time: the count never falls below what there is (V8 ends the
 *   process if it came below zero), and what others have is never hidden;
 * - adding them brings a mark-compact: what others have left behind, and our own buffers that have grown old and died, wait
 *   no longer than RESERVE bytes;
 * - no more than MOST_OUT bytes that live are taken off: a program that keeps what it receives has V8's usual care.
 *
 * So process.memoryUsage().external is up to RESERVE too high.
 */
#include "user_memory.h"

#include <stdint.h>

enum { MB = 1024 * 1024 };
static const int64_t MOST_OUT = 64 * MB, RESERVE = 256 * MB;

/* An environment has a thread, on which finalizers run, too. */
static _Thread_local int64_t out, reserve;

static void on_collected(napi_env env, void *data, void *hint) {
  (void)env, (void)data;
  out -= (intptr_t)hint;
}

void user_memory_made(napi_env env, napi_value buffer, size_t size) {
  if (napi_add_finalizer(env, buffer, NULL, on_collected, (void *)(intptr_t)size, NULL) != napi_ok) return;
  out += (int64_t)size;
  if (out > MOST_OUT) return;
  int64_t now;
  if (reserve < (int64_t)size) {
    if (napi_adjust_external_memory(env, RESERVE, &now) != napi_ok) return;
    reserve += RESERVE;
  }
  if (napi_adjust_external_memory(env, -(int64_t)size, &now) == napi_ok) reserve -= (int64_t)size;
}
