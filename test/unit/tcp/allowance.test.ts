import { describe, expect, it } from 'vitest';
import { congestionControls } from '../../../src/index.ts';
import { Reno } from '../../../src/tcp/congestion/reno.ts';
import { FIRST_RTO, MSS, RTT, connected, flying, segments } from '../../support/sack-world.ts';

describe('what keeps a sender back', () => {
  it.each([true, false])('while lost data waits to go again, it is not the application; SACK: %s', (sack) => {
    const limited: boolean[] = [];
    congestionControls.register('app-limited', (start) => {
      const inner = new Reno(start);
      const onAck = inner.onAck.bind(inner);
      inner.onAck = (sample) => {
        limited.push(sample.appLimited);
        onAck(sample);
      };
      return inner;
    });
    const made = flying({ sack, tcp: { congestion: 'app-limited' } });
    const { world, peer, connection } = made;
    // The timer expires: cwnd is one segment.
    world.advance(2 * FIRST_RTO);
    segments(made);
    for (let octets = 300; octets <= 5 * MSS; octets += 300) {
      peer.send({ flags: 'A', ack: 1 + octets });
      peer.take();
      // Half a segment of the window is left over, which is too little.
      const { flight, pipe, limitedBy } = connection.info();
      expect(pipe).toBeLessThan(flight);
      expect(limitedBy).toBe('congestion-window');
      world.advance(RTT / 10);
    }
    expect(limited.length).toBeGreaterThan(5);
    // The segment that was sent again first went out after a time without data; from then on losses were at work.
    expect(limited.lastIndexOf(true)).toBe(2);
  });

  it.each([
    ['passive', true],
    ['passive', false],
    ['active', true],
  ] as const)('the octet of a SYN does not make a window larger; opened: %s, SACK: %s', (open, sack) => {
    const made = connected({ open, sack, tcp: { congestion: 'bbr' } });
    expect(made.connection.info()).toMatchObject({ cwnd: 10 * MSS, delivered: 1 });
  });
});
