import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Namespace } from '../test/support/namespace.ts';
import { withNamespace } from '../test/support/namespace.ts';
import { quick } from './support/report.ts';
import { has } from './tun/peers.ts';
import { digits, median } from './tun/results.ts';
import type { Measured } from './tun/scene.ts';
import { compile, drive, missing, setUp, start } from './tun/scene.ts';

/**
 * The gateway case, for orientation: a client in a network namespace reaches a server on the loopback of another through
 * a program that ends its TCP connections and makes its own. docs/benchmarks.md says what is compared.
 */
const SERVE = fileURLToPath(new URL('gateway/serve.js', import.meta.url));
const [WARM, TIMED, RUNS] = quick ? [0.3, 0.15, 1] : [1, 1, 5];
const SECONDS = '60';

interface World {
  readonly name: string;
  /** The program, and the package that has it. */
  readonly program: string;
  readonly packaged: string | undefined;
  /** How a client reaches the loopback behind the program. */
  readonly address: string;
  /** Starts the program, which stands in `host` and serves the namespace `guest`. */
  readonly start: (host: Namespace, guest: Namespace) => Promise<unknown>;
}

/** Waits until the client's namespace has a way out, which these programs make without a word. */
async function wayOut(guest: Namespace): Promise<void> {
  for (let i = 0; i < 100; i++) {
    if ((await guest.ip('route', 'show', 'default')) !== '') return;
    await sleep(50);
  }
  throw new Error('the program has made no route');
}

const WORLDS: readonly World[] = [
  {
    name: 'usernet',
    program: process.execPath,
    packaged: undefined,
    address: '10.7.0.2',
    start: (host) => start(host, 'usernet', process.execPath, [SERVE]),
  },
  {
    name: 'slirp4netns',
    program: 'slirp4netns',
    packaged: 'slirp4netns',
    address: '10.0.2.2',
    start: async (host, guest) => {
      const args = ['--configure', '--mtu=65520', '--netns-type=path', `/run/netns/${guest.name}`, 'tap0'];
      host.spawn('slirp4netns', args);
      await wayOut(guest);
    },
  },
  {
    name: 'passt',
    program: 'pasta',
    packaged: 'passt',
    address: '192.0.2.254',
    start: async (host, guest) => {
      // It copies the addresses and routes of an interface, and takes connections to the router for such to its loopback.
      await host.ip('link', 'add', 'out', 'type', 'veth', 'peer', 'name', 'away');
      await host.ip('address', 'add', '192.0.2.1/24', 'dev', 'out');
      for (const end of ['out', 'away']) await host.ip('link', 'set', end, 'up');
      await host.ip('route', 'add', 'default', 'via', '192.0.2.254');
      const none = ['-t', '-u', '-T', '-U'].flatMap((option) => [option, 'none']);
      const args = ['-f', '-4', '--runas', '0', '--config-net', ...none, '--netns', `/run/netns/${guest.name}`];
      host.spawn('pasta', args);
      await wayOut(guest);
    },
  },
];

const GBIT = 1e9 / 8;
const JOBS = [
  { name: 'out: client → server, Gbit/s', driver: ['source'], perUnit: GBIT, first: 1e7 },
  { name: 'in: server → client, Gbit/s', driver: ['sink'], perUnit: GBIT, first: 1e7 },
  { name: 'connect, 1 B each way, close, k/s', driver: ['connect'], perUnit: 1000, first: 200 },
] as const;
type Job = (typeof JOBS)[number];

async function measure(job: Job, world: World, count: number): Promise<Measured> {
  return withNamespace((host) =>
    withNamespace(async (other) => {
      // usernet's own device can't leave the namespace of its program: there both are one, and the work is the same.
      const guest = world.packaged === undefined ? host : other;
      for (const one of new Set([host, guest])) await setUp(one);
      await start(host, 'the server', 'kernel', ['127.0.0.1', '--seconds', SECONDS]);
      await world.start(host, guest);
      return drive(guest, world.address, job.driver, WARM, count);
    }),
  );
}

async function run(job: Job, worlds: readonly World[]): Promise<Record<string, string>> {
  const rates = new Map(worlds.map(({ name }): [string, number[]] => [name, []]));
  const counts = new Map<string, number>();
  for (let round = 0; round <= RUNS; round++) {
    for (const world of worlds) {
      try {
        const { perSecond } = await measure(job, world, counts.get(world.name) ?? job.first);
        counts.set(world.name, perSecond * TIMED);
        if (round > 0) rates.get(world.name)!.push(perSecond / job.perUnit);
        console.log(
          `${job.name}, ${world.name}: ${digits(perSecond / job.perUnit)}${round === 0 ? ' (first look)' : ''}`,
        );
      } catch (error) {
        process.exitCode = 1;
        console.log(`${job.name}, ${world.name}: failed: ${(error as Error).message}`);
      }
    }
  }
  const row: Record<string, string> = { job: job.name };
  for (const [name, all] of rates) {
    const range = `${digits(Math.min(...all))}–${digits(Math.max(...all))}`;
    row[name] = all.length === 0 ? 'failed' : `${digits(median(all))} (${range})`;
  }
  return row;
}

async function main(): Promise<void> {
  const reason = await missing();
  if (reason !== undefined) return console.log(`skipped: ${reason}`);
  compile();
  const worlds = WORLDS.filter(({ name, program, packaged }) => {
    if (packaged === undefined || has(program)) return true;
    console.log(`without ${name}: apt-get install -y --no-install-recommends ${packaged}`);
    return false;
  });
  const rows = [];
  for (const job of JOBS) rows.push(await run(job, worlds));
  console.table(rows);
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
await main();
// Not every program lets go of its pipes at once: nobody waits for that.
process.exit();
