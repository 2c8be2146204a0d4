/*
 * lwip-memory BYTES
 *
 * Two interfaces of one lwIP, joined in memory, and one TCP connection from one to the other: what bench/memory.bench.ts
 * does with two stacks and a cable. Prints a line of JSON. Gives up after a minute.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "netif.h"

enum { PORT = 9, MOST_PACKETS = 1024 };

static struct netif near, far;

/* Packets on their way, with where they go: in the order in which they were sent. */
static struct {
  struct pbuf *packet;
  struct netif *to;
} queue[MOST_PACKETS];
static unsigned first, last;
static unsigned long long received, wanted;

/* A copy: the sender keeps its own until it is acknowledged, and numbers its headers anew. */
static err_t output(struct netif *netif, struct pbuf *p, const ip4_addr_t *to) {
  (void)to;
  struct pbuf *copy = last - first < MOST_PACKETS ? pbuf_clone(PBUF_RAW, PBUF_RAM, p) : NULL;
  if (copy == NULL) return ERR_MEM;
  queue[last % MOST_PACKETS].packet = copy;
  queue[last++ % MOST_PACKETS].to = netif == &near ? &far : &near;
  return ERR_OK;
}

static err_t init(struct netif *netif) {
  netif->output = output;
  return ERR_OK;
}

static err_t on_receive(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error) {
  (void)arg, (void)error;
  if (p == NULL) return tcp_close(pcb);
  received += p->tot_len;
  tcp_recved(pcb, p->tot_len);
  pbuf_free(p);
  return ERR_OK;
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t error) {
  (void)arg;
  tcp_recv(pcb, on_receive);
  return error;
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t length) {
  (void)arg, (void)length;
  write_bulk(pcb);
  return ERR_OK;
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t error) {
  on_sent(arg, pcb, 0);
  return error;
}

static double now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

/* Both addresses are lwIP's own: bound to interfaces, the ends speak over the wire and not by loopback. */
static void connect_ends(void) {
  struct tcp_pcb *server = tcp_new(), *client = tcp_new();
  tcp_bind(server, IP4_ADDR_ANY, PORT);
  tcp_bind_netif(server, &far);
  tcp_accept(tcp_listen(server), on_accept);
  tcp_bind_netif(client, &near);
  tcp_sent(client, on_sent);
  tcp_connect(client, netif_ip_addr4(&far), PORT, on_connected);
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  wanted = strtoull(argv[1], NULL, 10);
  alarm(60);
  lwip_init();
  add_interface(&near, 1, init);
  add_interface(&far, 2, init);
  double start = now();
  connect_ends();
  while (received < wanted) {
    for (int i = 0; i < MOST_PACKETS && first != last; i++) {
      struct pbuf *p = queue[first % MOST_PACKETS].packet;
      struct netif *to = queue[first++ % MOST_PACKETS].to;
      if (to->input(p, to) != ERR_OK) pbuf_free(p);
    }
    sys_check_timeouts();
  }
  double cpu = (double)clock() / CLOCKS_PER_SEC;
  printf("{\"bytes\":%llu,\"seconds\":%.6f,\"cpu\":%.6f}\n", received, now() - start, cpu);
  return 0;
}
