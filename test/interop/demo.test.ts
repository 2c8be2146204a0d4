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
      const body = await run('bash', ['-c', `set -o pipefail; curl -sSf http://${STACK}/bytes/1000000 | sha256sum`]);
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
      demo.npm.kill('SIGINT');
      await expectGone(ns, demo);
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

  it('as a user without the right: a sentence and exit code 1', async () => {
    expect(await failDemo(UNPRIVILEGED)).toEqual(sentence('run as root or with CAP_NET_ADMIN'));
  });

  it('without /dev/net/tun: a sentence and exit code 1', async () => {
    const hidden = ['unshare', '-m', 'sh', '-c', 'mount -t tmpfs none /dev/net && exec "$0" "$@"'];
    expect(await failDemo(hidden)).toEqual(sentence('/dev/net/tun', 'modprobe tun'));
  });

  it('without the native addon: a sentence and exit code 1', async () => {
    const hide =
      'for d in prebuilds native/build; do if [ -d "$0$d" ]; then mount -t tmpfs none "$0$d" || exit 2; fi; done';
    const hidden = ['unshare', '-m', 'sh', '-c', `${hide}; exec "$@"`, ROOT];
    expect(await failDemo(hidden)).toEqual(sentence('the native addon is missing', 'npm run build'));
  });
});
