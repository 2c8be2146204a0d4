/** IP protocol numbers (IPv6: next header), as IANA assigns them. */
export const Protocol = {
  HOPOPT: 0,
  ICMP: 1,
  IGMP: 2,
  TCP: 6,
  UDP: 17,
  IPV6_ROUTE: 43,
  IPV6_FRAG: 44,
  ESP: 50,
  AH: 51,
  ICMPV6: 58,
  IPV6_NONXT: 59,
  IPV6_OPTS: 60,
  /** IPPROTO_RAW: reserved by IANA; to raw sockets it means that they send whole packets. */
  RAW: 255,
} as const;
