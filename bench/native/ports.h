/* Where the benchmark's servers listen. */
#ifndef USERNET_BENCH_PORTS_H
#define USERNET_BENCH_PORTS_H

/* RFC 862, 863, 864. */
enum {
  PORT_ECHO = 7,
  PORT_DISCARD = 9,
  PORT_CHARGEN = 19,
  /* Echo over TCP is at 7, 1007 … 7007: connections in TIME-WAIT hold what ports there are to one of these. */
  ECHO_PORTS = 8,
  ECHO_STEP = 1000,
};

#endif
