import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { KERNEL, withStack } from '../support/kernel.ts';
import { canUseTun } from '../support/namespace.ts';
import { contentHash, contentOf } from './fixtures/content.mjs';

const unavailable = canUseTun('nc');

describe.skipIf(unavailable)('a stack behind TUN as the client of the kernel', () => {
  it.each([1, 1_000_000, 100_000_000])('http.request fetches %i bytes from node:http on the kernel', async (bytes) => {
    await withStack(async ({ stack, startKernel }) => {
      await startKernel();
      const answer = await stack.ask({ do: 'request', host: KERNEL, path: `/bytes/${bytes}` });
      expect(answer).toMatchObject({ status: 200, bytes, hash: contentHash(bytes) });
    });
  });

  it('http.request posts 10 MB to node:http on the kernel', async () => {
    await withStack(async ({ stack, startKernel }) => {
      await startKernel();
      const answer = await stack.ask({ do: 'request', host: KERNEL, path: '/hash', post: 10_000_000 });
      expect(answer).toMatchObject({ status: 200, text: contentHash(10_000_000) });
    });
  });

  it('50 requests at once each get their own bytes', async () => {
    await withStack(async ({ stack, startKernel }) => {
      await startKernel();
      const sizes = Array.from({ length: 50 }, (_, i) => 300_000 + 977 * i);
      for (const bytes of sizes) stack.tell({ do: 'request', host: KERNEL, path: `/bytes/${bytes}` });
      // The answers come in any order.
      const hashes = new Map<unknown, unknown>();
      for (const _ of sizes) {
        const { bytes, hash } = await stack.next('request');
        hashes.set(bytes, hash);
      }
      expect(hashes).toEqual(new Map(sizes.map((bytes) => [bytes, contentHash(bytes)])));
    });
  });

  it('[MUST-60] nc -l prints what the stack sends, up to the FIN', async () => {
    await withStack(async ({ ns, stack }) => {
      const nc = ns.spawn('nc', ['-v', '-l', '6000']);
      await once(nc.stderr, 'data');
      const closed = once(nc, 'close');
      const received: Buffer[] = [];
      nc.stdout.on('data', (bytes: Buffer) => received.push(bytes));
      const { id } = await stack.ask({ do: 'connect', host: KERNEL, port: 6000 });
      await stack.ask({ do: 'send', id, bytes: 1_000_000 });
      await stack.ask({ do: 'end', id });
      nc.stdin.end();
      await stack.ask({ do: 'receive', id });
      expect(await closed).toEqual([0, null]);
      expect(Buffer.concat(received).equals(contentOf(1_000_000))).toBe(true);
    });
  });

  it('TCP echo on the kernel: all comes back, and both sides half-close', async () => {
    await withStack(async ({ stack, startKernel }) => {
      await startKernel();
      const { id } = await stack.ask({ do: 'connect', host: KERNEL, port: 7 });
      stack.tell({ do: 'receive', id });
      await stack.ask({ do: 'send', id, bytes: 5_000_000 });
      await stack.ask({ do: 'end', id });
      expect(await stack.next('receive')).toMatchObject({ bytes: 5_000_000, hash: contentHash(5_000_000) });
      await stack.next('close');
    });
  });

  it('a connection to a closed port of the kernel fails with ECONNREFUSED', async () => {
    await withStack(async ({ stack }) => {
      const failed = await stack.ask({ do: 'connect', host: KERNEL, port: 9 });
      expect(failed).toMatchObject({ code: 'ECONNREFUSED', syscall: 'connect', address: KERNEL, port: 9 });
    });
  });

  it('[S-033] UDP: the echo answers, a closed port is ECONNREFUSED on a connected socket', async () => {
    await withStack(async ({ stack, startKernel }) => {
      await startKernel();
      const echo = { do: 'datagram', host: KERNEL, port: 7, text: 'hello' };
      expect(await stack.ask(echo)).toEqual({ event: 'datagram', text: 'hello' });
      expect(await stack.ask({ ...echo, port: 9 })).toEqual({ event: 'datagram', code: 'ECONNREFUSED' });
    });
  });
});
