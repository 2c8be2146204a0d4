/*
 * Received bytes belong to the program: memory that the garbage collector frees. How much of it V8 counts, and how often it
 * therefore looks for garbage, is decided here.
 */
#ifndef USERNET_USER_MEMORY_H
#define USERNET_USER_MEMORY_H
#include <node_api.h>

/* A new ArrayBuffer for received bytes, of `size` bytes: V8 need not hurry to get it back. */
void user_memory_made(napi_env env, napi_value buffer, size_t size);

#endif
