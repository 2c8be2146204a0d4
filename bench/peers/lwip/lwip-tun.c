/*
 * lwip-tun DEVICE SPIN SECONDS
 *
 * lwIP at 10.7.0.2 on the TUN device, which exists: the services that the other servers of the benchmark have
 * (bench/native/ceiling.c). Looks SPIN times for a packet before it sleeps. Ends when it is killed, its parent ends, or the
 * seconds are over.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "netif.h"
#include "../../native/ports.h"

enum { MOST_PACKETS = 256 };

static int device;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void open_device(const char *name) {
  struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  device = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
  if (device < 0 || ioctl(device, TUNSETIFF, &request) < 0) fail(name);
}

/* The library is built to hand over whole packets, never chains. */
static err_t output(struct netif *netif, struct pbuf *p, const ip4_addr_t *to) {
  (void)netif, (void)to;
  return write(device, p->payload, p->len) == p->len ? ERR_OK : ERR_IF;
}

static err_t init(struct netif *netif) {
  netif->output = output;
  return ERR_OK;
}

/* Reads packets until there are none; false when there was none at all. */
static bool input(struct netif *netif) {
  static struct pbuf *p;
  for (int i = 0; i < MOST_PACKETS; i++) {
    /* Not from the pool: Debian's library has one of 592 bytes a buffer, and takes them for 1500. */
    if (p == NULL) p = pbuf_alloc(PBUF_RAW, MTU, PBUF_RAM);
    if (p == NULL) fail("pbuf_alloc");
    ssize_t n = read(device, p->payload, p->len);
    if (n < 0) {
      if (errno != EAGAIN && errno != EINTR) fail("read");
      return i > 0;
    }
    pbuf_realloc(p, (u16_t)n);
    if (netif->input(p, netif) != ERR_OK) pbuf_free(p);
    p = NULL;
  }
  return true;
}

static err_t on_receive(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error) {
  (void)arg, (void)error;
  if (p == NULL) return tcp_close(pcb);
  tcp_recved(pcb, p->tot_len);
  /* The client waits for each answer: there is always room for it. */
  if (pcb->local_port % ECHO_STEP == PORT_ECHO) tcp_write(pcb, p->payload, p->len, 0);
  pbuf_free(p);
  return ERR_OK;
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t length) {
  (void)arg, (void)length;
  write_bulk(pcb);
  return ERR_OK;
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t error) {
  (void)arg;
  if (error != ERR_OK) return error;
  tcp_recv(pcb, on_receive);
  tcp_nagle_disable(pcb);
  if (pcb->local_port != PORT_CHARGEN) return ERR_OK;
  tcp_sent(pcb, on_sent);
  write_bulk(pcb);
  return tcp_output(pcb);
}

static void serve_tcp(u16_t port) {
  struct tcp_pcb *pcb = tcp_new();
  if (tcp_bind(pcb, IP4_ADDR_ANY, port) != ERR_OK) fail("tcp_bind");
  tcp_accept(tcp_listen(pcb), on_accept);
}

static void on_echo(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from, u16_t port) {
  (void)arg;
  udp_sendto(pcb, p, from, port);
  pbuf_free(p);
}

/* The request says how many datagrams, and of how many bytes each. */
static void on_chargen(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from, u16_t port) {
  (void)arg;
  u32_t request[2];
  if (pbuf_copy_partial(p, request, sizeof request, 0) == sizeof request && lwip_ntohl(request[1]) <= MTU) {
    for (u32_t left = lwip_ntohl(request[0]); left > 0; left--) {
      struct pbuf *datagram = pbuf_alloc(PBUF_TRANSPORT, (u16_t)lwip_ntohl(request[1]), PBUF_RAM);
      if (datagram == NULL) break;
      udp_sendto(pcb, datagram, from, port);
      pbuf_free(datagram);
    }
  }
  pbuf_free(p);
}

static void serve_udp(u16_t port, udp_recv_fn serve) {
  struct udp_pcb *pcb = udp_new();
  if (udp_bind(pcb, IP4_ADDR_ANY, port) != ERR_OK) fail("udp_bind");
  udp_recv(pcb, serve, NULL);
}

int main(int argc, char **argv) {
  static struct netif tun;
  if (argc != 4) return 2;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  alarm((unsigned)atoi(argv[3]));
  open_device(argv[1]);
  lwip_init();
  add_interface(&tun, 2, init);
  netif_set_default(&tun);
  for (int i = 0; i < ECHO_PORTS; i++) serve_tcp((u16_t)(PORT_ECHO + ECHO_STEP * i));
  serve_tcp(PORT_DISCARD);
  serve_tcp(PORT_CHARGEN);
  serve_udp(PORT_ECHO, on_echo);
  serve_udp(PORT_CHARGEN, on_chargen);
  puts("{\"event\":\"ready\"}");
  fflush(stdout);
  for (int spin = atoi(argv[2]), idle = 0;;) {
    if (input(&tun)) {
      idle = 0;
    } else if (idle++ >= spin) {
      struct pollfd wait = {.fd = device, .events = POLLIN};
      poll(&wait, 1, (int)LWIP_MIN(sys_timeouts_sleeptime(), 1000));
    }
    sys_check_timeouts();
  }
}
