const FILE_HEADER = 24;
const RECORD_HEADER = 16;
const MICROSECOND_MAGIC = 0xa1b2c3d4;

/** What stands before the IP packet, in bytes, by link type: Ethernet, and bare packets as on a TUN device. */
const LINK_HEADERS: ReadonlyMap<number, number> = new Map([
  [1, 14],
  [101, 0],
]);

/** The IP packets of a little-endian classic pcap file, as tcpdump writes it on this machine. */
export function readPcap(content: Uint8Array): Uint8Array[] {
  return readRecords(content, false);
}

/** The Ethernet frames of such a file, headers included. */
export function readFrames(content: Uint8Array): Uint8Array[] {
  return readRecords(content, true);
}

function readRecords(content: Uint8Array, whole: boolean): Uint8Array[] {
  // Out of a Buffer, whose views would be Buffers too.
  const file = new Uint8Array(content);
  const view = new DataView(file.buffer);
  if (view.getUint32(0, true) !== MICROSECOND_MAGIC) throw new Error('not a little-endian microsecond pcap file');
  const linkHeader = LINK_HEADERS.get(view.getUint32(20, true));
  if (linkHeader === undefined) throw new Error('not a capture of Ethernet frames or IP packets');
  const packets: Uint8Array[] = [];
  let at = FILE_HEADER;
  while (at < file.byteLength) {
    const length = view.getUint32(at + 8, true);
    at += RECORD_HEADER;
    if (at + length > file.byteLength) throw new Error('the capture is cut off');
    packets.push(file.slice(at + (whole ? 0 : linkHeader), at + length));
    at += length;
  }
  return packets;
}
