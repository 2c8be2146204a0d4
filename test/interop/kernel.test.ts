import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { PATIENTLY, STACK, withStack } from '../support/kernel.ts';
import type { Namespace, RunResult } from '../support/namespace.ts';
import { canUseTun } from '../support/namespace.ts';
import { pingEach, repeated } from '../support/ping.ts';
import { contentHash, contentOf } from './fixtures/content.mjs';

const unavailable = canUseTun('bash', 'ping', 'curl', 'nc', 'sha256sum');

/** Fetches the content of this length: the hash of what came, and what curl had to say. */
async function fetchHash(ns: Namespace, bytes: number): Promise<RunResult> {
  const url = `http://${STACK}/bytes/${bytes}`;
  // Node's pipes are sockets, which bash takes for a remote shell: it would read the user's ~/.bashrc.
  return ns.run('bash', ['--norc', '-c', `set -o pipefail; curl --silent --show-error --fail ${url} | sha256sum`]);
}

/** What `fetchHash` gives when all is well. */
function right(bytes: number): RunResult {
  return { status: 0, signal: null, stdout: `${contentHash(bytes)}  -\n`, stderr: '' };
}

describe.skipIf(unavailable)("the kernel's programs as clients of a stack behind TUN", () => {
  it.each([56, 1400])('[S-018] ping: 500 requests with %i bytes of payload, 0 % loss', async (size) => {
    await withStack(async ({ ns }) => {
      expect(await pingEach(ns, repeated(size, 500), STACK)).toBe('');
    });
  });

  it.each([1, 1_000_000, 100_000_000])('curl fetches %i bytes from a node:http server', async (bytes) => {
    await withStack(async ({ ns }) => {
      expect(await fetchHash(ns, bytes)).toEqual(right(bytes));
    });
  });

  it('curl posts 10 MB to a node:http server', async () => {
    await withStack(async ({ ns }) => {
      const args = ['--silent', '--show-error', '--fail', '--data-binary', '@-', `http://${STACK}/hash`];
      const posted = await ns.run('curl', args, { input: contentOf(10_000_000) });
      expect(posted).toMatchObject({ status: 0, stdout: contentHash(10_000_000), stderr: '' });
    });
  });

  it('[MUST-42] 50 curls at once each get their own bytes', async () => {
    await withStack(async ({ ns }) => {
      const sizes = Array.from({ length: 50 }, (_, i) => 300_000 + 977 * i);
      const results = await Promise.all(sizes.map((bytes) => fetchHash(ns, bytes)));
      expect(results).toEqual(sizes.map((bytes) => right(bytes)));
    });
  });

  it('[MUST-12] a curl killed half-way: its connection ends with an error, the next one is served', async () => {
    // Each segment that is under way is answered with RST: the first ends the connection, the others find none.
    const provoked = { drops: ['tcp-rst-ignored'] };
    await withStack(async ({ ns, stack }) => {
      const curl = ns.spawn('curl', ['--silent', '--no-buffer', `http://${STACK}/bytes/100000000`]);
      await once(curl.stdout, 'data');
      // It is not read on, so the kernel holds bytes for it: they are lost.
      curl.stdout.pause();
      curl.kill('SIGKILL');
      // Where the kernel held none at that moment it has sent a FIN first: then the next write fails, as over its own TCP.
      const code = expect.stringMatching(/^(ECONNRESET|EPIPE)$/) as string;
      expect(await stack.next('aborted')).toEqual({ event: 'aborted', url: '/bytes/100000000', code });
      await expect
        .poll(() => stack.ask({ do: 'statistics' }), PATIENTLY)
        .toMatchObject({
          tcp: { connections: 0 },
          memory: { used: 0 },
        });
      expect(await fetchHash(ns, 1000)).toEqual(right(1000));
    }, provoked);
  });

  it('nc -N: the TCP echo answers all of it after the half-close', async () => {
    await withStack(async ({ ns }) => {
      const text = contentOf(1_000_000).toString('hex');
      const echoed = await ns.run('nc', ['-N', STACK, '7'], { input: text });
      expect(echoed.stdout === text).toBe(true);
      expect(echoed).toMatchObject({ status: 0, stderr: '' });
    });
  });

  it('nc -u: the UDP echo answers each datagram', async () => {
    await withStack(async ({ ns }) => {
      const nc = ns.spawn('nc', ['-u', STACK, '7']);
      nc.stdout.setEncoding('utf8');
      for (const text of ['one\n', `${'x'.repeat(1400)}\n`, 'three\n']) {
        nc.stdin.write(text);
        expect(await once(nc.stdout, 'data')).toEqual([text]);
      }
      nc.kill();
    });
  });

  it('nc to a closed TCP port is refused at once', async () => {
    await withStack(async ({ ns }) => {
      const { status, stderr } = await ns.run('nc', ['-v', STACK, '9']);
      expect(stderr).toContain('Connection refused');
      expect(status).toBe(1);
    });
  });

  it('[S-013] [S-031] a datagram to a closed UDP port is answered: ECONNREFUSED', async () => {
    const provoked = { drops: ['udp-no-listener', 'icmp-error-sent'] };
    await withStack(async ({ startKernel }) => {
      const kernel = await startKernel();
      const refused = { do: 'datagram', host: STACK, port: 9, text: 'anybody there?' };
      expect(await kernel.ask(refused)).toEqual({ event: 'datagram', code: 'ECONNREFUSED' });
    }, provoked);
  });
});
