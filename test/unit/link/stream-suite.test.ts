import type { StreamLinkOptions } from '../../../src/index.ts';
import { streamLink } from '../../../src/link/stream-link.ts';
import { duplexes, realPair, unixSockets, webStreams } from './real-pairs.ts';
import { expectSuite } from './suites.ts';

const FRAMED: StreamLinkOptions = { framing: { lengthBytes: 4 } };
const ETHERNET: StreamLinkOptions = { medium: 'ethernet', address: Uint8Array.of(2, 0, 0, 0, 0, 1), ...FRAMED };

expectSuite('streamLink(unix socket), as QEMU frames', async () => {
  const [a, b] = await unixSockets();
  return realPair([streamLink(a, ETHERNET), streamLink(b, ETHERNET)]);
});
expectSuite('streamLink(unix socket), IP packets as long as can be, behind 2 bytes', async () => {
  const options = { mtu: 65_535, framing: { lengthBytes: 2, littleEndian: true } } as const;
  const [a, b] = await unixSockets();
  return realPair([streamLink(a, options), streamLink(b, options)]);
});
expectSuite('streamLink(Duplex of packets)', () => {
  const [a, b] = duplexes(true);
  return realPair([streamLink(a), streamLink(b)]);
});
expectSuite('streamLink(Duplex of bytes), each chunk a packet', () => {
  const [a, b] = duplexes(false);
  return realPair([streamLink(a), streamLink(b)]);
});
expectSuite('streamLink(Duplex), framed', () => {
  const [a, b] = duplexes(false);
  return realPair([streamLink(a, FRAMED), streamLink(b, FRAMED)]);
});
expectSuite('streamLink(web streams of packets)', () => {
  const [a, b] = webStreams();
  return realPair([streamLink(a), streamLink(b)]);
});
expectSuite('streamLink(web streams of bytes), framed', () => {
  const [a, b] = webStreams();
  return realPair([streamLink(a, FRAMED), streamLink(b, FRAMED)]);
});
