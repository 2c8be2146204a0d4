/* Addresses and link state by rtnetlink(7): the messages put together and taken apart by hand, without a library. */
#include "netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWER_TIMEOUT_MS = 1000 };

int netlink_open(void) {
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
  if (fd < 0) return fd;
  /* The kernel passes over sockets without a number of their own when it tells news. */
  struct sockaddr_nl any = {.nl_family = AF_NETLINK};
  if (bind(fd, (struct sockaddr *)&any, sizeof any) == 0) return fd;
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

/* Waits for the kernel's answer to request number `sequence`. Returns 0 or an errno. */
static int answer(int fd, uint32_t sequence) {
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

const char *netlink_add_address(int index, const char *text, uint32_t prefix) {
  uint8_t address[16];
  int family = strchr(text, ':') == NULL ? AF_INET : AF_INET6;
  size_t size = family == AF_INET ? 4 : 16;
  if (inet_pton(family, text, address) != 1) {
    errno = EINVAL;
    return "inet_pton";
  }

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
  message.body.ifa_index = (uint32_t)index;
  const unsigned short types[] = {IFA_LOCAL, IFA_ADDRESS};
  for (size_t i = 0; i < 2; i++) {
    struct rtattr *attribute = (struct rtattr *)((uint8_t *)&message + NLMSG_ALIGN(message.header.nlmsg_len));
    attribute->rta_type = types[i];
    attribute->rta_len = (unsigned short)RTA_LENGTH(size);
    memcpy(RTA_DATA(attribute), address, size);
    message.header.nlmsg_len = NLMSG_ALIGN(message.header.nlmsg_len) + RTA_ALIGN(attribute->rta_len);
  }
  int fd = netlink_open();
  if (fd < 0) return "socket(AF_NETLINK)";
  int error = send(fd, &message, message.header.nlmsg_len, 0) < 0 ? errno : answer(fd, 1);
  close(fd);
  if (error == 0 || error == EEXIST) return NULL;
  errno = error;
  return "netlink(RTM_NEWADDR)";
}

int netlink_subscribe(int fd) {
  int group = RTNLGRP_LINK;
  return setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group);
}

bool netlink_read_news(int fd, int index, unsigned up_flags, bool *was_down) {
  _Alignas(struct nlmsghdr) uint8_t buffer[16384];
  bool ours = false;
  for (;;) {
    ssize_t n = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == ENOBUFS) { /* news were lost; perhaps ours */
      ours = true;
      continue;
    }
    if (n <= 0) return ours;
    struct nlmsghdr *message = (struct nlmsghdr *)buffer;
    for (unsigned left = (unsigned)n; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
      if (message->nlmsg_type != RTM_NEWLINK && message->nlmsg_type != RTM_DELLINK) continue;
      if (message->nlmsg_len < NLMSG_LENGTH(sizeof(struct ifinfomsg))) continue;
      struct ifinfomsg *link = NLMSG_DATA(message);
      if (link->ifi_index != index) continue;
      ours = true;
      if ((link->ifi_flags & up_flags) != up_flags) *was_down = true;
    }
  }
}
