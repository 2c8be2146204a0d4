/*
 * What the two programs with lwIP share. They use the library as Debian builds it, by its raw API and without a thread
 * of its own: the program feeds packets and looks after the timers. Its windows are fixed: 64 KB each way.
 */
#ifndef USERNET_BENCH_LWIP_H
#define USERNET_BENCH_LWIP_H
#include <lwip/init.h>
#include <lwip/ip.h>
#include <lwip/netif.h>
#include <lwip/tcp.h>
#include <lwip/timeouts.h>
#include <lwip/udp.h>

enum { MTU = 1500 };

/* Adds an interface with the address 10.7.0.`last`/24, up; `init` sets its output. */
static inline void add_interface(struct netif *netif, int last, netif_init_fn init) {
  ip4_addr_t address, mask;
  IP4_ADDR(&address, 10, 7, 0, last);
  IP4_ADDR(&mask, 255, 255, 255, 0);
  netif_add(netif, &address, &mask, IP4_ADDR_ANY4, NULL, init, ip_input);
  netif->mtu = MTU;
  netif_set_up(netif);
  netif_set_link_up(netif);
}

/* As much as the connection takes. */
static inline void write_bulk(struct tcp_pcb *pcb) {
  static const char bytes[TCP_SND_BUF];
  while (tcp_sndbuf(pcb) > 0 && tcp_write(pcb, bytes, (u16_t)LWIP_MIN(tcp_sndbuf(pcb), sizeof bytes), 0) == ERR_OK);
}

#endif
