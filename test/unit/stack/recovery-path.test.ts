import { describe, expect, it } from 'vitest';
import { established } from '../../support/tcp-world.ts';
import { tooBig } from '../../support/icmp-error.ts';

const MSS = 1448;

describe('the event tcp-recovery', () => {
  it('tells of a path that takes only smaller packets as neither loss nor time-out', () => {
    const { world, peer, connection } = established({ rtt: 100_000, mss: 1460, sack: true, timestamps: true });
    const told: string[] = [];
    world.stack.on('tcp-recovery', (event) => {
      if (event.type === 'retransmit') told.push(`${event.cause} ${event.sequence}+${event.length}`);
      else told.push(event.type);
    });
    world.write(connection, 2 * MSS);
    const [first] = peer.take();
    tooBig(peer, first!, 1260);
    expect(told).toEqual(['path 1+1248', 'path 1249+1248', 'path 2497+400']);
    expect(connection.info().timeouts).toBe(0);
    peer.take();
  });
});
