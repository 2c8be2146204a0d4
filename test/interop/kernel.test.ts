import { describe, expect, it } from 'vitest';
import type { RunResult } from '../support/namespace.ts';
import type { Namespace } from '../support/namespace.ts';
import { STACK, withStack } from '../support/kernel.ts';
import { canUseTun } from '../support/namespace.ts';
import { contentHash, contentOf } from './fixtures/content.mjs';

const unavailable = canUseTun('ping', 'curl', 'nc', 'sha256sum');

/** Fetches the content of this length: its hash, and what curl had to say. */
async function curlHash(ns: Namespace, bytes: number): Promise<RunResult> {
  const url = `http://${STACK}/bytes/${bytes}`;
  // The pipe's status is that of curl.
  return ns.run('bash', ['-c', `set -o pipefail; curl --silent --show-error --fail ${url} | sha256sum`]);
}

function shown(hash: string): RunResult {
  return { status: 0, signal: null, stdout: `${hash}  -\n`, stderr: '' };
}

describe.skipIf(unavailable)('the kernel as the client of a stack behind TUN', () => {
  it.each([56, 1400])('[MUST-… ping with %i bytes of payload is answered without loss', async (size) => {
    await withStack(async ({ ns }) => {
      const { stdout, status } = await ns.run('ping', ['-f', '-c', '200', '-s', String(size), STACK]);
      expect(stdout).toContain('200 packets transmitted, 200 received, 0% packet loss');
      expect(status).toBe(0);
    });
  });

  it.each([1, 1_000_000, 100_000_000])('curl fetches %i bytes from a node:http server, intact', async (bytes) => {
    await withStack(async ({ ns }) => {
      expect(await curlHash(ns, bytes)).toEqual(shown(contentHash(bytes)));
    });
  });

  it('curl posts 10 MB to a node:http server, intact', async () => {
    await withStack(async ({ ns }) => {
      const args = ['--silent', '--show-error', '--fail', '--data-binary', '@-', `http://${STACK}/hash`];
      const posted = await ns.run('curl', args, { input: contentOf(10_000_000) });
      expect(posted).toMatchObject({ status: 0, stdout: contentHash(10_000_000), stderr: '' });
    });
  });

  it('50 curls at once each get their own bytes', async () => {
    await withStack(async ({ ns }) => {
      const sizes = Array.from({ length: 50 }, (_, i) => 300_000 + 977 * i);
      const results = await Promise.all(sizes.map((bytes) => curlHash(ns, bytes)));
      expect(results).toEqual(sizes.map((bytes) => shown(contentHash(bytes))));
    });
  });

});
