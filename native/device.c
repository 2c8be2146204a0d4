/* A device's settings, by ioctl on a socket: they are the same whatever file carries its packets. */
#include "device.h"

#include <errno.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "netlink.h"
#include "steering.h"

static void request_for(device *d, struct ifreq *request) {
  memset(request, 0, sizeof *request);
  memcpy(request->ifr_name, d->name, IFNAMSIZ);
}

const char *device_find(device *d) {
  d->netlink = netlink_open();
  if (d->netlink < 0) return "socket(NETLINK_ROUTE)";
  struct ifreq request;
  request_for(d, &request);
  if (ioctl(d->netlink, SIOCGIFINDEX, &request) < 0) return "ioctl(SIOCGIFINDEX)";
  d->index = request.ifr_ifindex;
  return NULL;
}

void device_close(device *d) {
  device_count(d);
  if (d->steering != NULL) steering_leave(d);
  else if (d->file >= 0) close(d->file);
  if (d->netlink >= 0) close(d->netlink);
  d->file = d->netlink = -1;
}

const char *device_abandon(device *d, const char *step) {
  int error = errno;
  device_close(d);
  errno = error;
  return step;
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

const char *device_read_address(device *d, uint8_t address[HARDWARE_ADDRESS]) {
  struct ifreq request;
  request_for(d, &request);
  if (ioctl(d->netlink, SIOCGIFHWADDR, &request) < 0) return "ioctl(SIOCGIFHWADDR)";
  if (request.ifr_hwaddr.sa_family != ARPHRD_ETHER) {
    errno = EINVAL;
    return "ioctl(SIOCGIFHWADDR)";
  }
  memcpy(address, request.ifr_hwaddr.sa_data, HARDWARE_ADDRESS);
  return NULL;
}

int device_read_state(device *d) {
  struct ifreq request;
  request_for(d, &request);
  if (ioctl(d->netlink, SIOCGIFFLAGS, &request) < 0) return errno;
  short wanted = d->kind->up_flags;
  d->up = (request.ifr_flags & wanted) == wanted;
  request_for(d, &request);
  if (ioctl(d->netlink, SIOCGIFMTU, &request) < 0) return errno;
  d->mtu = (uint32_t)request.ifr_mtu;
  return 0;
}

int device_refresh(device *d) {
  int error = d->kind->identify(d);
  if (error != 0) return error;
  /* A TUN device moved to another network namespace still carries packets, but its state can't be seen from here. */
  if (device_read_state(d) != 0) d->up = true;
  return 0;
}

void device_count(device *d) {
  if (d->file >= 0 && d->kind->count != NULL) d->kind->count(d);
}
