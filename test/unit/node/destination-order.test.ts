import dns from 'node:dns';
import type { LookupAddress } from 'node:dns';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Stack } from '../../../src/index.ts';
import { RawLink } from '../../support/raw-link.ts';

const FOUND: LookupAddress[] = [
  { address: '2001:db8::1', family: 6 },
  { address: '127.0.0.9', family: 4 },
];

type Done = (error: Error | null, found: LookupAddress[]) => void;

/** Which addresses are tried, in their order; nobody listens. */
async function attempts(options: object = {}, host: object = {}): Promise<string[]> {
  const { createNet } = await import('../../../src/node/index.ts');
  const stack = new Stack();
  stack.attach(new RawLink(), { addresses: ['10.0.0.1/24'] });
  const socket = createNet(stack, host).connect({ port: 9, host: 'both.test', autoSelectFamily: true, ...options });
  const tried: string[] = [];
  socket.on('connectionAttempt', (address) => tried.push(address));
  await once(socket, 'error');
  await stack.destroy();
  return tried;
}

function lookup(_name: string, _options: object, done: Done): void {
  process.nextTick(done, null, FOUND);
}
const before = dns.getDefaultResultOrder();

beforeEach(() => {
  vi.resetModules();
  // What dns.lookup is when the stack's modules are loaded is the system's.
  vi.spyOn(dns, 'lookup').mockImplementation(lookup as never);
  dns.setDefaultResultOrder('verbatim');
});
afterEach(() => {
  vi.restoreAllMocks();
  dns.setDefaultResultOrder(before);
});

it('what the system finds is tried in the order of the stack’s routes and addresses', async () => {
  expect(await attempts()).toEqual(['127.0.0.9', '2001:db8::1']);
});

it('but not where the program has chosen an order or a lookup', async () => {
  const own = (...args: Parameters<typeof lookup>): void => lookup(...args);
  expect(await attempts({ lookup: own })).toEqual(['2001:db8::1', '127.0.0.9']);
  expect(await attempts({ lookup: dns.lookup })).toEqual(['2001:db8::1', '127.0.0.9']);
  expect(await attempts({}, { lookup: own })).toEqual(['2001:db8::1', '127.0.0.9']);
  dns.setDefaultResultOrder('ipv6first');
  expect(await attempts()).toEqual(['2001:db8::1', '127.0.0.9']);
});

it('nor where a tool has replaced dns.lookup', async () => {
  await import('../../../src/node/index.ts');
  let asked = 0;
  const replaced: typeof lookup = (...args) => {
    asked++;
    lookup(...args);
  };
  vi.mocked(dns.lookup).mockRestore();
  vi.spyOn(dns, 'lookup').mockImplementation(replaced as never);
  expect(await attempts()).toEqual(['2001:db8::1', '127.0.0.9']);
  expect(asked).toBe(1);
});
