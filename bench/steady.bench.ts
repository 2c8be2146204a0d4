import { PerformanceObserver, createHistogram } from 'node:perf_hooks';
import { cable } from '../src/link/cable.ts';
import { createNet } from '../src/node/net.ts';
import { Stack } from '../src/stack/stack.ts';
import type { Connection } from '../src/tcp/connection.ts';
import { VirtualClock } from '../src/time/virtual-clock.ts';
import { quick } from './support/report.ts';

/**
 * A transfer that goes on at full rate: what it allocates for each segment, how long the garbage collector stops it, and
 * how late the program's own timers are beside it.
 */
const SECONDS = quick ? 2 : 15;
const MSS = 1460;
/** Bytes of payload of whole writes: before anything is counted, and between two looks at the heap. */
const WARM = (quick ? 20 : 200) * 16 * 65_536;
const STRETCH = 16 * 65_536;
const STRETCHES = quick ? 50 : 1000;

interface Pauses {
  readonly stop: () => { median: number; p99: number; most: number; count: number };
}

/** Milliseconds of each pause for garbage collection, from now on. */
function watchPauses(): Pauses {
  const histogram = createHistogram();
  const take = (entries: readonly { duration: number }[]): void => {
    for (const { duration } of entries) histogram.record(Math.max(1, Math.round(duration * 1000)));
  };
  const observer = new PerformanceObserver((list) => take(list.getEntries()));
  observer.observe({ entryTypes: ['gc'] });
  return {
    stop: () => {
      take(observer.takeRecords());
      observer.disconnect();
      if (histogram.count === 0) return { median: 0, p99: 0, most: 0, count: 0 };
      const at = (percent: number): number => histogram.percentile(percent) / 1000;
      return { median: at(50), p99: at(99), most: histogram.max / 1000, count: histogram.count };
    },
  };
}

interface Transfer {
  /** Carries so many bytes; all is done when it returns. */
  readonly carry: (bytes: number) => void;
  readonly destroy: () => void;
}

/** Two stacks and a connection between them, in virtual time, so that nothing else runs. */
function transfer(offload: boolean): Transfer {
  const clock = new VirtualClock();
  const [a, b] = cable({ mtu: 1500, offload });
  const [sender, receiver] = [new Stack({ clock }), new Stack({ clock })];
  sender.attach(a, { addresses: ['10.0.0.1/24'] });
  receiver.attach(b, { addresses: ['10.0.0.2/24'] });
  let received = 0;
  let left = 0;
  const take = {
    onReadable: (c: Connection): void => {
      for (let bytes = c.read(); bytes; bytes = c.read()) received += bytes.length;
    },
  };
  receiver.tcp.listen({ port: 9 }, (connection) => {
    connection.handler = take;
  });
  const chunk = new Uint8Array(65_536);
  const push = (connection: Connection): void => {
    while (left > 0 && connection.write(chunk) === chunk.length) left -= chunk.length;
  };
  const connection = sender.tcp.connect({ remoteAddress: '10.0.0.2', remotePort: 9 }, { onWritable: push });
  clock.advance(1000);
  return {
    carry: (bytes) => {
      const end = received + bytes;
      left = bytes;
      push(connection);
      while (received < end) clock.advance(1000);
    },
    destroy: () => {
      void sender.destroy();
      void receiver.destroy();
    },
  };
}

/** Bytes for each segment of payload, over stretches within which nothing was collected. */
function allocated(offload: boolean): { heap: number; external: number } {
  const { carry, destroy } = transfer(offload);
  carry(WARM);
  let [heap, external, segments] = [0, 0, 0];
  for (let i = 0; i < STRETCHES; i++) {
    const before = process.memoryUsage();
    carry(STRETCH);
    const after = process.memoryUsage();
    // Where the collector came in between there is nothing to count.
    if (after.heapUsed < before.heapUsed || after.external < before.external) continue;
    heap += after.heapUsed - before.heapUsed;
    external += after.external - before.external;
    segments += STRETCH / MSS;
  }
  destroy();
  return { heap: heap / segments, external: external / segments };
}

/** Pauses for garbage collection at full rate. */
async function pauses(offload: boolean): Promise<ReturnType<Pauses['stop']>> {
  const { carry, destroy } = transfer(offload);
  carry(WARM);
  const watched = watchPauses();
  const end = performance.now() + SECONDS * 1000;
  while (performance.now() < end) {
    carry(STRETCH);
    // The observer is told between turns.
    await new Promise(setImmediate);
  }
  const result = watched.stop();
  destroy();
  return result;
}

interface Lateness {
  readonly ticks: number;
  readonly median: number;
  readonly p99: number;
  readonly most: number;
  readonly gbits: number;
}

/** How late an interval of 1 ms is, in milliseconds, beside a transfer through net sockets in the host's time. */
async function lateness(connections: number, offload: boolean): Promise<Lateness> {
  const [a, b] = cable({ mtu: 1500, offload });
  const [near, far] = [new Stack(), new Stack()];
  near.attach(a, { addresses: ['10.0.0.1/24'] });
  far.attach(b, { addresses: ['10.0.0.2/24'] });
  let received = 0;
  const server = createNet(far).createServer((socket) => {
    socket.on('data', (chunk: Buffer) => void (received += chunk.length)).on('error', () => {});
  });
  server.listen(9);
  const chunk = Buffer.alloc(65_536);
  const net = createNet(near);
  for (let i = 0; i < connections; i++) {
    const socket = net.connect(9, '10.0.0.2');
    const push = (): void => {
      while (!socket.destroyed && socket.write(chunk));
    };
    socket.on('connect', push).on('drain', push);
    socket.on('error', () => {});
  }
  await new Promise((resolve) => setTimeout(resolve, quick ? 500 : 2000));
  const histogram = createHistogram();
  let last = performance.now();
  const bytes = received;
  const began = last;
  const interval = setInterval(() => {
    const now = performance.now();
    histogram.record(Math.max(1, Math.round((now - last - 1) * 1000)));
    last = now;
  }, 1);
  await new Promise((resolve) => setTimeout(resolve, SECONDS * 1000));
  clearInterval(interval);
  const gbits = ((received - bytes) * 8) / (performance.now() - began) / 1e6;
  await Promise.all([near.destroy(), far.destroy()]);
  const at = (percent: number): number => histogram.percentile(percent) / 1000;
  return { ticks: histogram.count, median: at(50), p99: at(99), most: histogram.max / 1000, gbits };
}

const heapRows: object[] = [];
for (const offload of [false, true]) {
  const { heap, external } = allocated(offload);
  const { count, median, p99, most } = await pauses(offload);
  heapRows.push({
    case: offload ? 'offload marks' : '1460 B segments',
    'heap B a segment': heap.toFixed(1),
    'beside it, B a segment': external.toFixed(0),
    'GC pauses': count,
    'ms, median': median.toFixed(2),
    p99: p99.toFixed(2),
    max: most.toFixed(2),
  });
}
console.log(`allocated for each ${MSS} B of payload, both ends; pauses in ${SECONDS} s`);
console.table(heapRows);

const lateRows: object[] = [];
for (const offload of [false, true]) {
  for (const connections of [1, 100]) {
    const { ticks, median, p99, most, gbits } = await lateness(connections, offload);
    lateRows.push({
      case: offload ? 'offload marks' : '1460 B segments',
      connections,
      'Gbit/s': gbits.toFixed(2),
      ticks,
      'late ms, median': median.toFixed(2),
      p99: p99.toFixed(2),
      max: most.toFixed(2),
    });
  }
}
console.log('an interval of 1 ms beside net sockets at full rate');
console.table(lateRows);
process.exit(0);
