import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { batchOf } from '../../../src/buffer/batch.ts';
import type { CarrierLink } from '../../../src/link/carrier-link.ts';
import type { StreamLinkOptions } from '../../../src/link/stream-link.ts';
import { streamLink } from '../../../src/link/stream-link.ts';
import type { DuplexLike } from '../../../src/link/stream-ends.ts';
import { testPacket } from '../../../src/link/suite-packets.ts';
import { VirtualClock } from '../../../src/time/virtual-clock.ts';
import { RecordingHost } from './pairs.ts';
import { duplexes, unixSockets, webStreams } from './real-pairs.ts';

const QEMU: StreamLinkOptions = { framing: { lengthBytes: 4 } };
const CARD = Uint8Array.of(2, 0, 0, 0, 0, 1);

/** A link over one end, opened, and the other end as it is. */
function opened(objectMode: boolean, options?: StreamLinkOptions) {
  const clock = new VirtualClock();
  const host = new RecordingHost(clock);
  const [here, there] = duplexes(objectMode);
  const link = streamLink(here, options);
  void link.open(host);
  return { clock, host, here, there, link, settle: () => clock.run({ for: 1, quiet: 10 }) };
}

function dropped(link: CarrierLink): Record<string, number> {
  return link.dropped.snapshot();
}

describe('streamLink', () => {
  it('describes itself', () => {
    const [here] = duplexes(true);
    expect(streamLink(here)).toMatchObject({ medium: 'ip', mtu: 1500, up: false });
    const link = streamLink(here, { medium: 'ethernet', mtu: 9000, address: CARD });
    expect(link).toMatchObject({ medium: 'ethernet', mtu: 9000, address: CARD });
    expect(link.address).not.toBe(CARD);
  });

  it.each([
    ['a string', 'x', {}, 'ERR_INVALID_ARG_TYPE'],
    ['nothing', undefined, {}, 'ERR_INVALID_ARG_TYPE'],
    ['half a stream', { write() {} }, {}, 'ERR_INVALID_ARG_TYPE'],
    ['an unknown option', undefined, { speed: 1 }, 'ERR_INVALID_ARG_VALUE'],
    ['an unknown medium', undefined, { medium: 'wifi' }, 'ERR_INVALID_ARG_VALUE'],
    ['a card without address', undefined, { medium: 'ethernet' }, 'ERR_INVALID_ARG_TYPE'],
    ['a short address', undefined, { medium: 'ethernet', address: new Uint8Array(5) }, 'ERR_INVALID_ARG_VALUE'],
    ['a group address', undefined, { medium: 'ethernet', address: new Uint8Array(6).fill(1) }, 'ERR_INVALID_ARG_VALUE'],
    ['an address without card', undefined, { address: CARD }, 'ERR_INVALID_ARG_VALUE'],
    ['an MTU of 67', undefined, { mtu: 67 }, 'ERR_OUT_OF_RANGE'],
    ['lengths of 3 bytes', undefined, { framing: { lengthBytes: 3 } }, 'ERR_INVALID_ARG_VALUE'],
    ['a framing of no kind', undefined, { framing: 'slip' }, 'ERR_INVALID_ARG_VALUE'],
    ['a maximum of 0', undefined, { framing: { lengthBytes: 4, maximum: 0 } }, 'ERR_OUT_OF_RANGE'],
    ['an unknown part of a framing', undefined, { framing: { lengthBytes: 4, big: 1 } }, 'ERR_INVALID_ARG_VALUE'],
    [
      'lengths that are too short',
      undefined,
      { medium: 'ethernet', address: CARD, mtu: 65_535, framing: { lengthBytes: 2 } },
      'ERR_OUT_OF_RANGE',
    ],
  ])('refuses %s', (_title, stream, options, code) => {
    expect(() => streamLink(stream as unknown as DuplexLike, options as StreamLinkOptions)).toThrow(
      expect.objectContaining({ code }),
    );
  });

  it('writes packets as QEMU frames them, those of a batch at once', async () => {
    const { link, there, settle } = opened(true, { medium: 'ethernet', address: CARD, ...QEMU });
    const frames = [testPacket('ethernet', 40, 1), testPacket('ethernet', 30, 2)];
    expect(link.send(batchOf(frames))).toBe(2);
    await settle();
    expect([...(there.read() as Uint8Array)]).toEqual([0, 0, 0, 54, ...frames[0]!, 0, 0, 0, 44, ...frames[1]!]);
    expect(there.read()).toBe(null);
  });

  it('lets VLAN tags pass beyond the MTU, as the Ethernet header', async () => {
    const { link, there, settle } = opened(true, { medium: 'ethernet', address: CARD });
    const tagged = (length: number, ...tags: number[]): Uint8Array => {
      const frame = new Uint8Array(length);
      tags.forEach((tag, i) => frame.set([tag >> 8, tag & 255, 0, 5], 12 + 4 * i));
      return frame;
    };
    const long = [tagged(1514), tagged(1518, 0x8100), tagged(1522, 0x88a8, 0x8100)];
    const tooLong = [
      tagged(1515),
      tagged(1519, 0x8100),
      tagged(1523, 0x88a8, 0x8100),
      tagged(1526, 0x8100, 0x8100, 0x8100),
    ];
    expect(link.send(batchOf([...long, ...tooLong, new Uint8Array(13)]))).toBe(8);
    await settle();
    expect(long.map(() => (there.read() as Uint8Array).length)).toEqual([1514, 1518, 1522]);
    expect(there.read()).toBe(null);
    expect(dropped(link)).toEqual({ 'too-big': 4, 'too-short': 1 });
  });

  it('takes no more than the stream, and tells of room when it is drained', async () => {
    const { link, there, host, settle } = opened(false);
    const packets = Array.from({ length: 300 }, (_, i) => testPacket('ip', 1500, i));
    there.pause();
    const taken = link.send(batchOf(packets));
    // Asked after each burst: 64 packets or 64 KB.
    expect(taken).toBe(44);
    expect(link.send(batchOf(packets))).toBe(0);
    await settle();
    expect(host.events).toEqual([]);
    there.resume();
    await settle();
    expect(host.events).toEqual(['writable']);
  });

  it('pauses the stream when more comes than it may keep, and loses nothing', async () => {
    const clock = new VirtualClock();
    const host = new RecordingHost(clock);
    const [here, there] = await unixSockets();
    const link = streamLink(here, QEMU);
    void link.open(host);
    const count = 3000;
    const frame = Buffer.from([0, 0, 5, 220, ...testPacket('ip', 1500, 7)]);
    there.write(Buffer.concat(Array.from({ length: count }, () => frame)));
    // Nobody takes what has come: the clock stands.
    for (let i = 0; i < 500; i++) await turn();
    expect(host.packets.length).toBe(0);
    expect(here.isPaused()).toBe(true);
    expect(here.bytesRead).toBeLessThan(2 << 20);
    await clock.run({ until: () => host.packets.length === count, quiet: 10 });
    expect(host.packets.every((packet) => packet.length === 1500)).toBe(true);
    expect(Math.max(...host.batches.map((batch) => batch.count * 1500))).toBeLessThan((1 << 20) + 1500);
    void link.close();
    there.destroy();
  });

  it('ends with the stream, after the packets that came before', async () => {
    const { link, there, host, settle } = opened(false, QEMU);
    there.end(Buffer.from([0, 0, 0, 2, 1, 2]));
    await settle();
    expect(host.packets.map((packet) => [...packet])).toEqual([[1, 2]]);
    expect(host.events).toEqual(['closed']);
    expect(link.up).toBe(false);
    expect(link.send(batchOf([testPacket('ip', 40, 1)]))).toBe(1);
    expect(dropped(link)).toEqual({ down: 1 });
  });

  it.each([
    ['in the middle of a length', [0, 0], 'the stream ended in the middle of a packet'],
    ['in the middle of a packet', [0, 0, 0, 2, 1], 'the stream ended in the middle of a packet'],
    ['behind a length of 0', [0, 0, 0, 0], 'a packet of 0 bytes is announced'],
    ['behind an endless one', [255, 0, 0, 0], 'a packet of 4278190080 bytes is announced, of 1 to 65535 possible'],
  ])('ends with an error when the stream ends %s', async (_title, bytes, message) => {
    const { link, here, there, host, settle } = opened(false, QEMU);
    there.end(Buffer.from([0, 0, 0, 1, 9, ...bytes]));
    await settle();
    expect(host.packets.map((packet) => [...packet])).toEqual([[9]]);
    expect(host.events).toEqual([expect.stringContaining(`closed: read EPROTO: ${message}`)]);
    expect([link.up, here.destroyed]).toEqual([false, true]);
  });

  it('ends with the error of the stream', async () => {
    const { here, host, link, settle } = opened(true);
    here.destroy(new Error('the cable was cut'));
    await settle();
    expect(host.events).toEqual(['closed: the cable was cut']);
    expect(link.up).toBe(false);
  });

  it('drops what is no packet, and lets a stream of bytes give nothing else', async () => {
    const { there, host, link, settle } = opened(true);
    for (const chunk of ['text', new Uint8Array(65_536), new Uint8Array(0), 17, Uint8Array.of(5)]) there.write(chunk);
    await settle();
    expect(host.packets.map((packet) => [...packet])).toEqual([[5]]);
    expect(dropped(link)).toEqual({ 'received-not-bytes': 3, 'received-too-long': 1 });
    const framed = opened(true, QEMU);
    framed.there.write('text');
    await framed.settle();
    expect(framed.host.events).toEqual(["closed: read EPROTO: the stream gives the string 'text' instead of bytes"]);
  });

  it('ends the stream when it is closed, and what it has sent arrives', async () => {
    const { clock, host, link, here, there, settle } = opened(false, QEMU);
    const packet = testPacket('ip', 1000, 1);
    link.send(batchOf([packet]));
    void link.close();
    void link.close();
    const other = streamLink(there, QEMU);
    const otherHost = new RecordingHost(clock);
    void other.open(otherHost);
    await settle();
    expect(otherHost.packets.map((bytes) => Uint8Array.from(bytes))).toEqual([packet]);
    expect(otherHost.events).toEqual(['closed']);
    expect([here.destroyed, there.destroyed]).toEqual([true, true]);
    here.emit('error', new Error('too late'));
    expect(host.events).toEqual([]);
  });

  it('waits a second for a stream that takes nothing', async () => {
    const { clock, link, here, settle } = opened(true);
    link.send(batchOf(Array.from({ length: 40 }, (_, i) => testPacket('ip', 1000, i))));
    void link.close();
    await settle();
    expect(here.destroyed).toBe(false);
    await clock.run({ for: 1000, quiet: 4 });
    expect(here.destroyed).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it('lets the stream go when it was never opened, and opens none that is gone', async () => {
    const [here, there] = duplexes(true);
    void streamLink(here).close();
    expect(here.destroyed).toBe(true);
    there.destroy();
    await once(there, 'close');
    const link = streamLink(there);
    expect(() => link.open(new RecordingHost(new VirtualClock()))).toThrow(
      expect.objectContaining({ code: 'ENOTCONN' }),
    );
    expect(() => link.open(new RecordingHost(new VirtualClock()))).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_STATE' }),
    );
    expect(link.up).toBe(false);
  });

  it('remembers what went wrong before it was opened', async () => {
    const [here] = duplexes(true);
    const link = streamLink(here);
    here.destroy(new Error('too early'));
    await turn();
    expect(() => link.open(new RecordingHost(new VirtualClock()))).toThrow('too early');
  });

  it('outlives a stream that throws', async () => {
    const { host, link, here, settle } = opened(true);
    here.write = (): boolean => {
      throw new Error('no');
    };
    expect(link.send(batchOf([testPacket('ip', 40, 1)]))).toBe(1);
    await settle();
    expect(host.events).toEqual(['closed: no']);
    expect(dropped(link)).toEqual({ down: 1 });
  });
});

describe('streamLink over web streams', () => {
  it('ends when they do, and when they fail', async () => {
    for (const end of ['close', 'abort'] as const) {
      const clock = new VirtualClock();
      const host = new RecordingHost(clock);
      const [here, there] = webStreams();
      const link = streamLink(here);
      void link.open(host);
      const writer = there.writable.getWriter();
      if (end === 'close') void writer.close();
      else void writer.abort(new Error('gone'));
      await clock.run({ for: 1, quiet: 10 });
      expect(host.events).toEqual([end === 'close' ? 'closed' : 'closed: gone']);
      expect(link.up).toBe(false);
    }
  });

  it('refuses streams that have a reader', () => {
    const [here] = webStreams();
    here.readable.getReader();
    expect(() => streamLink(here)).toThrow(TypeError);
  });

  it('waits a second for a stream that takes nothing', async () => {
    const clock = new VirtualClock();
    const [here] = webStreams();
    const link = streamLink(here);
    void link.open(new RecordingHost(clock));
    expect(link.send(batchOf(Array.from({ length: 100 }, (_, i) => testPacket('ip', 40, i))))).toBe(64);
    void link.close();
    await clock.run({ for: 1001, quiet: 4 });
    expect(clock.pending).toBe(0);
  });
});
