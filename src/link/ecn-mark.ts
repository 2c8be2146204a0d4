import { checksumUpdate } from '../wire/checksum.ts';
import { ETHERNET_HEADER_LENGTH, ethernetHeaderLength, EtherType } from '../wire/ethernet.ts';

const NOT_ECT = 0;
const CE = 3;
/** Where the field lies in the first 16 bits of an IPv6 header; in IPv4 it ends them. */
const IPV6_SHIFT = 4;
const IPV4_CHECKSUM = 10;

/**
 * RFC 3168 §5: turns ECT(0) or ECT(1) of a packet into CE. Answers whether the packet may be marked and was not yet;
 * with `write` false it only answers.
 */
export function markCe(view: DataView, offset: number, length: number, ethernet: boolean, write: boolean): boolean {
  const ip = ethernet ? offset + ethernetHeaderLength(view, offset, length) : offset;
  if (ethernet && (ip - offset < ETHERNET_HEADER_LENGTH || !carriesIp(view, ip))) return false;
  if (length - (ip - offset) < 20) return false;
  const word = view.getUint16(ip);
  const version = word >>> 12;
  if (version !== 4 && version !== 6) return false;
  const shift = version === 4 ? 0 : IPV6_SHIFT;
  const ecn = (word >>> shift) & CE;
  if (ecn === NOT_ECT || ecn === CE) return false;
  if (!write) return true;
  const marked = word | (CE << shift);
  view.setUint16(ip, marked);
  if (version === 4) {
    view.setUint16(ip + IPV4_CHECKSUM, checksumUpdate(view.getUint16(ip + IPV4_CHECKSUM), word, marked));
  }
  return true;
}

/** What stands in front of the packet, the last two bytes of a frame's header, says that it is IP. */
function carriesIp(view: DataView, ip: number): boolean {
  const type = view.getUint16(ip - 2);
  return type === EtherType.IPV4 || type === EtherType.IPV6;
}
