import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ScriptWorld, handshake } from '../../../src/sim/index.ts';
import type { EstablishedOptions } from '../../../src/sim/index.ts';
import type { SegmentSpec } from '../../../src/sim/script-segment.ts';
import { ControlBlock } from '../../../src/tcp/control-block.ts';
import { Ecn } from '../../../src/tcp/ecn.ts';
import { headerPrediction } from '../../../src/tcp/header-prediction.ts';
import { FAMILY, MORE_HEADER } from '../../support/family.ts';

/** A segment of the peer's, in terms of where its stream and ours stand. */
interface Drawn {
  kind: 'text' | 'gap' | 'old' | 'ack' | 'fin' | 'urgent' | 'sack' | 'late' | 'rst' | 'ece';
  length: number;
  /** Of what is on its way, how much is acknowledged: 0 to 4 quarters. */
  quarters: number;
  wnd: number;
}

type Step =
  | { do: 'batch'; segments: Drawn[] }
  | { do: 'write'; length: number }
  | { do: 'read' }
  | { do: 'pass'; us: number }
  | { do: 'shutdown' };

const drawn = fc.record<Drawn>({
  kind: fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom('text' as const, 'ack' as const) },
    {
      weight: 3,
      arbitrary: fc.constantFrom(
        ...(['gap', 'old', 'fin', 'urgent', 'sack', 'sack', 'sack', 'late', 'rst', 'ece'] as const),
      ),
    },
  ),
  length: fc.constantFrom(1, 100, 1448, 1460),
  quarters: fc.constantFrom(0, 0, 0, 1, 2, 4),
  wnd: fc.constantFrom(65_535, 65_535, 65_535, 30_000, 0),
});

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('batch' as const),
      segments: fc.array(drawn, { minLength: 1, maxLength: 8 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('write' as const), length: fc.integer({ min: 1, max: 20_000 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('read' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('pass' as const), us: fc.constantFrom(100, 20_000, 40_000, 300_000) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('shutdown' as const) }) },
) as fc.Arbitrary<Step>;

const options = fc.record<EstablishedOptions>({
  sack: fc.boolean(),
  timestamps: fc.boolean(),
  windowScale: fc.constantFrom(0, 7),
  rtt: fc.constantFrom(0, 20_000),
});

/** One of the two stages. */
class Stage {
  readonly tcb: ControlBlock;
  readonly #short: boolean;
  readonly #made: ReturnType<typeof handshake<ScriptWorld>>;
  #written: number = 0;
  #acked: number = 1;
  #next: number = 1;

  constructor(short: boolean, how: EstablishedOptions) {
    this.#short = short;
    headerPrediction.on = short;
    const touch = vi.spyOn(ControlBlock.prototype, 'touch');
    const all = { ...how, family: FAMILY, mtu: 1500 + MORE_HEADER };
    this.#made = handshake(new ScriptWorld(all), all);
    this.tcb = touch.mock.contexts.at(-1) as ControlBlock;
    touch.mockRestore();
  }

  play(one: Step): void {
    headerPrediction.on = this.#short;
    const { world, connection } = this.#made;
    switch (one.do) {
      case 'batch':
        return this.#made.peer.sendAll(one.segments.map((segment) => this.#specOf(segment)));
      case 'write':
        if (this.#written + one.length <= this.#acked + 60_000 && connection.writableLength >= one.length) {
          this.#written += one.length;
          if (this.tcb.finAt === undefined && !this.tcb.closed) world.write(connection, one.length);
        }
        return;
      case 'read':
        return void world.read(connection);
      case 'pass':
        return world.advance(one.us);
      default:
        return world.act(() => connection.shutdown());
    }
  }

  #specOf({ kind, length, quarters, wnd }: Drawn): SegmentSpec {
    const { peer } = this.#made;
    const heard = Math.max(peer.heardUpTo, 1);
    const ack = this.#acked + Math.floor(((heard - this.#acked) * quarters) / 4);
    this.#acked = ack;
    const spec: SegmentSpec = { flags: 'A', seq: this.#next, ack, wnd };
    if (kind === 'ack') return spec;
    if (kind === 'sack') return heard - ack < 2 ? spec : { ...spec, sack: [[ack + 1, heard]] };
    if (kind === 'rst') return { ...spec, flags: 'RA', seq: this.#next + 1 };
    if (kind === 'gap') return { ...spec, seq: this.#next + 1448, data: length };
    if (kind === 'old') return { ...spec, seq: Math.max(1, this.#next - length), data: length };
    this.#next += length;
    if (kind === 'fin') return { ...spec, flags: 'FPA', data: length };
    if (kind === 'urgent') return { ...spec, flags: 'UA', urgent: length, data: length };
    if (kind === 'late' && peer.timestamps) return { ...spec, data: length, tsval: peer.tsNow - 5000 };
    return { ...spec, flags: kind === 'ece' ? 'EA' : 'PA', data: length };
  }

  /** All that can be seen of it, and all that the control block keeps. */
  seen(): unknown {
    const { world, connection, events, peer } = this.#made;
    const heard = peer.take().map(({ packet: _packet, ...rest }) => rest);
    return {
      heard,
      events: [...events],
      info: connection.info(),
      counters: world.stack.counters.snapshot(),
      deadline: this.tcb.nextDeadline(),
      kept: kept(this.tcb),
    };
  }
}

const PARTS = [
  'snd',
  'rcv',
  'receiveWindow',
  'scoreboard',
  'rto',
  'rack',
  'timestamps',
  'acker',
  'ecn',
  'sack',
] as const;

/** The fields of a control block and of its parts that are no objects. */
function kept(tcb: ControlBlock): unknown {
  return [tcb, ...PARTS.map((part) => tcb[part])].map((part) => {
    if (part === undefined) return undefined;
    return Object.fromEntries(Object.entries(part).filter(([, value]) => typeof value !== 'object'));
  });
}

afterEach(() => {
  headerPrediction.on = true;
});

describe('header prediction', () => {
  it('does with any segment what the long way does', () => {
    fc.assert(
      fc.property(options, fc.array(step, { minLength: 5, maxLength: 60 }), (how, steps) => {
        const [short, long] = [new Stage(true, how), new Stage(false, how)];
        for (const one of steps) {
          short.play(one);
          long.play(one);
          expect(short.seen()).toEqual(long.seen());
        }
      }),
      { numRuns: 60 },
    );
  });

  it('leaves the reordering timer to the long way', () => {
    const how = { sack: true, timestamps: true, rtt: 20_000 };
    const [short, long] = [new Stage(true, how), new Stage(false, how)];
    const segment = { length: 1000, wnd: 65_535, quarters: 0 };
    for (const one of [
      { do: 'write', length: 2896 },
      { do: 'pass', us: 20_000 },
      { do: 'batch', segments: [{ ...segment, kind: 'sack' }] },
      { do: 'pass', us: 100 },
      { do: 'batch', segments: [{ ...segment, kind: 'text' }] },
    ] satisfies Step[]) {
      short.play(one);
      long.play(one);
    }
    expect(long.tcb.sack?.reorderAt).toBeLessThan(Infinity);
    expect(short.seen()).toEqual(long.seen());
  });

  it('takes the short way with text in order and with an ACK of new data', () => {
    const stage = new Stage(true, { sack: true, timestamps: true });
    // Asked by the long way of every segment.
    const longWay = vi.spyOn(Ecn.prototype, 'onArrival');
    stage.play({ do: 'write', length: 2896 });
    const usual = { length: 1448, wnd: 65_535 };
    stage.play({
      do: 'batch',
      segments: [
        { ...usual, kind: 'text', quarters: 0 },
        { ...usual, kind: 'ack', quarters: 4 },
      ],
    });
    expect(longWay).not.toHaveBeenCalled();
    expect([stage.tcb.bytesReceived, stage.tcb.bytesAcked]).toEqual([1448, 2896]);
    stage.play({ do: 'batch', segments: [{ ...usual, kind: 'gap', quarters: 4 }] });
    expect(longWay).toHaveBeenCalledTimes(1);
    longWay.mockRestore();
  });
});
