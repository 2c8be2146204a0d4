import type { ErrorCode } from '../errors.ts';
import { AddressRegister } from '../wire/address.ts';
import type { Memory } from './memory.ts';

/**
 * An arrived ICMP error about a packet that this stack sent, as the IP layer hands it to the transports: what went
 * wrong, and the beginning of the packet as the reporter quoted it. The quotation is *not* authenticated: a transport
 * checks ports (and sequence numbers) before it believes it (RFC 5927 §4). One object is reused for error after error:
 * it is valid for the call that passes it.
 */
export class IcmpError {
  memory: Memory;
  /** The code a socket reports for it. */
  code: ErrorCode = 'EHOSTUNREACH';
  /** Not a passing condition: Linux tells an established UDP socket of these alone (icmp_err_convert). */
  hard: boolean = false;
  /**
   * This host itself has found out, and no ICMP message has come: its neighbour does not answer. Certain, and it ends what
   * has not begun: rules about messages that may be forged or may pass are not for it.
   */
  byHost: boolean = false;
  /** ICMP type and code as they arrived. */
  type: number = 0;
  icmpCode: number = 0;
  /** Next-hop MTU of "fragmentation needed", in bytes; 0 when the router gave none (RFC 1191 §3) or in other errors. */
  mtu: number = 0;
  /** IP protocol of the quoted packet. */
  protocol: number = 0;
  /** Source of the quoted packet: one of this stack's own addresses. */
  readonly source: AddressRegister = new AddressRegister();
  /** Where the quoted packet was going. */
  readonly destination: AddressRegister = new AddressRegister();
  /** Who reports. */
  readonly reporter: AddressRegister = new AddressRegister();
  /** Index of the interface it came in by. */
  interfaceIndex: number = 0;
  /** Offset of the quoted transport header in `memory`. */
  start: number = 0;
  /** Bytes quoted from `start` on: 8 at least. */
  length: number = 0;
  /** Total length that the quoted IP header states, in bytes. */
  quotedLength: number = 0;
  /** Arrival time in microseconds. */
  now: number = 0;

  constructor(memory: Memory) {
    this.memory = memory;
  }
}
