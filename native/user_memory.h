/*
 * Received bytes belong to the program, which may keep them for ever: memory that the garbage collector frees. Where it comes
 * from, and how much of it V8 counts, is decided here.
 */
#ifndef USERNET_USER_MEMORY_H
#define USERNET_USER_MEMORY_H
#include <node_api.h>

/*
 * An ArrayBuffer of `size` bytes that hold whatever was there. NULL where the runtime allows no memory but its own (Electron), or
 * has none.
 */
napi_value user_memory(napi_env env, size_t size);

/* Gives memory that nobody uses back to the system. */
void user_memory_trim(void);

#endif
