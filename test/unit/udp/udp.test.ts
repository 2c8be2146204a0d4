import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Checksum } from '../../../src/buffer/batch.ts';
import { FAR, icmpPacket, LOCAL, pattern, PEER, udpPacket } from '../ip/fixture.ts';
import { bytesOf, texts, UdpBench } from './fixture.ts';

describe('Udp.arrives', () => {
  it('gives a broadcast or multicast to every socket on the port', () => {
    const bench = new UdpBench();
    const all = [bench.bind(7, { reuseAddress: true }), bench.bind(7, { reuseAddress: true })];
    bench.arrive(udpPacket({ payload: bytesOf('x') }, { destination: '10.0.0.255' }));
    bench.arrive(udpPacket({ payload: bytesOf('y') }, { destination: '224.0.0.1' }));
    bench.turn();
    expect(all.map(texts)).toEqual([
      ['x', 'y'],
      ['x', 'y'],
    ]);
    expect(String(all[0]!.messages[0]!.info.localAddress)).toBe('10.0.0.255');
  });

  it('delivers each datagram of a super-segment alone', () => {
    const bench = new UdpBench();
    const listened = bench.bind(7);
    bench.arrive(udpPacket({ payload: pattern(1000) }), bench.eth0, Checksum.valid, 300);
    bench.turn();
    expect(listened.messages.map(({ bytes }) => bytes.length)).toEqual([300, 300, 300, 100]);
    expect(Uint8Array.from(listened.messages.flatMap(({ bytes }) => [...bytes]))).toEqual(pattern(1000));
  });

  it('drops port 0', () => {
    const bench = new UdpBench();
    bench.arrive(udpPacket({ destinationPort: 0 }));
    expect(bench.counters.snapshot()).toEqual({ 'udp-port-zero': 1 });
    expect(bench.sent()).toEqual([]);
  });

  it('takes source port 0: no answer is wanted', () => {
    const bench = new UdpBench();
    const listened = bench.bind(7);
    bench.arrive(udpPacket({ sourcePort: 0, payload: bytesOf('x') }));
    bench.turn();
    expect(listened.messages[0]!.info.remotePort).toBe(0);
  });

  it('never throws, whatever an IP datagram carries', () => {
    const bench = new UdpBench();
    const listened = bench.bind(7, { receiveBuffer: 5000 });
    const marks = fc.constantFrom(Checksum.none, Checksum.valid, Checksum.partial);
    const whole = udpPacket({ payload: pattern(60) });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 68 }), marks, fc.nat(1500), (transport, mark, segment) => {
        const bytes = whole.slice();
        bytes.set(transport, 20);
        bench.arrive(bytes, bench.eth0, mark === Checksum.none ? Checksum.valid : mark, segment);
        bench.turn();
      }),
      { numRuns: 2000 },
    );
    expect(listened.socket.pending).toBe(0);
    expect(bench.budget.used).toBe(0);
  });
});

describe('Udp.failed', () => {
  /** What a socket on port 7000 sent to the peer's port 53. */
  const ours = udpPacket(
    { sourcePort: 7000, destinationPort: 53, payload: pattern(30) },
    { source: LOCAL, destination: PEER },
  );
  const error = (code: number, quoted: Uint8Array = ours): Uint8Array => icmpPacket({ type: 3, code, payload: quoted });

  it('tells a connected socket whose addresses and ports are quoted', () => {
    const bench = new UdpBench();
    const listened = bench.bind(7000);
    listened.socket.connect(PEER, 53);
    bench.arrive(error(3));
    expect(listened.errors).toEqual([]);
    bench.turn();
    expect(listened.errors).toEqual([
      expect.objectContaining({ code: 'ECONNREFUSED', syscall: 'recvmsg', address: PEER, port: 53 }),
    ]);
    expect(listened.socket.counters.errors).toBe(1);
    expect(listened.socket.send(bytesOf('again'))).toBe(true);
  });

  it('tells nobody else', () => {
    const bench = new UdpBench();
    const unconnected = bench.bind(7000);
    const connected = bench.bind(7001);
    connected.socket.connect(PEER, 54);
    bench.arrive(error(3));
    const other = { source: LOCAL, destination: PEER };
    bench.arrive(error(3, udpPacket({ sourcePort: 7001, destinationPort: 53 }, other)));
    bench.arrive(error(3, udpPacket({ sourcePort: 7002, destinationPort: 54 }, other)));
    bench.turn();
    expect([unconnected.errors, connected.errors]).toEqual([[], []]);
    expect(bench.counters.snapshot()).toEqual({ 'udp-error-no-socket': 2, 'udp-error-unconnected': 1 });
  });

  it('counts errors that may pass, as Linux does not report them', () => {
    const bench = new UdpBench();
    const listened = bench.bind(7000);
    listened.socket.connect(PEER, 53);
    bench.arrive(error(1));
    bench.turn();
    expect(listened.errors).toEqual([]);
    expect(bench.counters.snapshot()).toEqual({ 'udp-error-soft': 1 });
  });

  it('reports the last of several errors, before messages', () => {
    const bench = new UdpBench();
    const listened = bench.bind(7000);
    listened.socket.connect(PEER, 53);
    bench.arrive(error(3));
    bench.arrive(error(13));
    bench.turn();
    bench.turn();
    expect(listened.errors.map(({ code }) => code)).toEqual(['EHOSTUNREACH']);
    expect(listened.socket.counters.errors).toBe(2);
  });
});

describe('Udp: datagrams that are too big for the path', () => {
  /** What was said about the first packet that a socket has sent, and the sizes of the packets of the next message. */
  function after(mtu: number, size: number, change: (quote: Uint8Array) => void = () => {}): number[] {
    const bench = new UdpBench();
    const { socket } = bench.bind(5000);
    socket.send(pattern(size), 53, FAR);
    const [quote] = bench.sent();
    change(quote!);
    bench.arrive(icmpPacket({ type: 3, code: 4, rest: mtu, payload: quote!.subarray(0, 28) }));
    socket.send(pattern(size), 53, FAR);
    return bench.sent().map((bytes) => bytes.length);
  }

  it('[S-052] a router tells the MTU: the next are cut up so that they fit, also those of other sockets', () => {
    expect(after(1400, 1472)).toEqual([1396, 124]);
    const bench = new UdpBench();
    const connected = bench.bind(5000);
    connected.socket.connect(FAR, 53);
    const other = bench.bind(5001);
    connected.socket.send(pattern(1472));
    const [quote] = bench.sent();
    bench.arrive(icmpPacket({ type: 3, code: 4, rest: 1000, payload: quote! }));
    // As Linux: a connected socket hears of the one that was lost.
    bench.turn();
    expect(connected.errors).toMatchObject([{ code: 'EMSGSIZE' }]);
    other.socket.send(pattern(1000), 9, FAR);
    expect(bench.sent()).toHaveLength(2);
    expect(bench.counters.snapshot()).toMatchObject({ 'udp-mtu-lowered': 1 });
  });

  it('[S-052] a router that tells none has one of the usual MTUs; none is below 552', () => {
    expect(after(0, 1472)).toEqual([1492, 28]);
    expect(after(68, 1472)[0]).toBe(548);
  });

  it('is not believed about what would have fitted, or what no socket has sent', () => {
    expect(after(1500, 1472)).toEqual([1500]);
    expect(after(1400, 1472, (quote) => quote.fill(0, 20, 22))).toEqual([1500]);
  });
});
