import type { CongestionFactory, Connection, Stack } from '../../src/index.ts';
import { congestionControls } from '../../src/index.ts';
import { bbr } from '../../src/tcp/congestion/bbr/bbr.ts';
import { cubic } from '../../src/tcp/congestion/cubic.ts';
import { reno } from '../../src/tcp/congestion/reno.ts';

/** A controller that throws when it is told of the end of what has not begun. */
function watched(factory: CongestionFactory): CongestionFactory {
  return (start) => {
    const inner = factory(start);
    const onCongestion = inner.onCongestion.bind(inner);
    const onRecovered = inner.onRecovered.bind(inner);
    const onSpurious = inner.onSpurious?.bind(inner);
    let told = false;
    inner.onCongestion = (kind, sample) => {
      told = true;
      onCongestion(kind, sample);
    };
    inner.onRecovered = (sample) => {
      if (!told) throw new Error('onRecovered without onCongestion');
      told = false;
      onRecovered(sample);
    };
    inner.onSpurious = (now) => {
      told = false;
      onSpurious?.(now);
    };
    return inner;
  };
}

congestionControls.register('watched-bbr', watched(bbr));
congestionControls.register('watched-cubic', watched(cubic));
congestionControls.register('watched-reno', watched(reno));

/**
 * Of every connection of a stack: each `loss`, or row of them, has one end, `recovered` or `undo`; and what has ended may
 * still be taken back, once.
 */
export class Episodes {
  readonly complaints: string[] = [];
  readonly #open: Map<Connection, 'begun' | 'ended' | 'none'> = new Map();

  constructor(stack: Stack) {
    stack.on('tcp-recovery', ({ connection, type }) => {
      const before = this.#open.get(connection) ?? 'none';
      if (type === 'loss') this.#open.set(connection, 'begun');
      if (type === 'recovered') {
        if (before !== 'begun') this.complaints.push('recovered from nothing');
        this.#open.set(connection, 'ended');
      }
      if (type === 'undo') {
        if (before === 'none') this.complaints.push('nothing to undo');
        this.#open.set(connection, 'none');
      }
    });
  }

  /** Something was lost and its end has not come. */
  isOpen(connection: Connection): boolean {
    return this.#open.get(connection) === 'begun';
  }
}
