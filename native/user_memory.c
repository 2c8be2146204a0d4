/*
 * Two things make buffers for received bytes dear, of which a fast connection needs gigabytes a second, most of which die young.
 *
 * The system clears memory, page by page as it is first written to, and gets it back when it is freed. So buffers that were freed
 * are kept, MOST_FREE bytes of them, for the next.
 *
 * And V8 adds them to what has grown since its last mark-compact (Heap::AllocatedExternalMemorySinceMarkCompact), which in a
 * small heap may come to some 16 MB only: each 30 MB received would cost a mark-compact of the whole heap, though its scavenger
 * frees them for a fraction of a millisecond (see `collect` of src/node/receive-room.ts). So they are taken off that count when
 * they are made, and V8 subtracts them once more when they are freed: its count sinks, and with it the least value since the last
 * mark-compact, from which it measures. Three bounds see to it that this is sound:
 *
 * - what is taken off was added before, RESERVE bytes at a time: the count never falls below what there is (V8 ends the
 *   process if it came below zero), and what others have is never hidden;
 * - adding them brings a mark-compact: what others have left behind, and our own buffers that have grown old and died, wait
 *   no longer than RESERVE bytes;
 * - no more than MOST_OUT bytes that live are taken off: a program that keeps what it receives has V8's usual care.
 *
 * process.memoryUsage() counts for itself, and is right.
 */
#include "user_memory.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

enum { MB = 1024 * 1024 };
static const int64_t MOST_OUT = 128 * MB, RESERVE = 1024 * MB;
static const size_t MOST_FREE = 128 * MB;

/* ---- memory that was freed ---- */

/* At the beginning of each free piece. */
typedef struct piece {
  struct piece *next;
  size_t size;
} piece;

/* Of all environments (workers): one may end while its buffers live. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static piece *pieces;
static size_t unused;

static void *take(size_t size) {
  pthread_mutex_lock(&lock);
  piece **at = &pieces;
  while (*at != NULL && (*at)->size != size) at = &(*at)->next;
  piece *found = *at;
  if (found != NULL) {
    *at = found->next;
    unused -= size;
  }
  pthread_mutex_unlock(&lock);
  return found != NULL ? found : malloc(size);
}

static void give_back(void *memory, size_t size) {
  pthread_mutex_lock(&lock);
  const bool keep = size >= sizeof(piece) && unused + size <= MOST_FREE;
  if (keep) {
    piece *p = memory;
    *p = (piece){.next = pieces, .size = size};
    pieces = p;
    unused += size;
  }
  pthread_mutex_unlock(&lock);
  if (!keep) free(memory);
}

void user_memory_trim(void) {
  pthread_mutex_lock(&lock);
  piece *all = pieces;
  pieces = NULL;
  unused = 0;
  pthread_mutex_unlock(&lock);
  while (all != NULL) {
    piece *next = all->next;
    free(all);
    all = next;
  }
}

/* ---- what V8 counts ---- */

/* An environment has a thread, on which finalizers run, too. */
static _Thread_local int64_t out, reserve;

static void uncount(napi_env env, size_t size) {
  out += (int64_t)size;
  if (out > MOST_OUT) return;
  int64_t now;
  if (reserve < (int64_t)size) {
    if (napi_adjust_external_memory(env, RESERVE, &now) != napi_ok) return;
    reserve += RESERVE;
  }
  if (napi_adjust_external_memory(env, -(int64_t)size, &now) == napi_ok) reserve -= (int64_t)size;
}

/* ---- buffers ---- */

static void on_collected(napi_env env, void *memory, void *size) {
  (void)env;
  out -= (intptr_t)size;
  give_back(memory, (size_t)(intptr_t)size);
}

napi_value user_memory(napi_env env, size_t size) {
  void *memory = take(size);
  if (memory == NULL) return NULL;
  napi_value buffer;
  if (napi_create_external_arraybuffer(env, memory, size, on_collected, (void *)(intptr_t)size, &buffer) != napi_ok) {
    free(memory);
    return NULL;
  }
  uncount(env, size);
  return buffer;
}
