import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Namespace } from '../../test/support/namespace.ts';
import { withNamespace } from '../../test/support/namespace.ts';
import type { Job, WorldName } from './jobs.ts';
import { PEERS, has } from './peers.ts';

/** Seen from build/bench/tun. */
const SOURCES = fileURLToPath(new URL('../../../bench/native/', import.meta.url));
export const BINARIES = fileURLToPath(new URL('../native/', import.meta.url));
export const SERVER = fileURLToPath(new URL('serve.js', import.meta.url));

/** A run that takes longer has failed; seconds. */
const LONGEST_RUN = 30;

const PROGRAMS: Record<string, readonly string[]> = {
  driver: ['driver.c', 'driver-tcp.c', 'driver-udp.c'],
  kernel: ['kernel.c'],
  ceiling: ['ceiling.c', 'ceiling-device.c', 'ceiling-tcp.c', 'ceiling-udp.c', 'checksum.c'],
};

/** Servers that run now: they end with this process, whatever ends it. The driver and the C loop see to that themselves. */
const living = new Set<ChildProcessWithoutNullStreams>();

process.on('exit', () => {
  for (const server of living) server.kill('SIGKILL');
});

/** Why nothing can be measured here, in one line, or undefined. */
export async function missing(): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'TUN devices need Linux';
  for (const program of ['cc', 'ip', 'taskset', 'sh']) {
    if (!has(program)) return `the program ${program} is not installed`;
  }
  if (!existsSync('/dev/net/tun')) return 'there is no /dev/net/tun';
  try {
    await withNamespace((ns) => ns.ip('tuntap', 'add', 'probe', 'mode', 'tun'));
    return undefined;
  } catch (error) {
    return `no right to make network namespaces and TUN devices (root has it): ${String(error).split('\n')[0]}`;
  }
}

/** Compiles the programs in C. */
export function compile(): void {
  mkdirSync(BINARIES, { recursive: true });
  const unknown = readdirSync(SOURCES).filter(
    (file) => file.endsWith('.c') && !Object.values(PROGRAMS).flat().includes(file),
  );
  if (unknown.length > 0) throw new Error(`no program has ${unknown.join(' ')}`);
  for (const [program, files] of Object.entries(PROGRAMS)) {
    const flags = ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-o', BINARIES + program];
    execFileSync('cc', [...flags, ...files.map((file) => SOURCES + file)], { stdio: 'inherit' });
  }
}

/** What a run gave. */
export interface Measured {
  /** In the driver's count. */
  readonly perSecond: number;
  /** Datagrams that were lost on the way. */
  readonly lost: number;
}

/**
 * Runs a job once, in a namespace and with a server of its own. Rejects with the reason when it fails.
 *
 * @param warm seconds before the clock starts.
 * @param count what is timed, in the driver's count.
 */
export async function measure(job: Job, world: WorldName, warm: number, count: number): Promise<Measured> {
  const peer = PEERS[world];
  if (world !== 'Linux' && peer?.device(job) !== 'wire') {
    return withNamespace(async (ns) => {
      if (peer !== undefined) await makeTun(ns);
      return measureIn(ns, ns, job, world, [warm, count]);
    });
  }
  return withNamespace((ns) =>
    withNamespace(async (other) => {
      await ns.ip('link', 'add', 'wire', 'type', 'veth', 'peer', 'name', 'wire', 'netns', other.name);
      await ns.ip('address', 'add', '10.7.0.1/24', 'dev', 'wire');
      // A peer's stack has the address; it would not be alone if the kernel behind it had it, too.
      if (peer === undefined) await other.ip('address', 'add', '10.7.0.2/24', 'dev', 'wire');
      for (const end of [ns, other]) await end.ip('link', 'set', 'wire', 'up');
      return measureIn(ns, other, job, world, [warm, count]);
    }),
  );
}

/** The device for a program that only opens one; the queue as `openTun` sets it. */
async function makeTun(ns: Namespace): Promise<void> {
  await ns.ip('tuntap', 'add', 'tun0', 'mode', 'tun');
  await ns.ip('address', 'add', '10.7.0.1/24', 'dev', 'tun0');
  await ns.ip('link', 'set', 'tun0', 'mtu', '1500', 'txqueuelen', '4096', 'up');
}

/** The driver in one namespace, the server in the same or another. */
async function measureIn(
  ns: Namespace,
  servers: Namespace,
  job: Job,
  world: WorldName,
  [warm, count]: [number, number],
): Promise<Measured> {
  for (const one of new Set([ns, servers])) await setUp(one);
  const server = await start(servers, world, ...serverOf(job, world));
  pin(server.pid, job.oneCore ? 0 : 1 % availableParallelism(), PEERS[world] !== undefined);
  return Promise.race([drive(ns, addressOf(job, world), job.driver, warm, count), server.failed]);
}

/** Runs the client. */
export async function drive(
  ns: Namespace,
  address: string,
  [job, ...options]: readonly string[],
  warm: number,
  count: number,
): Promise<Measured> {
  const amount = ['--warm', String(warm), '--count', String(Math.ceil(count)), '--seconds', String(LONGEST_RUN)];
  const { status, signal, stdout, stderr } = await ns.run(
    'taskset',
    ['-c', '0', `${BINARIES}driver`, job!, address, ...options, ...amount],
    { timeout: (LONGEST_RUN + 1) * 1000 },
  );
  if (status !== 0) throw new Error(stderr.trim() || `driver: ${signal ?? status}`);
  const { count: done, seconds, lost } = JSON.parse(stdout) as { count: number; seconds: number; lost: number };
  return { perSecond: done / seconds, lost };
}

/** BBR, the default of some machines, paces; on a path without loss Reno is as good as CUBIC, and is always allowed. */
export async function setUp(ns: Namespace): Promise<void> {
  const setting = '/proc/sys/net/ipv4/tcp_congestion_control';
  const { status, stderr } = await ns.run('sh', ['-c', `echo reno >${setting}`]);
  if (status !== 0) throw new Error(`${setting}: ${stderr.trim()}`);
}

export interface Server {
  readonly pid: number;
  /** Rejects when it ends by itself. */
  readonly failed: Promise<never>;
}

/** Starts a server, ours by its name alone, and waits until it is ready. */
export async function start(ns: Namespace, name: string, program: string, args: string[]): Promise<Server> {
  const server = ns.spawn(program in PROGRAMS ? BINARIES + program : program, args);
  living.add(server);
  let stderr = '';
  server.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  server.stdin.on('error', () => {}); // it may end without reading
  const failed = new Promise<never>((_, reject) => {
    server.once('close', () => {
      living.delete(server);
      reject(new Error(`the server of ${name} ended: ${errorIn(stderr)}`));
    });
  });
  // Every server is ended at last, when nobody waits for it any more.
  failed.catch(() => {});
  const late = setTimeout(() => server.kill('SIGKILL'), LONGEST_RUN * 1000);
  const ready = new Promise<void>((resolve) => {
    createInterface(server.stdout).once('line', () => resolve());
  });
  try {
    await Promise.race([ready, failed]);
    return { pid: server.pid!, failed };
  } finally {
    clearTimeout(late);
  }
}

/** Of a stack trace the line that says what happened. */
function errorIn(text: string): string {
  const lines = text.trim().split('\n');
  return lines.find((line) => /Error\b.*: /.test(line)) ?? lines[0]!;
}

function serverOf(job: Job, world: WorldName): [program: string, args: string[]] {
  if (world === 'C') {
    const seconds = String(2 * LONGEST_RUN);
    return ['ceiling', [...(job.offload ? ['--offload'] : []), ...job.ceiling, '--seconds', seconds]];
  }
  if (world === 'Linux') return ['kernel', ['10.7.0.2', '--seconds', String(2 * LONGEST_RUN)]];
  const peer = PEERS[world];
  if (peer !== undefined) return [peer.program, peer.args(job, 2 * LONGEST_RUN)];
  const where = world === 'node:net' ? 'node' : 'stack';
  return [process.execPath, [SERVER, where, addressOf(job, world), job.offload ? 'auto' : 'false', job.device]];
}

function addressOf({ family }: Job, world: WorldName): string {
  if (world === 'node:net') return family === 6 ? '::1' : '127.0.0.1';
  return family === 6 ? 'fd07::2' : '10.7.0.2';
}

/**
 * The thread that works: helpers of Node's, such as those that collect garbage, stay where there is room. Of a peer all
 * threads: in Go any of them works.
 */
function pin(pid: number, core: number, all: boolean): void {
  execFileSync('taskset', [all ? '-acp' : '-cp', String(core), String(pid)], { stdio: 'ignore' });
}
