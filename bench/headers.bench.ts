import { Datagram } from '../src/buffer/datagram.ts';
import { memoryOf } from '../src/buffer/memory.ts';
import { Segment } from '../src/tcp/segment.ts';
import { Address } from '../src/wire/address.ts';
import { checkIpv4, writeIpv4Header } from '../src/wire/ipv4.ts';
import { formatPacket } from '../src/wire/packet.ts';
import { Protocol } from '../src/wire/protocol.ts';
import { TcpFlag, writeTcpHeader } from '../src/wire/tcp.ts';
import { formatTcpOptions } from '../src/wire/tcp-option-list.ts';
import { readTcpOptions, TcpOptions } from '../src/wire/tcp-options.ts';
import { report } from './support/report.ts';

const source = Address.parse('10.0.0.1');
const destination = Address.parse('10.0.0.2');
const options = formatTcpOptions([{ name: 'nop' }, { name: 'nop' }, { name: 'timestamps', value: 1, echo: 2 }]);
const bytes = formatPacket({
  ip: {
    trafficClass: 0,
    identification: 0,
    reservedFlag: false,
    dontFragment: true,
    moreFragments: false,
    fragmentOffset: 0,
    ttl: 64,
    protocol: Protocol.TCP,
    source,
    destination,
    options: new Uint8Array(0),
    payload: new Uint8Array(0),
  },
  tcp: {
    sourcePort: 40_000,
    destinationPort: 80,
    sequence: 1,
    acknowledgment: 2,
    flags: TcpFlag.ACK,
    reserved: 0,
    window: 1000,
    urgentPointer: 0,
    options,
    payload: new Uint8Array(64),
  },
});
const memory = memoryOf(bytes);
const { view } = memory;
const datagram = new Datagram(memory);
datagram.source.set(source);
datagram.destination.set(destination);
datagram.start = 20;
datagram.packetEnd = bytes.length;
const segment = new Segment();
const into = new TcpOptions();
const out = new DataView(new ArrayBuffer(128));
let sink = 0;

await report('headers', {
  'check IPv4 header with its checksum': () => () => {
    if (checkIpv4(view, 0, bytes.length, true) !== undefined) sink++;
  },
  'load a TCP segment (checksum, fields, options) of 64 B': () => () => {
    if (segment.load(datagram) !== undefined) sink++;
  },
  'read TCP options': () => () => {
    if (readTcpOptions(view, 40, 52, into) !== undefined) sink++;
  },
  'write IPv4 header with its checksum': () => () => {
    writeIpv4Header(out, 0, source.d, destination.d, Protocol.TCP, 1500, 64, 0, 0, true);
  },
  'write TCP header': () => () => {
    writeTcpHeader(out, 20, 40_000, 80, 1, 2, TcpFlag.ACK, 1000, 0, 20);
  },
});
if (sink > 0) throw new Error('a header did not pass its check');
