import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { cable } from '../src/link/cable.ts';
import { createDgram } from '../src/node/dgram.ts';
import { Stack } from '../src/stack/stack.ts';
import type { UdpSocket } from '../src/udp/socket.ts';
import { quick } from './support/report.ts';

/**
 * Datagrams between two stacks in one process, joined by a cable: a second by the clock, and the time on a processor of each
 * for both ends. Core sockets and those of `createDgram`, in turns, so that all meet the same machine.
 */
const DATAGRAMS = quick ? 20_000 : 300_000;
const RUNS = quick ? 3 : 5;
/** Sent in one go: what an interface's queue takes. */
const BURST = 32;
const SIZES = [64, 1400];

/** Sends that many datagrams, and resolves when all have come. */
type Run = (count: number) => Promise<void>;

function pair(): [Stack, Stack] {
  const [a, b] = cable({ mtu: 1500 });
  const [near, far] = [new Stack(), new Stack()];
  near.attach(a, { addresses: ['10.0.0.1/24'] });
  far.attach(b, { addresses: ['10.0.0.2/24'] });
  return [near, far];
}

/** One end sends as soon as the burst before has come. */
function core(size: number): Run {
  const [near, far] = pair();
  const message = new Uint8Array(size);
  let left = 0;
  let came = 0;
  let done = (): void => {};
  const burst = (socket: UdpSocket): void => {
    for (let i = 0; i < BURST; i++) socket.send(message, 9, '10.0.0.2');
  };
  const sender = near.udp.bind({}, { onMessage: () => {} });
  far.udp.bind(
    { port: 9 },
    {
      onMessage: () => {
        if (++came % BURST > 0) return;
        if ((left -= BURST) > 0) burst(sender);
        else done();
      },
    },
  );
  return async (count) => {
    left = count;
    await new Promise<void>((resolve) => {
      done = resolve;
      burst(sender);
    });
  };
}

async function dgram(size: number): Promise<Run> {
  const [near, far] = pair();
  const message = Buffer.alloc(size);
  // What is used here is the same in Node's.
  const sender: Socket = createDgram(near).createSocket('udp4');
  const receiver: Socket = createDgram(far).createSocket('udp4');
  await Promise.all([once(sender.bind(), 'listening'), once(receiver.bind(9), 'listening')]);
  let left = 0;
  let came = 0;
  let done = (): void => {};
  const burst = (): void => {
    for (let i = 0; i < BURST; i++) sender.send(message, 9, '10.0.0.2');
  };
  receiver.on('message', () => {
    if (++came % BURST > 0) return;
    if ((left -= BURST) > 0) burst();
    else done();
  });
  return async (count) => {
    left = count;
    await new Promise<void>((resolve) => {
      done = resolve;
      burst();
    });
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((x, y) => x - y)[values.length >> 1]!;
}

const cases: { name: string; run: Run; rates: number[]; cpu: number[] }[] = [];
for (const size of SIZES) {
  cases.push({ name: `stack.udp, ${size} B`, run: core(size), rates: [], cpu: [] });
  cases.push({ name: `createDgram, ${size} B`, run: await dgram(size), rates: [], cpu: [] });
}
for (let run = -1; run < RUNS; run++) {
  for (const { run: send, rates, cpu } of cases) {
    const [began, used] = [performance.now(), process.cpuUsage()];
    await send(DATAGRAMS);
    const seconds = (performance.now() - began) / 1000;
    const { user, system } = process.cpuUsage(used);
    // The first one is for the compiler.
    if (run < 0) continue;
    rates.push(DATAGRAMS / seconds);
    cpu.push(((user + system) * 1000) / DATAGRAMS);
  }
}
console.table(
  cases.map(({ name, rates, cpu }) => ({
    case: name,
    'median k datagrams/s': (median(rates) / 1000).toFixed(0),
    'median CPU ns each': median(cpu).toFixed(0),
    'min CPU ns each': Math.min(...cpu).toFixed(0),
  })),
);
process.exit();
