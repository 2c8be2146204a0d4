import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Namespace } from '../../test/support/namespace.ts';
import { withNamespace } from '../../test/support/namespace.ts';
import { flowsOf } from '../../src/node/steering.ts';
import { Address } from '../../src/wire/address.ts';
import { BINARIES, SERVER, setUp } from './scene.ts';

/** A run that takes longer has failed; seconds. */
const LONGEST_RUN = 20;
const KERNEL = Address.parse('10.7.0.1');

/** A job of several clients, each a driver with `driver` as its job and options. */
export interface WorkersJob {
  readonly name: string;
  readonly unit: string;
  readonly perUnit: number;
  readonly driver: readonly string[];
  /** The server's port, where each driver has one socket: its own port is chosen so that each worker has as many. */
  readonly port?: number;
  /** What each driver counts in the first run, from which the length of the others follows. */
  readonly first: number;
}

/** A port for the `driver`-th of several clients, whose packets come to the worker `driver` % 2, with two workers. */
function portFor(driver: number, port: number): number {
  const owns = flowsOf({ index: driver % 2, of: 2 });
  for (let from = 33_000 + 100 * driver; ; from++) if (owns(port, KERNEL, from)) return from;
}

/**
 * Runs a job once with so many workers and clients, all on whatever processors there are, and returns what all clients together did in
 * a second, in the driver's count.
 *
 * @param warm seconds before the clock starts.
 * @param count what is timed, of each client.
 */
export async function measureWorkers(
  job: WorkersJob,
  workers: number,
  clients: number,
  warm: number,
  count: number,
): Promise<number> {
  return withNamespace(async (ns) => {
    await setUp(ns);
    const server = ns.spawn(process.execPath, [SERVER, 'stack', '10.7.0.2', 'auto', 'tun', String(workers)]);
    await ready(server);
    const done = await Promise.all(Array.from({ length: clients }, (_, i) => drive(ns, job, i, warm, count)));
    server.kill('SIGKILL');
    const seconds = Math.max(...done.map((one) => one.seconds));
    return done.reduce((sum, one) => sum + one.count, 0) / seconds;
  });
}

async function ready(server: ChildProcessWithoutNullStreams): Promise<void> {
  let stderr = '';
  server.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  server.stdin.on('error', () => {}); // it may end without reading
  await new Promise<void>((resolve, reject) => {
    createInterface(server.stdout).once('line', () => resolve());
    server.once('close', () => reject(new Error(`the server ended: ${stderr.trim()}`)));
  });
}

async function drive(
  ns: Namespace,
  job: WorkersJob,
  index: number,
  warm: number,
  count: number,
): Promise<{ count: number; seconds: number }> {
  const [name, ...options] = job.driver;
  const amount = ['--warm', String(warm), '--count', String(Math.ceil(count)), '--seconds', String(LONGEST_RUN)];
  const from = job.port === undefined ? [] : ['--from', String(portFor(index, job.port))];
  const { status, signal, stdout, stderr } = await ns.run(
    `${BINARIES}driver`,
    [name!, '10.7.0.2', ...options, ...from, ...amount],
    { timeout: (LONGEST_RUN + 1) * 1000 },
  );
  if (status !== 0) throw new Error(stderr.trim() || `driver: ${signal ?? status}`);
  return JSON.parse(stdout) as { count: number; seconds: number };
}
