import { describe, expect, it } from 'vitest';
import type { Connection, ConnectionOptions, Link } from '../../src/index.ts';
import { Stack, batchOf, cable, impair } from '../../src/index.ts';
import { VirtualClock, seededRandom } from '../../src/sim/index.ts';

const SECOND = 1_000_000;

/** A link that swallows packets above `hole.size` bytes without a word. */
function swallowing(inner: Link, hole: { size: number }): Link {
  return {
    medium: 'ip',
    offload: { checksum: false, tso: 0, uso: 0 },
    get mtu() {
      return inner.mtu;
    },
    get up() {
      return inner.up;
    },
    open: (host) => inner.open(host),
    send: (batch) => {
      const packets = [...batch].filter((bytes) => bytes.byteLength <= hole.size).map((bytes) => bytes.slice());
      if (packets.length > 0) inner.send(batchOf(packets));
      return batch.count;
    },
    close: () => inner.close(),
  };
}

interface Flow {
  client: Connection;
  hole: { size: number };
  received(): number;
  run(us: number): void;
  drops(): Record<string, number>;
}

/**
 * One stack sends to another as fast as it goes, over a path of 20 ms that swallows packets above `size` bytes.
 *
 * @param total bytes to send
 * @param loss share of the other packets that are lost, in both directions
 */
function bulk(
  size: number,
  tcp: ConnectionOptions = {},
  total: number = Infinity,
  loss: number = 0,
  seed: number = 3,
): Flow {
  const clock = new VirtualClock();
  const hole = { size };
  const [a, b] = cable({ mtu: 1500 });
  const options = { sendBuffer: 65_536, receiveBuffer: 65_536, ...tcp };
  const sender = new Stack({ clock, random: seededRandom(1), tcp: options });
  const receiver = new Stack({ clock, random: seededRandom(2), tcp: options });
  sender.attach(impair(swallowing(a, hole), { delay: 10, loss, seed }), { addresses: ['10.0.0.1/24'] });
  receiver.attach(b, { addresses: ['10.0.0.2/24'] });
  clock.advance(0);
  let received = 0;
  receiver.tcp.listen({ port: 7 }, (connection) => {
    connection.handler = {
      onReadable: (c) => {
        for (let bytes = c.read(); bytes !== undefined; bytes = c.read()) received += bytes.byteLength;
      },
    };
  });
  const chunk = new Uint8Array(16_384);
  let left = total;
  const fill = (c: Connection): void => {
    for (let taken = 1; taken > 0 && left > 0; left -= taken)
      taken = c.write(chunk.subarray(0, Math.min(left, 16_384)));
  };
  const to = { remoteAddress: '10.0.0.2', remotePort: 7 };
  const client = sender.tcp.connect(to, { onConnect: fill, onWritable: fill });
  return {
    client,
    hole,
    received: () => received,
    run: (us) => clock.advance(us),
    drops: () => sender.statistics().drops,
  };
}

describe('RFC 4821: a bulk transfer over a path that swallows large packets', () => {
  it.each([true, false])('[S-054] finds 1,400 bytes after one stall, and uses them (SACK: %s)', (sack) => {
    const { client, received, run, drops } = bulk(1400, { sack });
    run(4 * SECOND);
    expect(client.info().pathMtu).toBe(1400);
    expect(received()).toBeGreaterThan(0);
    run(26 * SECOND);
    expect(client.info()).toMatchObject({ pathMtu: 1400, timeouts: 3 });
    expect(drops()['tcp-mtu-black-hole']).toBe(1);
    const before = received();
    run(SECOND);
    // A window of at least 32 KB a round trip.
    expect(received()).toBeGreaterThan(before + 32_768 * 40);
  });

  it.each([true, false])('[S-054] with `probe` it never stalls (SACK: %s)', (sack) => {
    const { client, run } = bulk(1400, { sack, pathMtuDiscovery: 'probe' });
    run(10 * SECOND);
    expect(client.info()).toMatchObject({ pathMtu: 1400, timeouts: 0 });
  });

  it('[S-054] §7.6.2: with SACK the probes that fail are no congestion signal', () => {
    const { client, run } = bulk(1400, { pathMtuDiscovery: 'probe' });
    run(10 * SECOND);
    const { retransmits, ssthresh, cwnd } = client.info();
    expect(retransmits).toBeGreaterThan(2);
    expect(ssthresh).toBeGreaterThan(cwnd);
  });

  it('[S-054] with `probe` a path without a hole is found whole, and nothing is sent twice', () => {
    const { client, run } = bulk(1500, { pathMtuDiscovery: 'probe' });
    run(3 * SECOND);
    expect(client.info()).toMatchObject({ pathMtu: 1500, timeouts: 0, retransmits: 0 });
  });

  it('[S-054] follows a path that shrinks under way', () => {
    const { client, run, hole } = bulk(1500);
    run(SECOND);
    expect(client.info()).toMatchObject({ pathMtu: 1500, timeouts: 0 });
    hole.size = 1300;
    run(20 * SECOND);
    expect(client.info().pathMtu).toBeLessThanOrEqual(1300);
    expect(client.info().pathMtu).toBeGreaterThan(1292);
  });

  it.each([0.1, 0.2])(
    '[S-054] a share of %s lost is no hole: the size comes back when anything gets through',
    (loss) => {
      for (const seed of [3, 4, 5]) {
        const { client, received, run } = bulk(1500, {}, Infinity, loss, seed);
        let small = 0;
        for (let i = 0; i < 3000; i++) {
          const before = received();
          const { pathMtu } = client.info();
          run(SECOND / 10);
          if (pathMtu < 1500) small += received() - before;
        }
        // In five minutes; most of the time that a size is in doubt nothing gets through at all.
        expect(small).toBeLessThan(received() / 10);
      }
    },
  );

  // RFC 1122 §3.3.2: every path should carry 576 bytes, RFC 791 §3.2: every link carries 68.
  it.each([
    { total: 200_000, what: 'full segments' },
    { total: 450, what: 'a segment that is smaller than 576 bytes' },
  ])('[S-054] §7.7: a path that does not even carry 576 bytes is found out by the last resort: $what', ({ total }) => {
    for (const sack of [true, false]) {
      const { client, received, run } = bulk(300, { sack }, total);
      run(200 * SECOND);
      expect(received()).toBe(0);
      run(400 * SECOND);
      expect(received()).toBe(total);
      expect(client.info().pathMtu).toBeLessThanOrEqual(300);
    }
  });

  it.each([450, 2000])('[S-054] §7.7: and where a fifth of all packets is lost as well: %s bytes', (total) => {
    for (const sack of [true, false]) {
      const { client, received, run } = bulk(300, { sack }, total, 0.2);
      run(900 * SECOND);
      expect(received()).toBe(total);
      expect(client.info().pathMtu).toBeLessThanOrEqual(300);
    }
  });
});
