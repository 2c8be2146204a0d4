/**
 * Network namespaces for the interop tests: the Linux kernel as the other side, without touching the machine's own
 * network.
 *
 * `withNamespace` makes a namespace of its own for a test (`ip netns add usernet-<pid>-<n>`), brings `lo` up in it, and
 * afterwards stops what still runs in it and deletes it. The program under test is a child process inside it
 * (`Namespace.start`): that is how it is used for real, a crash of it is a failed test and not a dead test runner, and
 * neither side of the wire can leak out of the namespace. (The other way, a device that is made here and moved into
 * the namespace while its file stays here, would hide its state from the addon, whose netlink socket stays here too.)
 *
 * A *fixture* is a script in test/interop/fixtures that imports the built `dist/` and speaks with the test through
 * `fixtures/protocol.mjs`: each line of its standard output is one JSON object with an `event`, the first one `ready`
 * (or `failed`, then it exits with code 1); each line of its standard input is a JSON object with a command; it ends
 * with code 0 on SIGTERM or at the end of its input.
 *
 * @example
 * const unavailable = canUseTun('ping');
 * it.skipIf(unavailable)('answers ping', () => withNamespace(async (ns) => {
 *   const fixture = await ns.start('device-link.mjs', [JSON.stringify({ kernelAddresses: ['10.7.0.1/24'] })]);
 *   expect((await ns.run('ping', ['-c', '1', '10.7.0.2'])).status).toBe(0);
 *   expect(await fixture.stop()).toBe(0);
 * }));
 */
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { loadAddon } from '../../src/node/addon.ts';

const FIXTURES = new URL('../interop/fixtures/', import.meta.url);
const DIST = new URL('../../dist/node/tun.js', import.meta.url);

/** Where `ip netns` keeps them. */
const NAMESPACES = '/run/netns';

/** How long a program may take before it is killed: a safety net, in milliseconds. */
const TIMEOUT = 30_000;

/** Namespaces that exist now; deleted at the latest when this process ends. */
const living = new Set<string>();
let made = 0;

process.on('exit', () => {
  for (const name of living) spawnSync('ip', ['netns', 'delete', name]);
});

/**
 * Why tests with a TUN device and these programs can't run here, or undefined when they can. Says so once, in one line;
 * with `CI=true` it throws instead, so that nothing is skipped there unnoticed.
 */
export function canUseTun(...programs: string[]): string | undefined {
  const reason = missing(programs);
  if (reason === undefined) return undefined;
  if (process.env['CI'] === 'true') throw new Error(`interop tests can't run: ${reason}`);
  process.stderr.write(`interop tests skipped: ${reason}\n`);
  return reason;
}

function missing(programs: string[]): string | undefined {
  if (process.platform !== 'linux') return 'TUN devices need Linux';
  for (const program of ['ip', ...programs]) {
    if (spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0) return `the program ${program} is not installed`;
  }
  try {
    loadAddon();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  if (!existsSync(DIST)) return 'dist/ is not built (npm run build)';
  if (!existsSync('/dev/net/tun')) return 'there is no /dev/net/tun';
  return missingRight();
}

/** Deletes what earlier runs left behind that were killed. */
function sweep(): void {
  for (const name of existsSync(NAMESPACES) ? readdirSync(NAMESPACES) : []) {
    const pid = /^usernet-(\d+)-\d+$/.exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) deleteNamespace(name);
  }
}

/** Tries what the tests will do: a namespace, and a device in it. */
function missingRight(): string | undefined {
  sweep();
  const name = newName();
  try {
    ip('netns', 'add', name);
    ip('-n', name, 'link', 'set', 'lo', 'up');
    ip('netns', 'exec', name, 'ip', 'tuntap', 'add', 'probe', 'mode', 'tun');
    return undefined;
  } catch (error) {
    return `no right to make network namespaces and TUN devices (root has it): ${String(error).split('\n')[0]}`;
  } finally {
    deleteNamespace(name);
  }
}

function newName(): string {
  const name = `usernet-${process.pid}-${++made}`;
  living.add(name);
  return name;
}

function deleteNamespace(name: string): void {
  spawnSync('ip', ['netns', 'delete', name]);
  living.delete(name);
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'], timeout: TIMEOUT });
}

/** Runs `fn` with a fresh namespace, `lo` up, and deletes it afterwards, with all that runs in it. */
export async function withNamespace<T>(fn: (ns: Namespace) => Promise<T>): Promise<T> {
  const name = newName();
  ip('netns', 'add', name);
  const ns = new Namespace(name);
  try {
    ip('-n', name, 'link', 'set', 'lo', 'up');
    return await fn(ns);
  } finally {
    await ns.killAll();
    deleteNamespace(name);
  }
}

/** What a program left behind. */
export interface RunResult {
  /** Exit code; null when it was killed, as after a time-out. */
  status: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  /** Milliseconds until it is killed; 30,000 by default. */
  timeout?: number;
  /** For its standard input; nothing by default. */
  input?: string | Uint8Array;
}

/** A network namespace; made by `withNamespace`. */
export class Namespace {
  readonly name: string;
  readonly #children = new Set<ChildProcessWithoutNullStreams>();

  constructor(name: string) {
    this.name = name;
  }

  /** Starts a program inside, with pipes to its standard streams. */
  spawn(program: string, args: readonly string[] = []): ChildProcessWithoutNullStreams {
    // `ip netns exec` becomes the program: the child's pid is the program's.
    const child = spawn('ip', ['netns', 'exec', this.name, program, ...args]);
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    return child;
  }

  /** Runs a program inside to its end. */
  async run(program: string, args: readonly string[] = [], options: RunOptions = {}): Promise<RunResult> {
    const child = this.spawn(program, args);
    const result: RunResult = { status: null, signal: null, stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => (result.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (result.stderr += text));
    child.stdin.on('error', () => {}); // it may end without reading
    child.stdin.end(options.input);
    const timer = setTimeout(() => child.kill('SIGKILL'), options.timeout ?? TIMEOUT);
    const [status, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    clearTimeout(timer);
    return { ...result, status, signal };
  }

  /** Runs `ip` inside and returns what it printed; throws when it fails. */
  async ip(...args: string[]): Promise<string> {
    const { status, stdout, stderr } = await this.run('ip', args);
    if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr.trim()}`);
    return stdout;
  }

  /**
   * Starts a fixture and waits for its first event, `ready` or `failed`.
   *
   * @param script its file in test/interop/fixtures.
   * @param wrapper a program with arguments to start it by, such as `['setpriv', …]`.
   */
  async start(script: string, args: readonly string[] = [], wrapper: readonly string[] = []): Promise<Fixture> {
    const command = [...wrapper, process.execPath, fileURLToPath(new URL(script, FIXTURES)), ...args];
    const fixture = new Fixture(script, this.spawn(command[0]!, command.slice(1)));
    await fixture.first();
    return fixture;
  }

  /** Kills what still runs, and waits until it is gone. */
  async killAll(): Promise<void> {
    const gone = [...this.#children].map((child) => once(child, 'exit'));
    for (const child of this.#children) child.kill('SIGKILL');
    await Promise.all(gone);
  }
}

/** What a fixture says: `event` names it. */
export type FixtureEvent = { readonly event: string } & Readonly<Record<string, unknown>>;

/** A running fixture; started by `Namespace.start`. */
export class Fixture {
  /** Its first event. */
  ready: FixtureEvent = { event: 'none' };
  /** What it wrote to its standard error. */
  stderr: string = '';
  readonly #script: string;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #exit: Promise<number | NodeJS.Signals>;
  /** Events that nobody has asked for yet. */
  readonly #unread: FixtureEvent[] = [];
  #ended = false;
  #wake: () => void = () => {};

  constructor(script: string, child: ChildProcessWithoutNullStreams) {
    this.#script = script;
    this.#child = child;
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    child.stdin.on('error', () => {}); // it may have ended
    createInterface(child.stdout).on('line', (line) => {
      this.#unread.push(parseEvent(line));
      this.#wake();
    });
    this.#exit = once(child, 'close').then(([code, signal]) => {
      this.#ended = true;
      this.#wake();
      return (code ?? signal) as number | NodeJS.Signals;
    });
  }

  /** Sends a command. */
  tell(command: Record<string, unknown>): void {
    this.#child.stdin.write(`${JSON.stringify(command)}\n`);
  }

  /** Sends a command and waits for the event that carries its name. */
  async ask(command: { do: string } & Record<string, unknown>): Promise<FixtureEvent> {
    this.tell(command);
    return this.next(command.do);
  }

  /** The next event of this name that was not read yet; waits for it. Events of other names stay unread. */
  async next(event: string): Promise<FixtureEvent> {
    return this.#take((line) => line.event === event, `event '${event}'`);
  }

  /** Waits for the first event. */
  async first(): Promise<void> {
    this.ready = await this.#take(() => true, 'first event');
  }

  /** The events that were not read. */
  get unread(): readonly FixtureEvent[] {
    return this.#unread;
  }

  /** Ends its input, at which it ends as at SIGTERM. */
  hangUp(): void {
    this.#child.stdin.end();
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Waits for its end: the exit code, or the name of the signal that ended it. */
  async end(): Promise<number | NodeJS.Signals> {
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), TIMEOUT);
    const how = await this.#exit;
    clearTimeout(timer);
    return how;
  }

  /** Asks it to end (SIGTERM) and returns as `end` does: 0 when all is well. */
  async stop(): Promise<number | NodeJS.Signals> {
    this.#child.kill('SIGTERM');
    return this.end();
  }

  async #take(wanted: (event: FixtureEvent) => boolean, what: string): Promise<FixtureEvent> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#wake();
    }, TIMEOUT);
    try {
      for (;;) {
        const i = this.#unread.findIndex(wanted);
        if (i >= 0) return this.#unread.splice(i, 1)[0]!;
        if (this.#ended || late) {
          const why = late ? `in ${TIMEOUT} ms` : `before its end`;
          throw new Error(
            `${this.#script}: no ${what} ${why}; unread: ${JSON.stringify(this.#unread)}\n${this.stderr}`,
          );
        }
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      clearTimeout(timer);
    }
  }
}

function parseEvent(line: string): FixtureEvent {
  try {
    return JSON.parse(line) as FixtureEvent;
  } catch {
    return { event: 'text', line };
  }
}
