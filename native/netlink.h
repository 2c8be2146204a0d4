/*
 * rtnetlink, the kernel's protocol for what ioctl can't do well: addresses of both families, and news of links.
 * Knows nothing of devices' files or JavaScript.
 */
#ifndef USERNET_NETLINK_H
#define USERNET_NETLINK_H
#include <stdbool.h>
#include <stdint.h>

/* A socket that does not block, or -1 and errno. */
int netlink_open(void);

/*
 * Gives interface `index` an address (text) with a prefix (bits); one that is there already is fine. Returns the name
 * of the step that failed (errno is set), or NULL. Asks by a socket of its own: on one that is subscribed news would be lost.
 */
const char *netlink_add_address(int index, const char *text, uint32_t prefix);

/* Subscribes to news of links. Returns 0, or -1 and errno. */
int netlink_subscribe(int fd);

/*
 * Reads all news. Returns true if some were, or may have been, about interface `index`; `*was_down`: it lacked one of `up_flags`
 * at one time, whatever it has now.
 */
bool netlink_read_news(int fd, int index, unsigned up_flags, bool *was_down);

#endif
