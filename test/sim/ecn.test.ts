import { describe, expect, it } from 'vitest';
import type { Connection, ConnectionInfo, ConnectionOptions, ImpairCounters } from '../../src/index.ts';
import { Stack, cable, impair } from '../../src/index.ts';
import { markCe } from '../../src/link/ecn-mark.ts';
import { tap } from '../../src/link/tap.ts';
import { VirtualClock, seededRandom } from '../../src/sim/index.ts';
import { parseAnyPacket } from '../../src/wire/packet.ts';
import { TcpFlag } from '../../src/wire/tcp.ts';
import { ANY, cidrAt, hostAt, MORE_HEADER } from '../support/family.ts';

/** Bits per second, and microseconds from end to end: 50,000 bytes fill the path. */
const RATE = 10_000_000;
const ONE_WAY = 20_000;
/** Bytes at the bottleneck: from the first on, forty packets, they are marked, from the second on lost. */
const THRESHOLD = 40 * (1500 + MORE_HEADER);
const QUEUE = 200_000;
const TOTAL = 6_000_000;

interface Outcome {
  sender: ConnectionInfo;
  receiver: ConnectionInfo;
  bottleneck: ImpairCounters;
  /** Bytes of payload a second, while the path was full. */
  rate: number;
  /** The most bytes that waited at the bottleneck since then. */
  queue: number;
}

/** A long transfer from one stack to another through a bottleneck. */
function transfer(tcp: ConnectionOptions): Outcome {
  const clock = new VirtualClock();
  const [near, far] = cable({ mtu: 1500 + MORE_HEADER });
  const path = { delay: ONE_WAY / 1000 };
  const bottleneck = impair(near, {
    seed: 1,
    send: { ...path, rate: RATE, queue: QUEUE, ecnThreshold: THRESHOLD },
    receive: path,
  });
  const options = { sendBuffer: 1 << 20, receiveBuffer: 1 << 20, ...tcp };
  const sender = new Stack({ clock, random: seededRandom(1), tcp: options });
  const receiver = new Stack({ clock, random: seededRandom(2), tcp: { ...options, ecn: 'accept' } });
  sender.attach(bottleneck, { addresses: [cidrAt(1)] });
  receiver.attach(far, { addresses: [cidrAt(2)] });
  let received = 0;
  let accepted: Connection | undefined;
  const listener = receiver.tcp.listen({ address: ANY, port: 7 }, (connection) => {
    accepted = connection;
    connection.handler = {
      onReadable: () => {
        for (let bytes = connection.read(); bytes !== undefined; bytes = connection.read())
          received += bytes.byteLength;
      },
    };
  });
  const chunk = new Uint8Array(65_536);
  const fill = (connection: Connection): void => {
    while (connection.write(chunk) > 0);
  };
  const to = { remoteAddress: hostAt(2), remotePort: 7 };
  const connection = sender.tcp.connect(to, { onConnect: fill, onWritable: fill });
  clock.advance(2_000_000);
  const before = received;
  const startedAt = clock.now();
  let queue = 0;
  while (received - before < TOTAL) {
    clock.advance(5000);
    queue = Math.max(queue, bottleneck.statistics().send.queue);
  }
  const rate = ((received - before) * 1_000_000) / (clock.now() - startedAt);
  const outcome = {
    sender: connection.info(),
    receiver: accepted!.info(),
    bottleneck: bottleneck.statistics().send,
    rate,
    queue,
  };
  connection.abort();
  listener.close();
  clock.advance(10_000_000);
  for (const stack of [sender, receiver]) stack.assertQuiescent();
  return outcome;
}

/** What the rate leaves for payload: IP header, TCP header and timestamps take 52 bytes of 1500. */
const GOODPUT = (RATE / 8) * (1448 / (1500 + MORE_HEADER));

describe('a long transfer through a bottleneck that marks', () => {
  it.each(['reno', 'cubic'])(
    '[S-086] with ECN and %s loses nothing, keeps the rate and a short queue',
    (congestion) => {
      const { sender, receiver, bottleneck, rate, queue } = transfer({ congestion, ecn: 'request' });
      expect([sender.ecn, receiver.ecn]).toEqual([true, true]);
      expect(bottleneck.marked).toBeGreaterThan(0);
      expect(receiver.ecnMarks).toBe(bottleneck.marked);
      expect(sender.ecnEchoes).toBeGreaterThan(0);
      expect(bottleneck.queueDrops).toBe(0);
      expect([sender.retransmits, sender.timeouts, sender.duplicateAcks]).toEqual([0, 0, 0]);
      expect(rate).toBeGreaterThan(0.95 * GOODPUT);
      expect(queue).toBeLessThan(1.25 * THRESHOLD);
    },
  );

  it.each(['reno', 'cubic'])('[S-086] without ECN and %s fills the queue and loses packets', (congestion) => {
    const { sender, receiver, bottleneck, queue } = transfer({ congestion, ecn: 'accept' });
    expect([sender.ecn, receiver.ecn]).toEqual([false, false]);
    expect(bottleneck.marked).toBe(0);
    expect(sender.retransmits).toBeGreaterThan(0);
    expect(queue).toBeGreaterThan(2 * THRESHOLD);
  });
});

describe('a link that takes super-segments', () => {
  it('[S-086] carries ECT and CE on them; CWR goes on a single segment', () => {
    const clock = new VirtualClock();
    const [near, far] = cable({ mtu: 1500 + MORE_HEADER, offload: true });
    let marked = 0;
    const sent: { flags: number; length: number; ect: number }[] = [];
    const watched = tap(near, {
      onSend: (batch, count) => {
        for (let row = 0; row < count; row++) {
          const packet = parseAnyPacket(batch.packet(row));
          if (typeof packet === 'string' || packet.tcp === undefined) throw new Error('not TCP');
          const { flags, payload } = packet.tcp;
          sent.push({ flags, length: payload.byteLength, ect: packet.ip.trafficClass & 3 });
        }
      },
    });
    const marking = tap(far, {
      onReceive: (batch, count) => {
        for (let row = 0; row < count; row++) {
          const large = batch.length[row]! > 1500 + MORE_HEADER;
          if (marked > 0 || !large) continue;
          if (markCe(batch.memory[row]!.view, batch.offset[row]!, batch.length[row]!, false, true)) marked++;
        }
      },
    });
    const sender = new Stack({ clock, random: seededRandom(1), tcp: { ecn: 'request' } });
    const receiver = new Stack({ clock, random: seededRandom(2) });
    sender.attach(watched, { addresses: [cidrAt(1)] });
    receiver.attach(marking, { addresses: [cidrAt(2)] });
    let accepted: Connection | undefined;
    const listener = receiver.tcp.listen({ address: ANY, port: 7 }, (connection) => {
      accepted = connection;
      connection.handler = { onReadable: () => connection.read() };
    });
    const connection = sender.tcp.connect({ remoteAddress: hostAt(2), remotePort: 7 }, {});
    clock.advance(1000);
    connection.write(new Uint8Array(400_000));
    clock.advance(1_000_000);
    expect(marked).toBe(1);
    expect(accepted!.info()).toMatchObject({ ecnMarks: 1, bytesReceived: 400_000 });
    expect(connection.info().ecnEchoes).toBeGreaterThan(0);
    const data = sent.filter(({ length }) => length > 0);
    expect(data.some(({ length }) => length > 1448)).toBe(true);
    expect(new Set(data.map(({ ect }) => ect))).toEqual(new Set([2]));
    const reduced = data.filter(({ flags }) => flags & TcpFlag.CWR);
    expect(reduced).toEqual([expect.objectContaining({ length: 1448 })]);
    connection.abort();
    listener.close();
    clock.advance(1_000_000);
    for (const stack of [sender, receiver]) stack.assertQuiescent();
  });
});
