import { describe, expect, it } from 'vitest';
import type { Batch } from '../../../src/buffer/batch.ts';
import { batchOf } from '../../../src/buffer/batch.ts';
import { cable } from '../../../src/link/cable.ts';
import type { Link, LinkHost, LinkOffload } from '../../../src/link/link.ts';
import { NO_OFFLOAD } from '../../../src/link/link.ts';
import { testPacket } from '../../../src/link/suite-packets.ts';
import { tap } from '../../../src/link/tap.ts';
import { VirtualClock } from '../../../src/time/virtual-clock.ts';
import { RecordingHost } from './pairs.ts';

const packets = [1, 2, 3, 4].map((id) => testPacket('ip', 40, id));

/** A card whose properties a test changes at will. */
class Card implements Link {
  readonly medium = 'ethernet';
  address?: Uint8Array;
  mtu: number = 1500;
  up: boolean = false;
  offload: LinkOffload = NO_OFFLOAD;
  host: LinkHost | undefined;
  closes: number = 0;

  async open(host: LinkHost): Promise<void> {
    this.host = host;
    this.address = new Uint8Array([2, 0, 0, 0, 0, 1]);
  }

  send(batch: Batch): number {
    return batch.count;
  }

  async close(): Promise<void> {
    this.closes++;
  }
}

describe('tap', () => {
  it('sees packets of both directions, and only what the link took while up', () => {
    const clock = new VirtualClock();
    const [a, b] = cable({ queue: 3 });
    const seen: string[] = [];
    const note =
      (what: string) =>
      (batch: Batch, count: number): void => {
        for (let i = 0; i < count; i++) seen.push(`${what} ${packets.findIndex((p) => p[5] === batch.packet(i)[5])}`);
      };
    const tapped = tap(a, { onOpen: () => seen.push('open'), onSend: note('sent'), onReceive: note('received') });
    tapped.send(batchOf(packets));
    void tapped.open(new RecordingHost(clock));
    tapped.send(batchOf(packets));
    expect(seen).toEqual(['open']);
    void b.open(new RecordingHost(clock));
    expect(tapped.send(batchOf(packets))).toBe(3);
    expect(tapped.send(batchOf(packets))).toBe(0);
    b.send(batchOf(packets.slice(3)));
    clock.advance(1);
    expect(seen).toEqual(['open', 'sent 0', 'sent 1', 'sent 2', 'received 3']);
    void tapped.close();
    tapped.send(batchOf(packets));
    expect(seen).toHaveLength(5);
  });

  it('shows the properties of the link as they are now', async () => {
    const clock = new VirtualClock();
    const card = new Card();
    const link: Link = tap(card, {});
    expect([link.medium, link.mtu, link.up, link.offload]).toEqual(['ethernet', 1500, false, NO_OFFLOAD]);
    expect('address' in link).toBe(false);
    const host = new RecordingHost(clock);
    await link.open(host);
    expect(link.address).toEqual(new Uint8Array([2, 0, 0, 0, 0, 1]));
    card.mtu = 9000;
    card.up = true;
    card.offload = { checksum: true, tso: 1, uso: 2 };
    card.address = new Uint8Array(6);
    card.host?.changed();
    expect([link.mtu, link.up, link.offload]).toEqual([9000, true, { checksum: true, tso: 1, uso: 2 }]);
    expect(link.address).toEqual(new Uint8Array(6));
    card.host?.writable();
    card.host?.closed(new Error('gone'));
    card.host?.closed();
    expect(host.events).toEqual(['changed', 'writable', 'closed: gone', 'closed']);
    await link.close();
    expect(card.closes).toBe(1);
  });

  it('passes on what open throws', async () => {
    const card = new Card();
    card.open = () => Promise.reject(new Error('EPERM'));
    await expect(tap(card, {}).open(new RecordingHost(new VirtualClock()))).rejects.toThrow('EPERM');
  });

  it('lets an observer’s error out through the clock, not through the link', () => {
    const clock = new VirtualClock();
    const [a, b] = cable();
    const fail = (): void => {
      throw new Error('observer');
    };
    const tapped = tap(a, { onOpen: fail, onSend: fail, onReceive: fail });
    const host = new RecordingHost(clock);
    void tapped.open(host);
    void b.open(new RecordingHost(clock));
    expect(tapped.send(batchOf(packets))).toBe(4);
    b.send(batchOf(packets));
    for (const _ of ['onOpen', 'onSend', 'onReceive']) expect(() => clock.advance(1)).toThrow('observer');
    clock.advance(1);
    expect(host.packets).toEqual(packets);
  });
});
