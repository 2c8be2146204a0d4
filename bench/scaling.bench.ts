import { cable } from '../src/link/cable.ts';
import { ConnectionTable } from '../src/stack/connection-table.ts';
import type { FourTuple } from '../src/stack/connection-table.ts';
import { Stack } from '../src/stack/stack.ts';
import type { Connection } from '../src/tcp/connection.ts';
import { seededRandom } from '../src/time/seeded-random.ts';
import { TimerWheel } from '../src/time/timer-wheel.ts';
import { VirtualClock } from '../src/time/virtual-clock.ts';
import { Address } from '../src/wire/address.ts';
import { median, quick } from './support/report.ts';

/**
 * How the cost of one lookup, of one timer and of one request and its answer grows with the number of connections that
 * are open beside it: on one of them again and again, and on one chosen at random, which finds nothing in the processor's
 * caches.
 */
const COUNTS = quick ? [1, 100, 10_000] : [1, 100, 10_000, 100_000];
const RUNS = quick ? 3 : 5;
const PORT = 9;
/** Connections between two addresses, fewer than there are ephemeral ports. */
const PER_ADDRESS = 20_000;

/** Nanoseconds of a processor for one call, the median of the runs. */
function cost(times: number, operation: (i: number) => void): number {
  for (let i = 0; i < times; i++) operation(i);
  const runs: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    const used = process.cpuUsage();
    for (let i = 0; i < times; i++) operation(i);
    const { user, system } = process.cpuUsage(used);
    runs.push(((user + system) * 1000) / times);
  }
  return median(runs);
}

/** Random places among `count`, the same for all that is measured. */
function places(count: number): Uint32Array {
  const random = seededRandom(1);
  return Uint32Array.from({ length: 0x1_0000 }, () => random.uint32() % count);
}

function lookups(count: number): Costs {
  const local = Address.parse('10.0.0.1');
  const peers = Array.from({ length: 256 }, (_, i) => Address.parse(`10.0.1.${i}`));
  const tuples = Array.from({ length: count }, (_, i): FourTuple => {
    return { localAddress: local, localPort: 80, remoteAddress: peers[i & 255]!, remotePort: 1024 + (i >> 8) };
  });
  const table = new ConnectionTable(seededRandom(1));
  for (const tuple of tuples) table.add(tuple);
  const chosen = places(count);
  const find = ({ remoteAddress, remotePort }: FourTuple): void => {
    if (table.find(local, 80, remoteAddress, remotePort) === undefined) throw new Error('not found');
  };
  return {
    same: cost(200_000, () => find(tuples[0]!)),
    random: cost(200_000, (i) => find(tuples[chosen[i & 0xffff]!]!)),
  };
}

function timers(count: number): Costs {
  const wheel = new TimerWheel(new VirtualClock());
  const armed = Array.from({ length: count }, () => wheel.timer(() => {}));
  armed.forEach((timer, i) => timer.arm(1_000_000 + ((i * 7919) % count) * 100));
  const chosen = places(count);
  // Earlier and later in turns: later alone is only noted.
  const rearm = (timer: (typeof armed)[number], i: number): void => timer.arm(500_000 + (i & 0xfff) * 200);
  return {
    same: cost(200_000, (i) => rearm(armed[0]!, i)),
    random: cost(200_000, (i) => rearm(armed[chosen[i & 0xffff]!]!, i)),
  };
}

/** 64 bytes there and back over a cable, both ends. */
function roundTrips(count: number): Costs {
  const clock = new VirtualClock();
  const [a, b] = cable({ mtu: 1500 });
  const near = new Stack({ clock });
  const far = new Stack({ clock });
  const addresses = Array.from({ length: Math.ceil(count / PER_ADDRESS) }, (_, i) => `10.0.0.${i + 2}`);
  near.attach(a, { addresses: ['10.0.0.1/24'] });
  far.attach(b, { addresses: addresses.map((address) => `${address}/24`) });
  const echo = { onReadable: (c: Connection): void => void c.write(c.read()!) };
  far.tcp.listen({ port: PORT, backlog: count }, (connection) => {
    connection.handler = echo;
  });
  let answers = 0;
  const take = { onReadable: (c: Connection): void => void (answers += c.read()!.length) };
  const open: Connection[] = [];
  for (let i = 0; i < count; i++) {
    const remoteAddress = addresses[i % addresses.length]!;
    open.push(near.tcp.connect({ remoteAddress, remotePort: PORT }, take));
    if (i % 500 === 499) clock.advance(10_000);
  }
  clock.advance(1_000_000);
  const request = new Uint8Array(64);
  const ask = (connection: Connection): void => {
    const wanted = answers + request.length;
    connection.write(request);
    clock.advance(100);
    if (answers !== wanted) throw new Error('no answer');
  };
  const chosen = places(count);
  const times = quick ? 2000 : 10_000;
  const result = {
    same: cost(times, () => ask(open[0]!)),
    random: cost(times, (i) => ask(open[chosen[i & 0xffff]!]!)),
  };
  void near.destroy();
  void far.destroy();
  return result;
}

interface Costs {
  readonly same: number;
  readonly random: number;
}

const CASES = { 'lookup by four-tuple': lookups, 're-arm a timer': timers, '64 B there and back': roundTrips };
const rows: object[] = [];
for (const [name, measure] of Object.entries(CASES)) {
  let first: Costs | undefined;
  for (const count of COUNTS) {
    const { same, random } = measure(count);
    first ??= { same, random };
    rows.push({
      case: name,
      connections: count,
      'same, ns': same.toFixed(0),
      'growth of same': (same / first.same).toFixed(2),
      'random, ns': random.toFixed(0),
      'growth of random': (random / first.random).toFixed(2),
    });
  }
}
console.table(rows);
