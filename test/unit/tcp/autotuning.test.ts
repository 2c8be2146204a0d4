import { describe, expect, it } from 'vitest';
import { Stack, cable, impair } from '../../../src/index.ts';
import type { Connection, ConnectionOptions } from '../../../src/index.ts';
import { VirtualClock, seededRandom } from '../../../src/sim/index.ts';
import { ReceiveAutotuning, growthLimit } from '../../../src/tcp/receive-autotuning.ts';
import { grownSendBuffer } from '../../../src/tcp/send-autotuning.ts';
import { PathWorld } from '../../support/path-world.ts';
import { ANY, hostAt, cidrAt } from '../../support/family.ts';

const MS = 1000;
const KIB = 1024;
const MIB = 1024 * KIB;

describe('ReceiveAutotuning', () => {
  /** Reads `bytes` in each round trip of 10 ms; returns the sizes. */
  function reading(tuning: ReceiveAutotuning, bytes: readonly number[], limit: number = tuning.maximum): number[] {
    let total = 0;
    return bytes.map((each, i) => {
      total += each;
      tuning.onInOrder(total, 65_536, 10 * MS, (i + 1) * 10 * MS);
      tuning.onRead(total, 1460, limit, (i + 1) * 10 * MS);
      return tuning.size;
    });
  }

  it('stays where little is read', () => {
    const sizes = reading(new ReceiveAutotuning(128 * KIB, 16 * MIB), [10_000, 14_600, 10_000, 0, 14_000]);
    expect(new Set(sizes)).toEqual(new Set([128 * KIB]));
  });

  it('keeps ahead of a sender that doubles: more than twice what a round trip brings, four times in slow start', () => {
    const rounds = [29_200, 58_400, 116_800, 233_600, 467_200];
    const sizes = reading(new ReceiveAutotuning(128 * KIB, 16 * MIB), rounds);
    for (const [i, size] of sizes.entries()) expect(size).toBeGreaterThanOrEqual(4 * rounds[i]!);
    expect(sizes.at(-1)).toBeLessThan(8 * rounds.at(-1)!);
  });

  it('counts by round trips, not by calls', () => {
    const tuning = new ReceiveAutotuning(128 * KIB, 16 * MIB);
    tuning.onInOrder(1, 65_536, 100 * MS, 0);
    for (let i = 1; i < 10; i++) expect(tuning.onRead(i * 40_000, 1460, 16 * MIB, i * 10 * MS)).toBe(false);
    expect(tuning.onRead(400_000, 1460, 16 * MIB, 100 * MS)).toBe(true);
  });

  it('ends at the limit, and never becomes less', () => {
    const tuning = new ReceiveAutotuning(128 * KIB, 1 * MIB);
    expect(reading(tuning, [400_000, 800_000, 1_600_000, 100, 100]).slice(-3)).toEqual([MIB, MIB, MIB]);
    const bounded = new ReceiveAutotuning(128 * KIB, 16 * MIB);
    expect(reading(bounded, [400_000, 800_000], 200_000)).toEqual([200_000, 200_000]);
  });

  it('does nothing where the user has chosen the size', () => {
    expect(reading(new ReceiveAutotuning(10_000, 10_000), [400_000, 800_000])).toEqual([10_000, 10_000]);
  });

  it('without timestamps takes the time of a window’s worth for the round trip, the least of them', () => {
    const tuning = new ReceiveAutotuning(128 * KIB, 16 * MIB);
    tuning.onInOrder(1000, 50_000, -1, 0);
    tuning.onInOrder(50_999, 50_000, -1, 30 * MS);
    expect(tuning.rtt).toBe(-1);
    tuning.onInOrder(51_000, 50_000, -1, 40 * MS);
    expect(tuning.rtt).toBe(40 * MS);
    tuning.onInOrder(101_000, 50_000, -1, 120 * MS);
    expect(tuning.rtt).toBe(40 * MS);
    tuning.onInOrder(151_000, 50_000, -1, 130 * MS);
    expect(tuning.rtt).toBe(10 * MS);
  });
});

describe('growthLimit', () => {
  it('is the maximum; 1 MiB where the path has no delay; an eighth of the memory left', () => {
    expect(growthLimit(0, 16 * MIB, 40 * MS, 1 << 30)).toBe(16 * MIB);
    expect(growthLimit(0, 16 * MIB, Infinity, 1 << 30)).toBe(16 * MIB);
    expect(growthLimit(0, 16 * MIB, 999, 1 << 30)).toBe(MIB);
    expect(growthLimit(0, 1000, 999, 1 << 30)).toBe(1000);
    expect(growthLimit(5000, 16 * MIB, 40 * MS, 8000)).toBe(6000);
    expect(growthLimit(5000, 16 * MIB, 40 * MS, 0)).toBe(5000);
  });
});

describe('grownSendBuffer', () => {
  it('follows twice what may be in flight, up to the limit, never back', () => {
    let size = 512 * KIB;
    const sizes = [100_000, 300_000, 1_000_000, 500, 20_000_000].map((inFlight) => {
      size = grownSendBuffer(size, inFlight, 8 * MIB);
      return size;
    });
    expect(sizes).toEqual([512 * KIB, 600_000, 2_000_000, 2_000_000, 8 * MIB]);
  });
});

describe('the send buffer in fast recovery', () => {
  it('has room for what SACK has reported, too: a sender with a window to fill never waits for it', () => {
    // Slow start overflows the queue of a path that reorders: the repair takes some round trips, in which SND.UNA stands.
    const world = new PathWorld({ rtt: 300, rate: 10e6, reorder: 0.1 });
    const seen = { recovery: 0, starved: 0, sacked: 0 };
    for (let ms = 0; ms < 5000; ms += 10) {
      world.advance(10);
      const info = world.flows[0]!.connection?.info();
      if (info?.recovery !== 'recovery') continue;
      seen.recovery++;
      if (info.limitedBy === 'application') seen.starved++;
      seen.sacked = Math.max(seen.sacked, info.sacked);
    }
    world.end();
    expect(seen.recovery).toBeGreaterThan(50);
    expect(seen.sacked).toBeGreaterThan(512 * KIB);
    expect(seen.starved).toBe(0);
  });
});

describe('a transfer over a path', () => {
  /** Sends 30 MB over a path with a round trip of `rtt` ms; returns both ends' sizes and how long it took, in seconds. */
  function transfer(rtt: number, tcp: ConnectionOptions = {}): { seconds: number; sent: number; received: number } {
    const clock = new VirtualClock();
    const [near, far] = cable({ mtu: 1500 });
    const alice = new Stack({ clock, random: seededRandom(1), tcp });
    const bob = new Stack({ clock, random: seededRandom(2), tcp });
    alice.attach(near, { addresses: [cidrAt(1)] });
    bob.attach(impair(far, { delay: rtt / 2, rate: 1e9, queue: 64 * MIB, seed: 3 }), { addresses: [cidrAt(2)] });
    const size = 30_000_000;
    let got = 0;
    let receiver: Connection | undefined;
    bob.tcp.listen({ address: ANY, port: 7 }, (connection) => {
      receiver = connection;
      connection.handler = {
        onReadable: () => {
          for (let bytes = connection.read(); bytes !== undefined; bytes = connection.read()) got += bytes.byteLength;
        },
      };
    });
    let left = size;
    const chunk = new Uint8Array(256 * KIB);
    const push = (connection: Connection): void => {
      for (let n = 1; n > 0 && left > 0; left -= n)
        n = connection.write(chunk.subarray(0, Math.min(left, chunk.length)));
    };
    const sender = alice.tcp.connect(
      { remoteAddress: hostAt(2), remotePort: 7 },
      { onConnect: push, onWritable: push },
    );
    while (got < size && clock.now() < 60_000 * MS) clock.advance(10 * MS);
    expect(got).toBe(size);
    const sizes = { sent: sender.info().sendBuffer, received: receiver!.info().receiveBuffer };
    const seconds = clock.now() / 1_000_000;
    for (const connection of [sender, receiver!]) connection.abort();
    clock.advance(1000 * MS);
    return { seconds, ...sizes };
  }

  it('with delay: both buffers grow to what the path holds, and the transfer is as fast as it', () => {
    // 1 Gbit/s × 50 ms are 6.25 MB; 512 KiB a round trip would take 2.9 s, 64 KiB 23 s.
    const tuned = transfer(50);
    expect(tuned.received).toBeGreaterThan(4 * MIB);
    expect(tuned.sent).toBeGreaterThan(4 * MIB);
    expect(tuned.seconds).toBeLessThan(1.5);
    const fixed = transfer(50, { sendBuffer: 512 * KIB, receiveBuffer: 512 * KIB });
    expect(fixed).toMatchObject({ sent: 512 * KIB, received: 512 * KIB });
    expect(fixed.seconds).toBeGreaterThan(2.5);
  });

  it('also without timestamps', () => {
    const tuned = transfer(50, { timestamps: false });
    expect(tuned.received).toBeGreaterThan(4 * MIB);
    expect(tuned.seconds).toBeLessThan(1.5);
  });

  it('without delay they stay within 1 MiB', () => {
    const { sent, received } = transfer(0.2);
    expect(received).toBeLessThanOrEqual(MIB);
    expect(sent).toBeLessThanOrEqual(MIB);
  });
});

describe('ReceiveAutotuning: the round-trip time', () => {
  const tuning = () => new ReceiveAutotuning(131_072, 6 * MIB);

  it('by timestamps is smoothed, an eighth of each sample', () => {
    const tune = tuning();
    tune.onInOrder(1000, 10_000, 8 * MS, 0);
    tune.onInOrder(2000, 10_000, 16 * MS, 1);
    expect(tune.rtt).toBe(9 * MS);
  });

  it('by timestamps is not shortened by how soon a window is filled', () => {
    const tune = tuning();
    tune.onInOrder(0, 10_000, 50 * MS, 0);
    tune.onInOrder(10_000, 10_000, 50 * MS, 10 * MS);
    expect(tune.rtt).toBe(50 * MS);
  });
});

describe('ReceiveAutotuning: growth', () => {
  const MSS = 1000;

  /** A buffer with a round-trip time of 10 ms. */
  const tuning = (size: number) => {
    const tune = new ReceiveAutotuning(size, 6 * MIB);
    tune.onInOrder(0, size, 10 * MS, 0);
    return tune;
  };

  it('needs a round-trip time', () => {
    const tune = new ReceiveAutotuning(20_000, 6 * MIB);
    expect(tune.onRead(500_000, MSS, 6 * MIB, 10_000 * MS)).toBe(false);
    expect(tune.size).toBe(20_000);
  });

  it('begins when more is read in a round trip than an initial window of ten segments', () => {
    expect(tuning(20_000).onRead(10 * MSS, MSS, 6 * MIB, 10 * MS)).toBe(false);
    expect(tuning(20_000).onRead(10 * MSS + 1, MSS, 6 * MIB, 10 * MS)).toBe(true);
  });

  it('goes on when more is read than in the best round trip before', () => {
    const tune = tuning(20_000);
    expect(tune.onRead(50_000, MSS, 60_000, 10 * MS)).toBe(true);
    expect(tune.onRead(90_000, MSS, 6 * MIB, 20 * MS)).toBe(false);
    expect(tune.size).toBe(60_000);
    expect(tune.onRead(141_000, MSS, 6 * MIB, 30 * MS)).toBe(true);
  });

  it('never makes the buffer smaller, where less would do', () => {
    const tune = tuning(1_000_000);
    expect(tune.onRead(12_000, MSS, 6 * MIB, 10 * MS)).toBe(false);
    expect(tune.size).toBe(1_000_000);
  });
});
