import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { Server, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { TransformStream } from 'node:stream/web';
import type { Link } from '../../../src/link/link.ts';
import type { LinkPair } from '../../../src/link/suite.ts';
import type { WebStreamPair } from '../../../src/index.ts';
import { VirtualClock } from '../../../src/time/virtual-clock.ts';
import { pairOf } from './pairs.ts';

/** Turns of the event loop without a sign of life after which nothing is under way between two ends in one process. */
const QUIET = 25;

/** Two ends that are joined by something real: virtual time moves on whenever the event loop has nothing to do. */
export function realPair(ends: readonly [Link, Link], dispose: () => void | Promise<void> = () => {}): LinkPair {
  const clock = new VirtualClock();
  return { ...pairOf(ends, clock), settle: () => clock.run({ for: 5, quiet: QUIET }), dispose };
}

/** Two sockets of the kernel's, joined. */
export async function unixSockets(): Promise<[Socket, Socket]> {
  const folder = mkdtempSync(join(tmpdir(), 'usernet-links-'));
  const server: Server = createServer();
  try {
    server.listen(join(folder, 'socket'));
    await once(server, 'listening');
    const here = connect(join(folder, 'socket'));
    const [there] = (await once(server, 'connection')) as [Socket];
    return [here, there];
  } finally {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Two Duplexes: what is written into one is read from the other, at once, from inside of `write`. */
export function duplexes(objectMode: boolean): [Duplex, Duplex] {
  const make = (): Duplex =>
    new Duplex({
      objectMode,
      // Node 22 has another default than Node 20.
      ...(objectMode ? {} : { highWaterMark: 16_384 }),
      read() {
        const done = waits.get(this);
        waits.delete(this);
        done?.();
      },
      write(chunk, _encoding, done) {
        const other = this === a ? b : a;
        if (other.push(chunk)) done();
        else waits.set(other, done);
      },
      final(done) {
        (this === a ? b : a).push(null);
        done();
      },
    });
  const waits = new Map<Duplex, () => void>();
  const a = make();
  const b = make();
  return [a, b];
}

/** Two pairs of web streams. */
export function webStreams(): [WebStreamPair, WebStreamPair] {
  const there = new TransformStream<Uint8Array, Uint8Array>();
  const back = new TransformStream<Uint8Array, Uint8Array>();
  return [
    { readable: back.readable, writable: there.writable },
    { readable: there.readable, writable: back.writable },
  ];
}
