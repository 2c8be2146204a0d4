import { describe, expect, it } from 'vitest';
import { HEADROOM } from '../../../src/buffer/packet.ts';
import type { TransmitQueue } from '../../../src/buffer/transmit-queue.ts';
import { Stack, cable } from '../../../src/index.ts';
import { VirtualClock, seededRandom, stream } from '../../../src/sim/index.ts';
import { cidrAt, hostAt } from '../../support/family.ts';
import { established } from '../../support/tcp-world.ts';

const MSS = 1460;

describe('a super-segment that the link does not cut', () => {
  it('goes as whole segments and what is left, of which the last says PSH', () => {
    const { world, peer, connection } = established({ mss: MSS });
    world.write(connection, 5 * MSS + 100);
    for (let i = 0; i < 5; i++) peer.expect({ flags: 'A', seq: 1 + i * MSS, length: MSS, ack: 1 });
    // Nagle: it is not full, and waits for the ACK of those in front of it.
    peer.expectNothing();
    peer.ack();
    peer.expect({ flags: 'PA', seq: 1 + 5 * MSS, length: 100, ack: 1 });
    expect(connection.info().segmentsSent).toBe(7);
    peer.ack();
  });

  it('has PSH and FIN on the last segment alone', () => {
    const { world, peer, connection } = established({ mss: MSS });
    world.act(() => {
      connection.write(stream(0, 3 * MSS));
      connection.shutdown();
    });
    expect(peer.take().map(({ flags, length }) => [flags, length])).toEqual([
      ['A', MSS],
      ['A', MSS],
      ['FPA', MSS],
    ]);
    peer.ack();
    peer.send({ flags: 'FA' });
    peer.take();
  });

  it('ends where the queue of the interface is full, and goes on from there', () => {
    const { world, peer, connection } = established({ mss: MSS });
    const { queue } = world.stack.interfaces.at(-1)!.network;
    const { limit } = queue;
    limitTo(queue, 3 * (HEADROOM + MSS));
    const inQueue: number[] = [];
    const commit = queue.commit.bind(queue);
    queue.commit = () => {
      commit();
      inQueue.push(queue.batch.count);
    };
    world.write(connection, 8 * MSS);
    // Three at a time, and the next as soon as the link has taken these.
    expect(inQueue).toEqual([1, 2, 3, 1, 2, 3, 1, 2]);
    expect(queue.refused).toBe(2);
    for (let i = 0; i < 7; i++) peer.expect({ flags: 'A', seq: 1 + i * MSS, length: MSS });
    peer.expect({ flags: 'PA', seq: 1 + 7 * MSS, length: MSS });
    expect([connection.info().segmentsSent, connection.unacknowledged]).toEqual([9, 8 * MSS]);
    limitTo(queue, limit);
    peer.ack();
  });

  it('is cut by SACK at the edges of its segments, of which only the lost one goes again', () => {
    const { world, peer, connection } = established({ mss: MSS, sack: true, timestamps: false, rtt: 50_000 });
    world.write(connection, 6 * MSS);
    peer.take();
    world.advance(50_000);
    peer.sendAll([3, 4, 5, 6].map((i) => ({ flags: 'A', ack: 1 + MSS, sack: [[1 + 2 * MSS, 1 + i * MSS]] }) as const));
    peer.expect({ flags: 'A', seq: 1 + MSS, length: MSS });
    peer.expectNothing();
    peer.ack(1 + 6 * MSS);
  });

  it('waits for the neighbour whole, behind whom its segments have the right frames', () => {
    const clock = new VirtualClock();
    const [a, b] = cable({ medium: 'ethernet' });
    const sender = new Stack({ clock, random: seededRandom(1) });
    const receiver = new Stack({ clock, random: seededRandom(2) });
    const near = sender.attach(a, { addresses: [cidrAt(1)] });
    receiver.attach(b, { addresses: [cidrAt(2)] });
    clock.advance(5_000_000);
    let received = 0;
    receiver.tcp.listen({ address: '::', port: 7 }, (connection) => {
      connection.handler = { onReadable: (c) => (received += c.read()?.length ?? 0) };
    });
    const connection = sender.tcp.connect({ remoteAddress: hostAt(2), remotePort: 7 }, {});
    clock.advance(10_000);
    expect(connection.state).toBe('ESTABLISHED');
    near.neighbours.delete(hostAt(2));
    connection.write(new Uint8Array(10 * MSS));
    clock.advance(100_000);
    expect(received).toBe(10 * MSS);
    expect(connection.info().retransmits).toBe(0);
    void sender.destroy();
    void receiver.destroy();
  });
});

function limitTo(queue: TransmitQueue, limit: number): void {
  Object.assign(queue, { limit });
}
