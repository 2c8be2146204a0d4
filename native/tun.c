/*
 * usernet's TUN and TAP devices: what src/node/tun.ts needs of Linux and Node lacks.
 *
 * One device is one /dev/net/tun file and one rtnetlink socket (for its settings and for news of its state), both
 * polled on the loop of the environment that made it. Every wake-up drains up to MAX_PACKETS packets into memory that
 * JavaScript sees and makes one call. What is policy (defaults, messages, what is tolerated) stands in TypeScript.
 *
 * The memory lent to JavaScript ("region") is one ArrayBuffer, laid out so:
 *
 *   | Int32 offset[MAX_PACKETS] | Int32 length[MAX_PACKETS] | packets, packed, each on an 8-byte boundary ... |
 *
 * with offsets counted from the first packet's place. It is looked up anew at each wake-up: a buffer that somebody
 * has transferred away is noticed, never written to.
 */
#define NAPI_VERSION 8
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <node_api.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

enum {
  MAX_PACKETS = 256,
  TABLE_BYTES = 2 * MAX_PACKETS * 4,
  /* 65,535 bytes, an Ethernet header, rounded up: a read into less room truncates the packet without an error. */
  LARGEST_READ = 65550,
  ANSWER_TIMEOUT_MS = 1000,
};

enum handler { ON_RECEIVE, ON_WRITABLE, ON_CHANGED, ON_CLOSED, HANDLERS };

/* In the order of TunAddon.counters() in src/node/addon.ts. */
enum counter { RECEIVED, RECEIVED_BYTES, SENT, SENT_BYTES, DROPPED_DOWN, DROPPED_REFUSED, COUNTERS };

typedef struct {
  napi_env env;
  int tun;     /* the device's file, -1 once closed */
  int netlink; /* lives as long as `tun` */
  char name[IFNAMSIZ];
  int index;
  bool up;
  uint32_t mtu;
  /* Bytes of virtio_net_hdr in front of every packet; 0 as long as IFF_VNET_HDR is not asked for. */
  uint32_t header_length;
  bool blocked; /* the last send met EAGAIN */
  uint64_t counters[COUNTERS];

  /* From start() on. */
  uv_poll_t packets;
  uv_poll_t news;
  int handles; /* uv handles whose close callback has not come yet */
  bool collected; /* JavaScript has let go of the device */
  napi_async_context context;
  napi_async_cleanup_hook_handle cleanup;
  napi_ref resource;
  napi_ref region;
  napi_ref handlers[HANDLERS];
} device;

/* ---- errors ---- */

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

/* ---- life and death ---- */

/* Frees the device when nobody points to it: neither JavaScript nor the loop. Makes no N-API call. */
static void free_if_unused(device *d) {
  if (d->collected && d->handles == 0) free(d);
}

/*
 * Runs from the loop, perhaps after the environment's references are gone: no N-API call but the one that ends
 * the wait of the environment's teardown.
 */
static void on_handle_closed(uv_handle_t *handle) {
  device *d = handle->data;
  if (--d->handles > 0) return;
  napi_remove_async_cleanup_hook(d->cleanup);
  free_if_unused(d);
}

/* Stops polling and closes the files at once (a device that we created is gone then). Idempotent, no N-API call. */
static void halt(device *d) {
  if (d->tun < 0) return;
  if (d->handles > 0) uv_close((uv_handle_t *)&d->packets, on_handle_closed);
  if (d->handles > 1) uv_close((uv_handle_t *)&d->news, on_handle_closed);
  close(d->tun);
  close(d->netlink);
  d->tun = d->netlink = -1;
}

/* Lets go of everything of JavaScript's. Idempotent. */
static void release(device *d) {
  if (d->resource == NULL) return;
  for (int i = 0; i < HANDLERS; i++) napi_delete_reference(d->env, d->handlers[i]);
  napi_delete_reference(d->env, d->region);
  napi_delete_reference(d->env, d->resource);
  napi_async_destroy(d->env, d->context);
  d->resource = NULL;
}

/* The environment (a worker, or the process) ends with a live device. */
static void on_teardown(napi_async_cleanup_hook_handle hook, void *data) {
  (void)hook;
  halt(data);
  release(data);
}

static void on_collected(napi_env env, void *data, void *hint) {
  (void)env, (void)hint;
  device *d = data;
  d->collected = true;
  halt(d);
  free_if_unused(d);
}

/* ---- calls into JavaScript ---- */

/*
 * Calls a handler with its nextTicks and microtasks. What it throws becomes an uncaught exception, as from any callback
 * of Node's own; when the program survives that, the link does too.
 */
static void call(device *d, enum handler which, size_t argc, const napi_value *argv) {
  napi_env env = d->env;
  napi_value handler, resource, error;
  if (napi_get_reference_value(env, d->handlers[which], &handler) != napi_ok) return;
  if (napi_get_reference_value(env, d->resource, &resource) != napi_ok) return;
  napi_make_callback(env, d->context, resource, handler, argc, argv, NULL);
  bool thrown = false;
  if (napi_is_exception_pending(env, &thrown) != napi_ok || !thrown) return;
  if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
}

/* The device is gone: everything is closed, then JavaScript hears of it once. */
static void lost(device *d, int error) {
  if (d->tun < 0) return;
  halt(d);
  if (error == EBADFD) error = ENODEV; /* how a deleted device's file answers */
  napi_handle_scope scope;
  napi_open_handle_scope(d->env, &scope);
  napi_value argument;
  napi_create_int32(d->env, error, &argument);
  call(d, ON_CLOSED, 1, &argument);
  release(d);
  napi_close_handle_scope(d->env, scope);
}

/* ---- receiving ---- */

/* Reads packets until there are none, the tables are full or a largest packet might not fit. Returns how many. */
static uint32_t drain(device *d, uint8_t *region, size_t size, int *error) {
  int32_t *offset = (int32_t *)region;
  int32_t *length = offset + MAX_PACKETS;
  uint8_t *packets = region + TABLE_BYTES;
  size_t capacity = size - TABLE_BYTES;
  size_t at = 0;
  uint32_t count = 0;
  while (count < MAX_PACKETS && at + LARGEST_READ <= capacity) {
    ssize_t n = read(d->tun, packets + at, LARGEST_READ);
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) *error = errno;
      break;
    }
    if ((size_t)n < d->header_length) break;
    offset[count] = (int32_t)(at + d->header_length);
    length[count] = (int32_t)(n - d->header_length);
    d->counters[RECEIVED_BYTES] += (uint64_t)length[count];
    count++;
    at = (at + (size_t)n + 7) & ~(size_t)7;
  }
  d->counters[RECEIVED] += count;
  return count;
}

static void receive(device *d) {
  napi_handle_scope scope;
  napi_open_handle_scope(d->env, &scope);
  napi_value region;
  void *bytes = NULL;
  size_t size = 0;
  int error = 0;
  napi_get_reference_value(d->env, d->region, &region);
  napi_get_arraybuffer_info(d->env, region, &bytes, &size);
  if (size < TABLE_BYTES + LARGEST_READ) {
    error = EFAULT; /* transferred away by somebody */
  } else {
    uint32_t count = drain(d, bytes, size, &error);
    if (count > 0) {
      napi_value argument;
      napi_create_uint32(d->env, count, &argument);
      call(d, ON_RECEIVE, 1, &argument);
    }
  }
  napi_close_handle_scope(d->env, scope);
  if (error != 0) lost(d, error);
}

static void writable(device *d) {
  d->blocked = false;
  napi_handle_scope scope;
  napi_open_handle_scope(d->env, &scope);
  call(d, ON_WRITABLE, 0, NULL);
  napi_close_handle_scope(d->env, scope);
}

static void on_packets(uv_poll_t *handle, int status, int events);

static void poll_packets(device *d) {
  uv_poll_start(&d->packets, d->blocked ? UV_READABLE | UV_WRITABLE : UV_READABLE, on_packets);
}

static void on_packets(uv_poll_t *handle, int status, int events) {
  device *d = handle->data;
  /* POLLERR: the device was deleted. libuv has stopped the handle. */
  if (status < 0) return lost(d, ENODEV);
  if (events & UV_READABLE) receive(d);
  if (d->tun < 0 || !(events & UV_WRITABLE)) return;
  writable(d);
  if (d->tun >= 0) poll_packets(d);
}

/* ---- the device's state ---- */

static void request_for(device *d, struct ifreq *request) {
  memset(request, 0, sizeof *request);
  memcpy(request->ifr_name, d->name, IFNAMSIZ);
}

/* Reads `up` and `mtu`. Returns 0 or an errno. */
static int read_state(device *d) {
  struct ifreq request;
  request_for(d, &request);
  if (ioctl(d->netlink, SIOCGIFFLAGS, &request) < 0) return errno;
  d->up = (request.ifr_flags & IFF_UP) != 0;
  request_for(d, &request);
  if (ioctl(d->netlink, SIOCGIFMTU, &request) < 0) return errno;
  d->mtu = (uint32_t)request.ifr_mtu;
  return 0;
}

/* Something was said about the device: asks what is, and tells JavaScript what is new. */
static void refresh(device *d) {
  struct ifreq request = {0};
  if (ioctl(d->tun, TUNGETIFF, &request) < 0) return lost(d, errno);
  memcpy(d->name, request.ifr_name, IFNAMSIZ); /* devices can be renamed */
  bool was_up = d->up;
  uint32_t mtu = d->mtu;
  /* A device moved to another network namespace still carries packets, but its state can't be seen from here. */
  if (read_state(d) != 0) d->up = true;
  if (d->up == was_up && d->mtu == mtu) return;
  napi_handle_scope scope;
  napi_open_handle_scope(d->env, &scope);
  napi_value argv[2];
  napi_get_boolean(d->env, d->up, &argv[0]);
  napi_create_uint32(d->env, d->mtu, &argv[1]);
  call(d, ON_CHANGED, 2, argv);
  napi_close_handle_scope(d->env, scope);
}

static void on_news(uv_poll_t *handle, int status, int events) {
  device *d = handle->data;
  (void)events;
  _Alignas(struct nlmsghdr) uint8_t buffer[16384];
  bool ours = status < 0;
  for (;;) {
    ssize_t n = recv(d->netlink, buffer, sizeof buffer, MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == ENOBUFS) { /* news were lost; perhaps ours */
      ours = true;
      continue;
    }
    if (n <= 0) break;
    struct nlmsghdr *message = (struct nlmsghdr *)buffer;
    for (unsigned left = (unsigned)n; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
      if (message->nlmsg_type != RTM_NEWLINK && message->nlmsg_type != RTM_DELLINK) continue;
      if (message->nlmsg_len < NLMSG_LENGTH(sizeof(struct ifinfomsg))) continue;
      if (((struct ifinfomsg *)NLMSG_DATA(message))->ifi_index == d->index) ours = true;
    }
  }
  if (ours) refresh(d);
}

/* ---- what JavaScript calls ---- */

/* Reads the arguments; the first is the device. Returns it, or NULL with an exception pending. */
static device *arguments(napi_env env, napi_callback_info info, size_t argc, napi_value *argv) {
  size_t given = argc;
  void *d = NULL;
  if (napi_get_cb_info(env, info, &given, argv, NULL, NULL) != napi_ok || given < argc ||
      napi_get_value_external(env, argv[0], &d) != napi_ok) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "usernet-tun: wrong arguments");
    return NULL;
  }
  return d;
}

/* The same for calls that need the device to be there. */
static device *live(napi_env env, napi_callback_info info, size_t argc, napi_value *argv) {
  device *d = arguments(env, info, argc, argv);
  if (d == NULL || d->tun >= 0) return d;
  fail(env, ENODEV, "close");
  return NULL;
}

/* Makes or takes the device. Returns the name of the step that failed (errno is set), or NULL. */
static const char *acquire(device *d, bool tap, bool *created) {
  d->tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (d->tun < 0) return "open";
  d->netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
  if (d->netlink < 0) return "socket(NETLINK_ROUTE)";

  struct ifreq request;
  request_for(d, &request);
  short flags = (short)((tap ? IFF_TAP : IFF_TUN) | IFF_NO_PI);
  request.ifr_flags = (short)(flags | IFF_TUN_EXCL);
  *created = ioctl(d->tun, TUNSETIFF, &request) == 0;
  if (!*created) {
    if (errno != EBUSY) return "ioctl(TUNSETIFF)";
    request_for(d, &request); /* it exists */
    request.ifr_flags = flags;
    if (ioctl(d->tun, TUNSETIFF, &request) < 0) return "ioctl(TUNSETIFF)";
  }
  memcpy(d->name, request.ifr_name, IFNAMSIZ);
  /* Its last user may have left offloads behind, with which it would hand us super-segments. */
  if (ioctl(d->tun, TUNSETOFFLOAD, 0) < 0) return "ioctl(TUNSETOFFLOAD)";
  request_for(d, &request);
  if (ioctl(d->netlink, SIOCGIFINDEX, &request) < 0) return "ioctl(SIOCGIFINDEX)";
  d->index = request.ifr_ifindex;
  return NULL;
}

/* create(name, tap): { device, name, created } */
static napi_value js_create(napi_env env, napi_callback_info info) {
  size_t argc = 2;
  napi_value argv[2];
  device *d = calloc(1, sizeof *d);
  if (d == NULL) return fail(env, ENOMEM, "calloc");
  d->env = env;
  d->tun = d->netlink = -1;
  bool tap = false, created = false;
  if (napi_get_cb_info(env, info, &argc, argv, NULL, NULL) != napi_ok || argc < 2 ||
      napi_get_value_string_utf8(env, argv[0], d->name, sizeof d->name, NULL) != napi_ok ||
      napi_get_value_bool(env, argv[1], &tap) != napi_ok) {
    free(d);
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "usernet-tun: wrong arguments");
    return NULL;
  }
  const char *step = acquire(d, tap, &created);
  if (step != NULL) {
    int error = errno;
    if (d->tun >= 0) close(d->tun);
    if (d->netlink >= 0) close(d->netlink);
    free(d);
    return fail(env, error, step);
  }
  napi_value result, value;
  napi_create_external(env, d, on_collected, NULL, &value);
  napi_create_object(env, &result);
  napi_set_named_property(env, result, "device", value);
  napi_create_string_utf8(env, d->name, NAPI_AUTO_LENGTH, &value);
  napi_set_named_property(env, result, "name", value);
  napi_get_boolean(env, created, &value);
  napi_set_named_property(env, result, "created", value);
  return result;
}

/* set(device, 'mtu' | 'queue' | 'up', value) */
static napi_value js_set(napi_env env, napi_callback_info info) {
  napi_value argv[3];
  device *d = live(env, info, 3, argv);
  if (d == NULL) return NULL;
  char what[8] = "";
  int32_t value = 0;
  napi_get_value_string_utf8(env, argv[1], what, sizeof what, NULL);
  napi_get_value_int32(env, argv[2], &value);
  struct ifreq request;
  request_for(d, &request);
  if (strcmp(what, "mtu") == 0) {
    request.ifr_mtu = value;
    return ioctl(d->netlink, SIOCSIFMTU, &request) < 0 ? fail(env, errno, "ioctl(SIOCSIFMTU)") : NULL;
  }
  if (strcmp(what, "queue") == 0) {
    request.ifr_qlen = value;
    return ioctl(d->netlink, SIOCSIFTXQLEN, &request) < 0 ? fail(env, errno, "ioctl(SIOCSIFTXQLEN)") : NULL;
  }
  if (ioctl(d->netlink, SIOCGIFFLAGS, &request) < 0) return fail(env, errno, "ioctl(SIOCGIFFLAGS)");
  bool is_up = (request.ifr_flags & IFF_UP) != 0;
  if (is_up == (value != 0)) return NULL;
  request.ifr_flags = (short)(value != 0 ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP);
  return ioctl(d->netlink, SIOCSIFFLAGS, &request) < 0 ? fail(env, errno, "ioctl(SIOCSIFFLAGS)") : NULL;
}

/* Waits for the kernel's answer to request number `sequence`. Returns 0 or an errno. */
static int netlink_answer(int fd, uint32_t sequence) {
  _Alignas(struct nlmsghdr) uint8_t buffer[8192];
  for (;;) {
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    int ready = poll(&poll_fd, 1, ANSWER_TIMEOUT_MS);
    if (ready < 0 && errno != EINTR) return errno;
    if (ready == 0) return ETIMEDOUT;
    ssize_t n = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (n < 0) {
      if (errno == EINTR || errno == EAGAIN) continue;
      return errno;
    }
    struct nlmsghdr *message = (struct nlmsghdr *)buffer;
    for (unsigned left = (unsigned)n; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
      if (message->nlmsg_type == NLMSG_ERROR && message->nlmsg_seq == sequence) {
        return -((struct nlmsgerr *)NLMSG_DATA(message))->error;
      }
    }
  }
}

/* addAddress(device, address, prefix); an address that is there already is fine */
static napi_value js_add_address(napi_env env, napi_callback_info info) {
  napi_value argv[3];
  device *d = live(env, info, 3, argv);
  if (d == NULL) return NULL;
  char text[INET6_ADDRSTRLEN] = "";
  uint32_t prefix = 0;
  napi_get_value_string_utf8(env, argv[1], text, sizeof text, NULL);
  napi_get_value_uint32(env, argv[2], &prefix);

  uint8_t address[16];
  int family = strchr(text, ':') == NULL ? AF_INET : AF_INET6;
  size_t size = family == AF_INET ? 4 : 16;
  if (inet_pton(family, text, address) != 1) return fail(env, EINVAL, "inet_pton");

  struct {
    struct nlmsghdr header;
    struct ifaddrmsg body;
    uint8_t attributes[2 * RTA_SPACE(16)];
  } message = {0};
  message.header.nlmsg_len = NLMSG_LENGTH(sizeof message.body);
  message.header.nlmsg_type = RTM_NEWADDR;
  message.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
  message.header.nlmsg_seq = 1;
  message.body.ifa_family = (uint8_t)family;
  message.body.ifa_prefixlen = (uint8_t)prefix;
  /* Nobody else can be on this wire yet: the address is usable at once, without duplicate address detection. */
  message.body.ifa_flags = family == AF_INET6 ? IFA_F_NODAD : 0;
  message.body.ifa_index = (uint32_t)d->index;
  const unsigned short types[] = {IFA_LOCAL, IFA_ADDRESS};
  for (size_t i = 0; i < 2; i++) {
    struct rtattr *attribute = (struct rtattr *)((uint8_t *)&message + NLMSG_ALIGN(message.header.nlmsg_len));
    attribute->rta_type = types[i];
    attribute->rta_len = (unsigned short)RTA_LENGTH(size);
    memcpy(RTA_DATA(attribute), address, size);
    message.header.nlmsg_len = NLMSG_ALIGN(message.header.nlmsg_len) + RTA_ALIGN(attribute->rta_len);
  }
  if (send(d->netlink, &message, message.header.nlmsg_len, 0) < 0) return fail(env, errno, "netlink(RTM_NEWADDR)");
  int error = netlink_answer(d->netlink, 1);
  return error == 0 || error == EEXIST ? NULL : fail(env, error, "netlink(RTM_NEWADDR)");
}

/* state(device): { up, mtu } */
static napi_value js_state(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  device *d = live(env, info, 1, argv);
  if (d == NULL) return NULL;
  int error = read_state(d);
  if (error != 0) return fail(env, error, "ioctl(SIOCGIFFLAGS)");
  napi_value result, value;
  napi_create_object(env, &result);
  napi_get_boolean(env, d->up, &value);
  napi_set_named_property(env, result, "up", value);
  napi_create_uint32(env, d->mtu, &value);
  napi_set_named_property(env, result, "mtu", value);
  return result;
}

/* start(device, region, onReceive, onWritable, onChanged, onClosed): once; polling does not keep the process alive */
static napi_value js_start(napi_env env, napi_callback_info info) {
  napi_value argv[2 + HANDLERS];
  device *d = live(env, info, 2 + HANDLERS, argv);
  if (d == NULL) return NULL;
  if (d->resource != NULL) return fail(env, EALREADY, "start");
  int group = RTNLGRP_LINK;
  if (setsockopt(d->netlink, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0) {
    return fail(env, errno, "setsockopt(NETLINK_ADD_MEMBERSHIP)");
  }
  uv_loop_t *loop;
  napi_get_uv_event_loop(env, &loop);
  int status = uv_poll_init(loop, &d->packets, d->tun);
  if (status != 0) return fail(env, -status, "uv_poll_init");
  d->packets.data = d->news.data = d;
  d->handles = 1;
  napi_add_async_cleanup_hook(env, on_teardown, d, &d->cleanup);
  status = uv_poll_init(loop, &d->news, d->netlink);
  if (status != 0) {
    halt(d);
    return fail(env, -status, "uv_poll_init");
  }
  d->handles = 2;
  uv_unref((uv_handle_t *)&d->packets);
  uv_unref((uv_handle_t *)&d->news);

  napi_value name, resource;
  napi_create_string_utf8(env, "USERNET_TUN", NAPI_AUTO_LENGTH, &name);
  napi_create_object(env, &resource);
  napi_create_reference(env, resource, 1, &d->resource);
  napi_async_init(env, resource, name, &d->context);
  napi_create_reference(env, argv[1], 1, &d->region);
  for (int i = 0; i < HANDLERS; i++) napi_create_reference(env, argv[2 + i], 1, &d->handlers[i]);
  uv_poll_start(&d->news, UV_READABLE, on_news);
  poll_packets(d);
  return NULL;
}

/*
 * send(device, bytes, offsets, lengths, first, count): packets taken
 *
 * Rows `first … first + count − 1` of the tables, all in the one memory `bytes`. Packets that the device refuses are
 * taken and counted; a short count means that it is full, and that onWritable will come.
 */
static napi_value js_send(napi_env env, napi_callback_info info) {
  napi_value argv[6], result;
  device *d = arguments(env, info, 6, argv);
  if (d == NULL) return NULL;
  uint8_t *bytes = NULL;
  int32_t *offsets = NULL, *lengths = NULL;
  size_t size = 0, rows = 0, rows_of_lengths = 0;
  uint32_t first = 0, count = 0;
  napi_get_typedarray_info(env, argv[1], NULL, &size, (void **)&bytes, NULL, NULL);
  napi_get_typedarray_info(env, argv[2], NULL, &rows, (void **)&offsets, NULL, NULL);
  napi_get_typedarray_info(env, argv[3], NULL, &rows_of_lengths, (void **)&lengths, NULL, NULL);
  napi_get_value_uint32(env, argv[4], &first);
  napi_get_value_uint32(env, argv[5], &count);
  if (rows > rows_of_lengths) rows = rows_of_lengths;
  uint32_t taken = 0;
  while (taken < count && (size_t)first + taken < rows) {
    int64_t offset = offsets[first + taken];
    int64_t length = lengths[first + taken];
    if (offset < 0 || length < 0 || offset + length > (int64_t)size) {
      d->counters[DROPPED_REFUSED]++;
    } else if (write(d->tun, bytes + offset, (size_t)length) >= 0) {
      d->counters[SENT]++;
      d->counters[SENT_BYTES] += (uint64_t)length;
    } else if (errno == EINTR) {
      continue;
    } else if (errno == EAGAIN && d->handles == 2) {
      d->blocked = true;
      poll_packets(d);
      break;
    } else { /* EIO: the device is down */
      d->counters[errno == EIO ? DROPPED_DOWN : DROPPED_REFUSED]++;
    }
    taken++;
  }
  napi_create_uint32(env, taken, &result);
  return result;
}

/* counters(device, Float64Array): fills the array */
static napi_value js_counters(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  device *d = arguments(env, info, 2, argv);
  if (d == NULL) return NULL;
  double *values = NULL;
  size_t length = 0;
  napi_get_typedarray_info(env, argv[1], NULL, &length, (void **)&values, NULL, NULL);
  for (size_t i = 0; i < COUNTERS && i < length; i++) values[i] = (double)d->counters[i];
  return NULL;
}

/* close(device): idempotent; no handler is called afterwards */
static napi_value js_close(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  device *d = arguments(env, info, 1, argv);
  if (d == NULL) return NULL;
  halt(d);
  release(d);
  return NULL;
}

NAPI_MODULE_INIT() {
  const napi_property_descriptor properties[] = {
      {"create", NULL, js_create, NULL, NULL, NULL, napi_enumerable, NULL},
      {"set", NULL, js_set, NULL, NULL, NULL, napi_enumerable, NULL},
      {"addAddress", NULL, js_add_address, NULL, NULL, NULL, napi_enumerable, NULL},
      {"state", NULL, js_state, NULL, NULL, NULL, napi_enumerable, NULL},
      {"start", NULL, js_start, NULL, NULL, NULL, napi_enumerable, NULL},
      {"send", NULL, js_send, NULL, NULL, NULL, napi_enumerable, NULL},
      {"counters", NULL, js_counters, NULL, NULL, NULL, napi_enumerable, NULL},
      {"close", NULL, js_close, NULL, NULL, NULL, napi_enumerable, NULL},
  };
  napi_define_properties(env, exports, sizeof properties / sizeof *properties, properties);
  return exports;
}
