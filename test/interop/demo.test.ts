import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { STACK } from '../support/kernel.ts';
import type { Namespace, RunResult } from '../support/namespace.ts';
import { canUseTun, withNamespace } from '../support/namespace.ts';
import { contentHash, contentOf } from './fixtures/content.mjs';

const unavailable = canUseTun('npm', 'bash', 'curl', 'ping', 'nc', 'sha256sum', 'setpriv', 'unshare');

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DEMO = [process.execPath, `${ROOT}dist/node/demo.js`, '--tun'];

/** A user without any right, who may read this folder wherever it is. */
const NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
const READER = ['--bounding-set=-all,+dac_read_search', '--inh-caps=-all,+dac_read_search'];
const UNPRIVILEGED = [...NOBODY, ...READER, '--ambient-caps=+dac_read_search'];

/** A /dev/net/tun that everybody may open. */
const MAKE_TUN = 'mount -t tmpfs none /dev/net && mknod -m 666 /dev/net/tun c 10 200 && chmod 666 /dev/net/tun';
const OPEN_TUN = ['unshare', '-m', 'sh', '-c', `${MAKE_TUN} && exec "$0" "$@"`];

interface Demo {
  npm: ChildProcess;
  /** What it said until it was ready. */
  text: string;
  /** Exit code and signal. */
  ended: Promise<unknown[]>;
}

/** Starts `npm start -- --tun` and waits until it is ready. */
async function startDemo(ns: Namespace, ...args: string[]): Promise<Demo> {
  const npm = ns.spawn('npm', ['--prefix', ROOT, '--silent', 'start', '--', '--tun', ...args]);
  let stderr = '';
  npm.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = once(npm, 'close');
  let text = '';
  for await (const line of createInterface(npm.stdout)) {
    text += `${line}\n`;
    if (line.startsWith('ready: ')) return { npm, text, ended };
  }
  throw new Error(`npm start ended before it was ready: ${text}${stderr}`);
}

/** After a signal to npm: the exit code must be 0, and nothing may be left of the demo. */
async function expectGone(ns: Namespace, { ended }: Demo): Promise<void> {
  expect(await ended).toEqual([0, null]);
  expect(await ns.ip('-brief', 'link')).not.toContain('tun');
  // The one process is the program that asks.
  expect((await ns.ip('netns', 'pids', ns.name)).trim().split('\n')).toHaveLength(1);
}

/** Runs the demo where it can't work. */
async function failDemo(wrapper: readonly string[]): Promise<RunResult> {
  return withNamespace((ns) => {
    const [program, ...args] = [...wrapper, ...DEMO];
    return ns.run(program!, args);
  });
}

/** One sentence on one line, and exit code 1. */
function sentence(...parts: string[]): unknown {
  const words = parts.map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.*');
  return {
    status: 1,
    signal: null,
    stdout: '',
    stderr: expect.stringMatching(new RegExp(`^usernet: [^\n]*${words}[^\n]*\n$`)),
  };
}

describe.skipIf(unavailable)('npm start -- --tun', () => {
  it('says how to reach it, serves ping, HTTP and echo, and leaves nothing behind on SIGINT', async () => {
    await withNamespace(async (ns) => {
      const demo = await startDemo(ns);
      expect(demo.text).toContain(`curl http://${STACK}/`);
      const run = async (program: string, args: string[], input?: Uint8Array): Promise<string> => {
        const result = await ns.run(program, args, input === undefined ? {} : { input });
        expect(result).toMatchObject({ status: 0, stderr: '' });
        return result.stdout;
      };
      expect(await run('ping', ['-c', '3', '-i', '0.2', STACK])).toContain('0% packet loss');
      expect(await run('curl', ['-sSf', `http://${STACK}/`])).toContain('<h1>');
      const body = await run('bash', [
        '--norc',
        '-c',
        `set -o pipefail; curl -sSf http://${STACK}/bytes/1000000 | sha256sum`,
      ]);
      const head = await run('curl', ['-sSf', '--head', `http://${STACK}/bytes/1000000`]);
      expect(head).toContain(`x-sha256: ${body.split(' ')[0]}\r\n`);
      const post = ['-sSf', '--data-binary', '@-', `http://${STACK}/hash`];
      expect(await run('curl', post, contentOf(1_000_000))).toBe(`${contentHash(1_000_000)}\n`);
      expect(await run('nc', ['-N', STACK, '7'], Buffer.from('hello\n'))).toBe('hello\n');
      const nc = ns.spawn('nc', ['-u', STACK, '7']);
      nc.stdin.write('hello\n');
      expect(String(await once(nc.stdout, 'data'))).toBe('hello\n');
      const gone = once(nc, 'close');
      nc.kill();
      await gone;
      let last = '';
      demo.npm.stdout!.on('data', (bytes: Buffer) => (last += bytes.toString()));
      demo.npm.kill('SIGINT');
      await expectGone(ns, demo);
      expect(last).toBe('closing tun0 …\n');
    });
  });

  it('leaves nothing behind on SIGTERM, with a client in the middle of a transfer', async () => {
    await withNamespace(async (ns) => {
      const demo = await startDemo(ns);
      const curl = ns.spawn('curl', ['--silent', '--no-buffer', `http://${STACK}/bytes/100000000`]);
      const curlEnded = once(curl, 'close');
      await once(curl.stdout, 'data');
      // Its pipe is full and it does not read on: the demo must not wait for it.
      curl.stdout.pause();
      demo.npm.kill('SIGTERM');
      expect(await demo.ended).toEqual([0, null]);
      curl.kill('SIGKILL');
      await curlEnded;
      await expectGone(ns, demo);
    });
  });

  it('takes addresses, name and MTU by flag', async () => {
    await withNamespace(async (ns) => {
      const flags = ['--address', '10.9.9.9/30', '--kernel-address', '10.9.9.10/30', '--name', 'tun7', '--mtu', '9000'];
      const demo = await startDemo(ns, ...flags);
      expect(await ns.ip('-oneline', 'addr', 'show', 'dev', 'tun7')).toContain('inet 10.9.9.10/30');
      expect(await ns.ip('link', 'show', 'dev', 'tun7')).toContain('mtu 9000');
      expect((await ns.run('curl', ['-sSf', 'http://10.9.9.9/bytes/1'])).status).toBe(0);
      demo.npm.kill('SIGTERM');
      await expectGone(ns, demo);
    });
  });

  it('serves ping, HTTP and echo over IPv6, too', async () => {
    await withNamespace(async (ns) => {
      const demo = await startDemo(ns, '--address', 'fd00::2/64', '--kernel-address', 'fd00::1/64');
      expect(demo.text).toContain("curl 'http://[fd00::2]/'");
      expect((await ns.run('ping', ['-c', '1', '-w', '10', '-i', '0.1', 'fd00::2'])).status).toBe(0);
      expect((await ns.run('curl', ['-sSf', 'http://[fd00::2]/'])).stdout).toContain('You are fd00::1 port');
      const input = Buffer.from('hello\n');
      expect((await ns.run('nc', ['-N', 'fd00::2', '7'], { input })).stdout).toBe('hello\n');
      const nc = ns.spawn('nc', ['-u', 'fd00::2', '7']);
      nc.stdin.write('hello\n');
      expect(String(await once(nc.stdout, 'data'))).toBe('hello\n');
      const gone = once(nc, 'close');
      nc.kill();
      await gone;
      demo.npm.kill('SIGTERM');
      await expectGone(ns, demo);
    });
  });

  it('a second time: a sentence and exit code 1, and the first goes on', async () => {
    await withNamespace(async (ns) => {
      const demo = await startDemo(ns);
      // The kernel notices within a second that somebody holds the device; until then Node does not show it.
      expect((await ns.run('ping', ['-c', '1', '-w', '10', '-i', '0.1', STACK])).status).toBe(0);
      const [program, ...args] = DEMO;
      expect(await ns.run(program!, args)).toEqual(sentence('the kernel has 10.7.0.1 on tun0 already', '--address'));
      expect(await ns.ip('-brief', 'link')).not.toContain('tun1');
      expect((await ns.run('curl', ['-sSf', `http://${STACK}/bytes/1`])).status).toBe(0);
      demo.npm.kill('SIGTERM');
      await expectGone(ns, demo);
    });
  });

  it('as a user without the right, on a device that root has made', async () => {
    await withNamespace(async (ns) => {
      await ns.ip('tuntap', 'add', 'pre0', 'mode', 'tun', 'user', '65534');
      await ns.ip('address', 'add', '10.7.0.1/24', 'dev', 'pre0');
      await ns.ip('link', 'set', 'pre0', 'up');
      const [program, ...args] = [...OPEN_TUN, ...UNPRIVILEGED, ...DEMO, '--name', 'pre0', '--mtu', '1500'];
      const demo = ns.spawn(program, args);
      const ended = once(demo, 'close');
      let stderr = '';
      demo.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
      for await (const line of createInterface(demo.stdout)) if (line.startsWith('ready: ')) break;
      expect(stderr).toBe('');
      expect((await ns.run('ping', ['-c', '1', '-w', '10', '-i', '0.1', STACK])).status).toBe(0);
      expect((await ns.run('curl', ['-sSf', `http://${STACK}/bytes/1`])).status).toBe(0);
      demo.kill('SIGTERM');
      expect(await ended).toEqual([0, null]);
      expect(await ns.ip('address', 'show', 'dev', 'pre0')).toContain('10.7.0.1/24');
      // What it has not got stays out of reach.
      const other = ['--address', '10.8.0.2/24', '--kernel-address', '10.8.0.1/24'];
      expect(await ns.run(program, [...args, ...other])).toEqual(sentence('EPERM pre0', 'ip address add'));
    });
  });

  it('as a user without the right, who may open /dev/net/tun: a sentence and exit code 1', async () => {
    const failed = await failDemo([...OPEN_TUN, ...UNPRIVILEGED]);
    expect(failed).toEqual(sentence('ioctl(TUNSETIFF) EPERM: making a device needs a right'));
  });

  it('as a user without the right: a sentence and exit code 1', async () => {
    expect(await failDemo(UNPRIVILEGED)).toEqual(sentence('run as root'));
  });

  it('without /dev/net/tun: a sentence and exit code 1', async () => {
    const hidden = ['unshare', '-m', 'sh', '-c', 'mount -t tmpfs none /dev/net && exec "$0" "$@"'];
    expect(await failDemo(hidden)).toEqual(sentence('/dev/net/tun', 'modprobe tun'));
  });

  it('without the native addon: a sentence and exit code 1', async () => {
    const hide =
      'for d in prebuilds native/build; do if [ -d "$0$d" ]; then mount -t tmpfs none "$0$d" || exit 2; fi; done';
    const hidden = ['unshare', '-m', 'sh', '-c', `${hide}; exec "$@"`, ROOT];
    expect(await failDemo(hidden)).toEqual(sentence('the native addon is missing', 'scripts/build-native.mjs'));
  });
});
