import { MessageChannel } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { batchOf } from '../../../src/buffer/batch.ts';
import type { CarrierLink } from '../../../src/link/carrier-link.ts';
import type { MessagePortLike, MessagePortLinkOptions } from '../../../src/link/message-port-link.ts';
import { messagePortLink } from '../../../src/link/message-port-link.ts';
import { testPacket } from '../../../src/link/suite-packets.ts';
import { VirtualClock } from '../../../src/time/virtual-clock.ts';
import { RecordingHost } from './pairs.ts';

interface World {
  readonly link: CarrierLink;
  readonly host: RecordingHost;
  /** The other end, as it is, and what was posted to it. */
  readonly there: MessagePort;
  readonly posted: unknown[];
  post(message: unknown): void;
  settle(): Promise<void>;
}

function opened(options?: MessagePortLinkOptions): World {
  const clock = new VirtualClock();
  const host = new RecordingHost(clock);
  const { port1, port2 } = new MessageChannel();
  const link = messagePortLink(port1, options);
  const posted: unknown[] = [];
  port2.on('message', (each) => posted.push(each));
  void link.open(host);
  return {
    link,
    host,
    there: port2,
    posted,
    post: (each) => port2.postMessage(each, []),
    settle: () => clock.run({ for: 1, quiet: 15 }),
  };
}

/** A message as the link posts it. */
function message(lengths: number[], bytes: number): ArrayBuffer {
  const buffer = new ArrayBuffer(4 * (1 + lengths.length) + bytes);
  new Uint32Array(buffer, 0, 1 + lengths.length).set([lengths.length, ...lengths]);
  return buffer;
}

describe('messagePortLink', () => {
  it('is up when the other end says how much it reads, and goes down with it', async () => {
    const { link, host, posted, settle, post } = opened({ queueBytes: 200_000 });
    await settle();
    expect([link.up, posted]).toEqual([false, [200_000]]);
    post(1000);
    await settle();
    expect([link.up, host.events]).toEqual([true, ['changed']]);
    post(null);
    await settle();
    expect([link.up, host.events]).toEqual([false, ['changed', 'closed']]);
  });

  it('posts a batch as one message, and no more than was allowed', async () => {
    const { link, host, there, posted, settle, post } = opened();
    // 4 for the number of packets, 4 + 40 for each.
    post(4 + 2 * 44 + 43);
    await settle();
    posted.length = 0;
    const packets = [1, 2, 3].map((id) => testPacket('ip', 40, id));
    expect(link.send(batchOf(packets))).toBe(2);
    expect(link.send(batchOf(packets.slice(2)))).toBe(0);
    await settle();
    expect(posted.map((buffer) => [...new Uint8Array(buffer as ArrayBuffer)])).toEqual([
      [2, 0, 0, 0, 40, 0, 0, 0, 40, 0, 0, 0, ...packets[0]!, ...packets[1]!],
    ]);
    post(48);
    await settle();
    expect(host.events).toEqual(['changed', 'writable']);
    expect(link.send(batchOf(packets.slice(2)))).toBe(1);
    expect(link.send(batchOf(packets))).toBe(0);
    there.close();
  });

  it('leaves out what may not pass, and counts it once', async () => {
    const { link, there, posted, settle, post } = opened({ mtu: 100 });
    post(1 << 20);
    await settle();
    posted.length = 0;
    const packets = [40, 101, 50, 60, 200].map((length, id) => testPacket('ip', length, id));
    expect(link.send(batchOf(packets))).toBe(5);
    await settle();
    expect(posted.map((buffer) => new DataView(buffer as ArrayBuffer).getUint32(0, true))).toEqual([1, 2]);
    expect(link.dropped.snapshot()).toEqual({ 'too-big': 2 });
    there.close();
  });

  it('says that it has read, long before the other side must wait', async () => {
    const { host, there, posted, settle, post } = opened({ queueBytes: 131_072 });
    post(1);
    await settle();
    post(message([1500], 1500));
    await settle();
    expect(posted).toEqual([131_072]);
    for (let i = 0; i < 21; i++) post(message([1500], 1500));
    await settle();
    expect(posted).toEqual([131_072, 22 * 1508]);
    expect(host.batches).toEqual(Array.from({ length: 22 }, () => ({ count: 1, retained: true })));
    there.close();
  });

  it.each([
    ['text', 'hello'],
    ['nothing', undefined],
    ['an object', { count: 1 }],
    ['bytes that are no ArrayBuffer', new Uint8Array(8)],
    ['no bytes at all', new ArrayBuffer(0)],
    ['half a number', new ArrayBuffer(3)],
    ['more packets than lengths', message([], 0).slice(0, 4), 5],
    ['less bytes than were said', message([10, 10], 19)],
    ['more bytes than were said', message([10, 10], 21)],
    ['a length beyond all', message([0xffff_ffff], 4)],
    ['a number below 0', -5],
    ['no number', NaN],
    ['half a byte', 0.5],
    ['more than there is', 2 ** 52],
  ])('drops %s, and goes on', async (_title, nonsense, count?: number) => {
    const { link, host, there, settle, post } = opened();
    if (count !== undefined) new DataView(nonsense as ArrayBuffer).setUint32(0, count, true);
    post(1000);
    post(nonsense);
    post(message([2], 2));
    await settle();
    expect(host.packets).toEqual([new Uint8Array(2)]);
    expect(link.dropped.snapshot()).toEqual({ 'received-malformed': 1 });
    expect(link.up).toBe(true);
    there.close();
  });

  it('ends when the other port is closed without a word', async () => {
    const { host, there, settle } = opened();
    there.close();
    await settle();
    expect(host.events).toEqual(['closed']);
  });

  it('says goodbye behind what it has sent', async () => {
    const { link, posted, settle, post } = opened();
    post(1 << 20);
    await settle();
    link.send(batchOf([testPacket('ip', 40, 1)]));
    void link.close();
    void link.close();
    await settle();
    expect(posted.map((each) => (each instanceof ArrayBuffer ? 'packets' : each))).toEqual([1 << 20, 'packets', null]);
  });

  it('takes a port that knows only addEventListener, and closes no worker', () => {
    const listeners = new Map<string, (event: object) => void>();
    const posted: unknown[] = [];
    let closings = 0;
    const port: MessagePortLike = {
      postMessage: (each) => void posted.push(each),
      addEventListener: (type, listener) => void listeners.set(type, listener),
      removeEventListener: (type) => void listeners.delete(type),
      close: () => void closings++,
    };
    const host = new RecordingHost(new VirtualClock());
    const link = messagePortLink(port);
    void link.open(host);
    listeners.get('message')!({ data: 5000 });
    listeners.get('message')!({ data: message([3], 3) });
    expect([link.up, host.packets]).toEqual([true, [new Uint8Array(3)]]);
    void link.close();
    expect([posted, closings, listeners.size]).toEqual([[1 << 20, null], 0, 0]);
  });

  it.each([
    ['nothing', undefined, {}, 'ERR_INVALID_ARG_TYPE'],
    ['what is no port', {}, {}, 'ERR_INVALID_ARG_TYPE'],
    ['little room', new MessageChannel().port1, { queueBytes: 131_071 }, 'ERR_OUT_OF_RANGE'],
    ['an unknown option', new MessageChannel().port1, { queue: 1 }, 'ERR_INVALID_ARG_VALUE'],
  ])('refuses %s', (_title, port, options, code) => {
    expect(() => messagePortLink(port as MessagePortLike, options as MessagePortLinkOptions)).toThrow(
      expect.objectContaining({ code }),
    );
  });
});
