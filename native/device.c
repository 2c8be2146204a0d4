/* Opening and configuring a device, by ioctl: on its own file, and for the interface's settings on a socket. */
#include "device.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "netlink.h"

static void request_for(device *d, struct ifreq *request) {
  memset(request, 0, sizeof *request);
  memcpy(request->ifr_name, d->name, IFNAMSIZ);
}

static const char *acquire(device *d, bool tap, bool *created) {
  d->tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (d->tun < 0) return "open";
  d->netlink = netlink_open();
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

const char *device_open(device *d, bool tap, bool *created) {
  d->tun = d->netlink = -1;
  const char *step = acquire(d, tap, created);
  if (step == NULL) return NULL;
  int error = errno;
  device_close(d);
  errno = error;
  return step;
}

void device_close(device *d) {
  if (d->tun >= 0) close(d->tun);
  if (d->netlink >= 0) close(d->netlink);
  d->tun = d->netlink = -1;
}

const char *device_set_mtu(device *d, int mtu) {
  struct ifreq request;
  request_for(d, &request);
  request.ifr_mtu = mtu;
  return ioctl(d->netlink, SIOCSIFMTU, &request) < 0 ? "ioctl(SIOCSIFMTU)" : NULL;
}

const char *device_set_queue(device *d, int packets) {
  struct ifreq request;
  request_for(d, &request);
  request.ifr_qlen = packets;
  return ioctl(d->netlink, SIOCSIFTXQLEN, &request) < 0 ? "ioctl(SIOCSIFTXQLEN)" : NULL;
}

const char *device_set_up(device *d, bool up) {
  struct ifreq request;
  request_for(d, &request);
  if (ioctl(d->netlink, SIOCGIFFLAGS, &request) < 0) return "ioctl(SIOCGIFFLAGS)";
  bool is_up = (request.ifr_flags & IFF_UP) != 0;
  if (is_up == up) return NULL;
  request.ifr_flags = (short)(up ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP);
  return ioctl(d->netlink, SIOCSIFFLAGS, &request) < 0 ? "ioctl(SIOCSIFFLAGS)" : NULL;
}

int device_read_state(device *d) {
  struct ifreq request;
  request_for(d, &request);
  if (ioctl(d->netlink, SIOCGIFFLAGS, &request) < 0) return errno;
  d->up = (request.ifr_flags & IFF_UP) != 0;
  request_for(d, &request);
  if (ioctl(d->netlink, SIOCGIFMTU, &request) < 0) return errno;
  d->mtu = (uint32_t)request.ifr_mtu;
  return 0;
}

int device_refresh(device *d) {
  struct ifreq request = {0};
  if (ioctl(d->tun, TUNGETIFF, &request) < 0) return errno;
  memcpy(d->name, request.ifr_name, IFNAMSIZ); /* devices can be renamed */
  /* A device moved to another network namespace still carries packets, but its state can't be seen from here. */
  if (device_read_state(d) != 0) d->up = true;
  return 0;
}
