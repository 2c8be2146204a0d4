import { expect, onTestFinished } from 'vitest';
import { Checksum, NO_OFFLOAD, Stack, batchOf } from '../../src/index.ts';
import type { LinkOffload } from '../../src/link/link.ts';
import type { Batch, Clock, Connection, ConnectionOptions, Link, LinkHost, ListenOptions } from '../../src/index.ts';
import { ScriptPeer, VirtualClock, seededRandom, stream } from '../../src/sim/index.ts';
import type { Timer } from '../../src/time/clock.ts';
import { parseAnyPacket } from '../../src/wire/packet.ts';
import { ANY, MORE_HEADER, hostAt, cidrAt } from './family.ts';

const MSS = 1460;

/** A virtual clock that knows whether the process would live on: whether a timer that keeps it alive is armed. */
class WatchedClock implements Clock {
  readonly inner: VirtualClock = new VirtualClock();
  readonly #alive = new Set<object>();

  get resolution(): number {
    return this.inner.resolution;
  }

  get keepsAlive(): boolean {
    return this.#alive.size > 0;
  }

  now(): number {
    return this.inner.now();
  }

  wallTime(): number {
    return this.inner.wallTime();
  }

  defer(fn: () => void): void {
    this.inner.defer(fn);
  }

  timer(fn: () => void): Timer {
    let armed = false;
    let referenced = false;
    const key = {};
    const update = (): void => void (armed && referenced ? this.#alive.add(key) : this.#alive.delete(key));
    const set = (nowArmed: boolean, nowReferenced: boolean): void => {
      armed = nowArmed;
      referenced = nowReferenced;
      update();
    };
    const timer = this.inner.timer(() => {
      set(false, referenced);
      fn();
    });
    return {
      at: (us) => {
        timer.at(us);
        set(us !== Infinity, referenced);
      },
      cancel: () => {
        timer.cancel();
        set(false, referenced);
      },
      ref: () => set(armed, true),
      unref: () => set(armed, false),
    };
  }
}

/** A link that takes nothing while it is shut. */
class Gate implements Link {
  readonly medium = 'ip';
  mtu: number = 1500 + MORE_HEADER;
  up: boolean = true;
  offload: LinkOffload = NO_OFFLOAD;
  /** What the link was given: lengths, the segment size noted, the mark of the checksum. */
  readonly given: { length: number; segmentSize: number; checksum: number }[] = [];
  shut: boolean = false;
  host: LinkHost | undefined;
  readonly #heard: (bytes: Uint8Array) => void;

  constructor(heard: (bytes: Uint8Array) => void) {
    this.#heard = heard;
  }

  open(host: LinkHost): void {
    this.host = host;
  }

  send(batch: Batch): number {
    if (this.shut) return 0;
    for (let row = 0; this.up && row < batch.count; row++) {
      const [length, segmentSize, checksum] = [batch.length[row]!, batch.segmentSize[row]!, batch.checksum[row]!];
      this.given.push({ length, segmentSize, checksum });
      const offset = batch.offset[row]!;
      if (checksum === Checksum.none) this.#heard(batch.memory[row]!.bytes.slice(offset, offset + length));
    }
    return batch.count;
  }

  close(): void {}
}

/** A stack behind a gate, and who is on the other side. */
export interface Gated {
  clock: VirtualClock;
  stack: Stack;
  peer: ScriptPeer;
  /** From here on the interface's queue has no room for a single packet. */
  fill(): void;
  /** Until now. */
  open(): void;
  /** The link is up or down; what it is given while it is down is lost. */
  carrier(up: boolean): void;
  /** The link has another MTU. */
  resize(mtu: number): void;
  /** From here on the link completes checksums and cuts super-segments: the peer hears nothing any more. */
  cutting(): void;
  /** What the link was given so far. */
  given: { length: number; segmentSize: number; checksum: number }[];
  /** A process with this stack would not end by itself. */
  keepsAlive(): boolean;
}

/** A stack behind a gate, whose interface's queue the test fills, and a peer played by hand. */
export function gated(tcp: ConnectionOptions = {}): Gated {
  const watched = new WatchedClock();
  const clock = watched.inner;
  const stack = new Stack({ clock: watched, random: seededRandom(1), tcp });
  const peer = new ScriptPeer(
    {
      stackAddress: hostAt(1),
      now: () => clock.now(),
      transmit: (packets) => {
        gate.host!.receive(batchOf(packets));
        clock.advance(0);
      },
      note: () => {},
      failure: (message) => new Error(message),
    },
    { address: hostAt(2), port: 40_000, stackPort: 7 },
  );
  const gate = new Gate((bytes) => {
    const packet = parseAnyPacket(bytes);
    if (typeof packet !== 'string' && packet.tcp !== undefined) peer.hear(packet);
  });
  stack.attach(gate, { addresses: [cidrAt(1)] });
  const fill = (): void => {
    const filler = stack.udp.bind({ address: ANY }, { onMessage: () => {} });
    gate.shut = true;
    for (const size of [1400, 0]) while (filler.send(new Uint8Array(size), 9, hostAt(9)));
    filler.close();
    clock.advance(0);
  };
  const open = (): void => {
    gate.shut = false;
    gate.host!.writable();
    clock.advance(0);
  };
  const cutting = (): void => {
    gate.offload = { checksum: true, tso: 65_535, uso: 0 };
    gate.host!.changed();
  };
  const resize = (mtu: number): void => {
    gate.mtu = mtu + MORE_HEADER;
    gate.host!.changed();
    clock.advance(0);
  };
  const carrier = (up: boolean): void => {
    gate.up = up;
    gate.host!.changed();
    clock.advance(0);
  };
  onTestFinished(() => stack.destroy());
  return {
    clock,
    stack,
    peer,
    fill,
    open,
    carrier,
    resize,
    cutting,
    given: gate.given,
    keepsAlive: () => watched.keepsAlive,
  };
}

/** The same with a connection. */
export interface Connected extends Gated {
  connection: Connection;
  /** Writes the next bytes of the stream. */
  write(length: number): void;
}

/** A connection that the peer has opened. */
export function connected(
  options: ListenOptions = {},
  syn: { flags?: string; sackPermitted?: boolean; wnd?: number } = {},
): Connected {
  const made = gated();
  const { stack, peer, clock } = made;
  stack.tcp.listen(
    { address: ANY, port: 7, ...options },
    (connection) => (connection.handler = { onReadable: () => {} }),
  );
  const { wnd = 65_535, ...offer } = syn;
  peer.wnd = wnd;
  peer.send({ flags: 'S', mss: MSS, ...offer });
  peer.expect({ seq: 0, ack: 1 });
  clock.advance(50_000);
  peer.send({ flags: 'A' });
  const connection = stack.tcp.connections[0]!;
  let written = 0;
  const write = (length: number): void => {
    expect(connection.write(stream(written, length))).toBe(length);
    written += length;
    clock.advance(0);
  };
  return { ...made, connection, write };
}
