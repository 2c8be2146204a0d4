import { describe, expect, it } from 'vitest';
import { Batch, batchOf, Checksum } from '../../../src/buffer/batch.ts';
import { memoryOf } from '../../../src/buffer/memory.ts';
import { cable } from '../../../src/link/cable.ts';
import { capture } from '../../../src/link/capture.ts';
import { impair } from '../../../src/link/impair.ts';
import type { Link, LinkHost, LinkOffload } from '../../../src/link/link.ts';
import { loopback } from '../../../src/link/loopback.ts';
import type { LinkPair } from '../../../src/link/suite.ts';
import { linkSuite } from '../../../src/link/suite.ts';
import { tap } from '../../../src/link/tap.ts';
import { pairOf } from './pairs.ts';

function suite(title: string, makePair: () => LinkPair): void {
  describe(`${title} passes the suite:`, () => {
    // A test of the suite rejects when its rule is broken.
    // oxlint-disable-next-line vitest/expect-expect
    it.each(linkSuite(makePair))('$name', ({ run }) => run());
  });
}

/** Both ends of a cable, wrapped. */
function wrapped(offload: boolean, wrap: (link: Link) => Link): LinkPair {
  const [a, b] = cable({ offload });
  return pairOf([wrap(a), wrap(b)]);
}

suite('cable()', () => pairOf(cable()));
suite('cable({ offload })', () => pairOf(cable({ offload: true })));
suite('cable({ mtu: 68 })', () => pairOf(cable({ mtu: 68 })));
suite('cable({ mtu: 65535, offload, queue, queueBytes })', () =>
  pairOf(cable({ mtu: 65_535, offload: true, queue: 7, queueBytes: 3000 })),
);
suite("cable({ medium: 'ethernet' })", () => pairOf(cable({ medium: 'ethernet' })));
suite("cable({ medium: 'ethernet', offload })", () => pairOf(cable({ medium: 'ethernet', offload: true, mtu: 9000 })));
suite("cable({ medium: 'ethernet', mtu: 65535, offload, queue, queueBytes })", () =>
  pairOf(cable({ medium: 'ethernet', mtu: 65_535, offload: true, queue: 7, queueBytes: 3000 })),
);
suite('loopback()', () => {
  const lo = loopback();
  return pairOf([lo, lo]);
});
suite('tap(cable())', () => wrapped(false, (link) => tap(link, {})));
suite('tap(cable({ offload })), whose observer throws', () => {
  const fail = (): void => {
    throw new Error('observer');
  };
  const pair = wrapped(true, (link) => tap(link, { onSend: fail, onReceive: fail }));
  return { ...pair, settle: () => advanceThrough(() => pair.settle()) };
});
suite('capture(cable())', () => wrapped(false, (link) => capture(link, () => {})));
suite('capture(cable({ offload }))', () => wrapped(true, (link) => capture(link, () => {})));
suite('capture(loopback())', () => {
  const lo = capture(loopback(), () => {});
  return pairOf([lo, lo]);
});

suite("impair(cable({ medium: 'ethernet', offload }))", () => {
  const [a, b] = cable({ medium: 'ethernet', offload: true });
  return pairOf([impair(a), b]);
});
suite("impair(cable({ medium: 'ethernet', offload })), from the end with offload", () => {
  const [a, b] = cable({ medium: 'ethernet', offload: true });
  return pairOf([a, impair(b)]);
});
suite("capture(cable({ medium: 'ethernet' }))", () => {
  const [a, b] = cable({ medium: 'ethernet' });
  return pairOf([capture(a, () => {}), b]);
});
suite('impair(cable())', () => wrapped(false, (link) => impair(link)));
suite('impair(cable({ offload, queue, queueBytes })), with a delay', () => {
  const [a, b] = cable({ offload: true, queue: 7, queueBytes: 3000 });
  // Less than `settle` takes for both ends.
  return pairOf([impair(a, { delay: 0.1 }), impair(b, { delay: 0.25, seed: 1 })]);
});
suite('impair(cable({ offload })), from the end with offload', () => {
  const [a, b] = cable({ offload: true });
  return pairOf([a, impair(b, { delay: 0.1, seed: 1 })]);
});

/** Advances a clock past all the errors that come out of it. */
function advanceThrough(advance: () => void | Promise<void>): void {
  for (;;) {
    try {
      void advance();
      return;
    } catch (error) {
      expect((error as Error).message).toBe('observer');
    }
  }
}

/** A link that forwards to another; each planted fault overrides something. */
class Forward implements Link {
  readonly medium = 'ip';
  readonly inner: Link;
  host: LinkHost | undefined;

  constructor(inner: Link) {
    this.inner = inner;
  }

  get mtu(): number {
    return this.inner.mtu;
  }

  get up(): boolean {
    return this.inner.up;
  }

  get offload(): LinkOffload {
    return this.inner.offload;
  }

  open(host: LinkHost): void | Promise<void> {
    this.host = host;
    return this.inner.open(this.hostFor(host));
  }

  /** The host that the inner link is given. */
  hostFor(host: LinkHost): LinkHost {
    return {
      clock: host.clock,
      random: host.random,
      receive: (batch) => this.receive(batch),
      writable: () => host.writable(),
      changed: () => host.changed(),
      closed: (error) => host.closed(error),
    };
  }

  receive(batch: Batch): void {
    this.host?.receive(batch);
  }

  send(batch: Batch): number {
    return this.inner.send(batch);
  }

  close(): void | Promise<void> {
    return this.inner.close();
  }
}

/** Packets that a fault passes on instead of those that came. */
function altered(batch: Batch, change: (packets: Uint8Array[]) => Uint8Array[]): Batch {
  return batchOf(change([...batch].map((packet) => packet.slice())));
}

/** Planted faults, and (part of) the name of the rule that has to notice each. */
const FAULTS: Record<string, [wrap: (link: Link) => Link, noticedBy: string]> = {
  'changes a byte': [
    (link) =>
      new (class extends Forward {
        override receive(batch: Batch): void {
          for (const packet of batch) packet[packet.length - 1]! ^= 1;
          super.receive(batch);
        }
      })(link),
    'carries packets unchanged',
  ],
  'loses a packet': [
    (link) =>
      new (class extends Forward {
        override receive(batch: Batch): void {
          super.receive(altered(batch, (packets) => packets.slice(1)));
        }
      })(link),
    'carries packets unchanged',
  ],
  'doubles a packet': [
    (link) =>
      new (class extends Forward {
        override receive(batch: Batch): void {
          super.receive(altered(batch, (packets) => [...packets, ...packets.slice(-1)]));
        }
      })(link),
    'carries packets unchanged',
  ],
  'turns the order round': [
    (link) =>
      new (class extends Forward {
        override receive(batch: Batch): void {
          super.receive(altered(batch, (packets) => packets.toReversed()));
        }
      })(link),
    'carries packets unchanged',
  ],
  'drops packets as long as the MTU': [
    (link) =>
      new (class extends Forward {
        override receive(batch: Batch): void {
          super.receive(altered(batch, (packets) => packets.filter(({ length }) => length < this.mtu)));
        }
      })(link),
    'carries packets as long as the MTU',
  ],
  'delivers what is too long, cut off': [
    (link) =>
      new (class extends Forward {
        override send(batch: Batch): number {
          for (let i = 0; i < batch.count; i++) batch.length[i] = Math.min(batch.length[i]!, this.mtu);
          return super.send(batch);
        }
      })(link),
    'beyond the MTU',
  ],
  'throws at what is too long': [
    (link) =>
      new (class extends Forward {
        override send(batch: Batch): number {
          for (const packet of batch) if (packet.length > this.mtu) throw new RangeError('too long');
          return super.send(batch);
        }
      })(link),
    'beyond the MTU',
  ],
  'takes one packet of an empty batch': [
    (link) =>
      new (class extends Forward {
        override send(batch: Batch): number {
          return Math.max(1, super.send(batch));
        }
      })(link),
    'empty batch',
  ],
  'never tells of room': [
    (link) =>
      new (class extends Forward {
        override hostFor(host: LinkHost): LinkHost {
          return { ...super.hostFor(host), writable: () => {} };
        }
      })(link),
    'room for',
  ],
  'claims to have taken all': [
    (link) =>
      new (class extends Forward {
        override send(batch: Batch): number {
          super.send(batch);
          return batch.count;
        }
      })(link),
    'room for',
  ],
  'keeps lent bytes': [
    (link) =>
      new (class extends Forward {
        override send(batch: Batch): number {
          const later = batchOf(batch);
          this.host?.clock.defer(() => super.send(later));
          return batch.count;
        }
      })(link),
    'has copied what it took',
  ],
  'rewrites retained memory': [
    (link) =>
      new (class extends Forward {
        #last: Uint8Array | undefined;
        override receive(batch: Batch): void {
          batch.retained = true;
          super.receive(batch);
          this.#last?.fill(0);
          this.#last = batch.packet(0);
        }
      })(link),
    'never rewrites',
  ],
  'delivers inside of send': [
    (link) =>
      new (class extends Forward {
        override send(batch: Batch): number {
          if (this.up) this.host?.receive(batch);
          return super.send(batch);
        }
      })(link),
    'answers sent from inside of receive',
  ],
  'delivers inside of open': [
    (link) =>
      new (class extends Forward {
        override open(host: LinkHost): void | Promise<void> {
          host.receive(batchOf([new Uint8Array(20)]));
          return super.open(host);
        }
      })(link),
    'empty batch',
  ],
  'keeps what was sent before it was open': [
    (link) =>
      new (class extends Forward {
        #early: Batch | undefined;
        override send(batch: Batch): number {
          if (this.host !== undefined) return super.send(batch);
          this.#early = batchOf([...batch].map((packet) => packet.slice()));
          return batch.count;
        }
        override hostFor(host: LinkHost): LinkHost {
          const early = this.#early;
          if (early !== undefined) host.clock.defer(() => host.clock.defer(() => super.send(early)));
          return super.hostFor(host);
        }
      })(link),
    'before it is open',
  ],
  'is up from the start': [
    (link) =>
      new (class extends Forward {
        override get up(): boolean {
          return true;
        }
      })(link),
    'before it is open',
  ],
  'never comes up': [
    (link) =>
      new (class extends Forward {
        override get up(): boolean {
          return false;
        }
      })(link),
    'carries packets unchanged',
  ],
  'takes nothing after close': [
    (link) =>
      new (class extends Forward {
        #shut = false;
        override send(batch: Batch): number {
          return this.#shut ? 0 : super.send(batch);
        }
        override close(): void | Promise<void> {
          this.#shut = true;
          return super.close();
        }
      })(link),
    'after close',
  ],
  'delivers after close': [
    (link) =>
      new (class extends Forward {
        override close(): void {
          this.host?.clock.defer(() => void super.close());
        }
      })(link),
    'delivers nothing to a closed end',
  ],
  'tells of room after close': [
    (link) =>
      new (class extends Forward {
        override send(batch: Batch): number {
          const taken = super.send(batch);
          if (taken < batch.count) this.host?.clock.defer(() => this.host?.writable());
          return taken;
        }
      })(link),
    'tells a closed end of no room',
  ],
  'reports its own close': [
    (link) =>
      new (class extends Forward {
        override close(): void | Promise<void> {
          this.host?.closed();
          return super.close();
        }
      })(link),
    'closes as often',
  ],
  'throws when it is closed twice': [
    (link) =>
      new (class extends Forward {
        #shut = false;
        override close(): void | Promise<void> {
          if (this.#shut) throw new Error('closed already');
          this.#shut = true;
          return super.close();
        }
      })(link),
    'closes as often',
  ],
  'reports the end of its device twice': [
    (link) =>
      new (class extends Forward {
        override hostFor(host: LinkHost): LinkHost {
          const changed = (): void => {
            if (this.up) return;
            host.closed();
            host.closed();
          };
          return { ...super.hostFor(host), changed };
        }
      })(link),
    'when the other end goes',
  ],
  'does not tell that it went down': [
    (link) =>
      new (class extends Forward {
        override hostFor(host: LinkHost): LinkHost {
          return { ...super.hostFor(host), changed: () => {} };
        }
      })(link),
    'when the other end goes',
  ],
  'marks complete checksums as partial': [
    (link) =>
      new (class extends Forward {
        override receive(batch: Batch): void {
          batch.checksum.fill(Checksum.partial);
          super.receive(batch);
        }
      })(link),
    'marks that it vouches for',
  ],
  'loses the mark of a partial checksum': [
    (link) =>
      new (class extends Forward {
        override receive(batch: Batch): void {
          batch.checksum.fill(Checksum.none);
          super.receive(batch);
        }
      })(link),
    'takes partial checksums',
  ],
  'loses the segment size': [
    (link) =>
      new (class extends Forward {
        override receive(batch: Batch): void {
          batch.segmentSize.fill(0);
          super.receive(batch);
        }
      })(link),
    'super-segments',
  ],
  'presents an offload of a megabyte': [
    (link) =>
      new (class extends Forward {
        override get offload(): LinkOffload {
          return { checksum: true, tso: 1 << 20, uso: 0 };
        }
      })(link),
    'describes itself',
  ],
};

/** The names of the tests that fail. */
async function failures(makePair: () => LinkPair): Promise<string[]> {
  const failed: string[] = [];
  for (const { name, run } of linkSuite(makePair)) {
    await run().catch(() => failed.push(name));
  }
  return failed;
}

describe('the suite notices a link that', () => {
  it('none of these: the forwarding itself is clean', async () => {
    expect(await failures(() => wrapped(true, (link) => new Forward(link)))).toEqual([]);
  });

  it.each(Object.entries(FAULTS))('%s', async (_fault, [wrap, noticedBy]) => {
    const failed = await failures(() => wrapped(true, wrap));
    expect(failed.join('\n')).toContain(noticedBy);
  });

  it('delivers to all stations only', async () => {
    class BroadcastOnly extends Forward {
      override receive(batch: Batch): void {
        super.receive(altered(batch, (frames) => frames.filter(([first]) => first === 255)));
      }
    }
    const makePair = (): LinkPair => {
      const [a, b] = cable({ medium: 'ethernet' });
      const ends = [a, b].map((link) => new BroadcastOnly(link));
      for (const end of ends) Object.assign(end, { medium: 'ethernet', address: end.inner.address });
      return pairOf([ends[0]!, ends[1]!]);
    };
    expect(await failures(makePair)).toEqual(['carries frames to the one station that they name, if it is Ethernet']);
  });

  /** Cuts super-segments, each piece with the headers of the whole. */
  class Cutter extends Forward {
    readonly step: number;

    constructor(link: Link, step: number) {
      super(link);
      this.step = step;
    }

    override receive(batch: Batch): void {
      const size = batch.segmentSize[0]!;
      if (size === 0) return super.receive(batch);
      const whole = batch.packet(0);
      const headers = whole[9] === 6 ? 40 : 28;
      const pieces = new Batch();
      for (let at = headers; at < whole.length; at += size + this.step) {
        const piece = Uint8Array.from([...whole.subarray(0, headers), ...whole.subarray(at, at + size)]);
        pieces.push(memoryOf(piece), 0, piece.length, Checksum.partial);
      }
      super.receive(pieces);
    }
  }

  it('cuts super-segments wrongly', async () => {
    const failed = await failures(() => wrapped(true, (link) => new Cutter(link, 1)));
    expect(failed).toEqual(['carries TCP super-segments if it says so', 'carries UDP super-segments if it says so']);
  });

  it('but not one that cuts them rightly', async () => {
    expect(await failures(() => wrapped(true, (link) => new Cutter(link, 0)))).toEqual([]);
  });
});
