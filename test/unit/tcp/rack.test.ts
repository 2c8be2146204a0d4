import { describe, expect, it } from 'vitest';
import { Rack } from '../../../src/tcp/rack.ts';
import { Mark } from '../../../src/tcp/scoreboard.ts';

const MIN_RTT = 100;

/** One ACK that delivers one segment: where it ends, when it was (last) sent, and whether it was sent before. */
function deliver(rack: Rack, end: number, sentAt: number, now: number, again: boolean = false): void {
  rack.begin();
  rack.onDelivered(end, sentAt, again ? Mark.repeated : 0, now, MIN_RTT, false);
}

describe('RFC 8985 §6.2 step 2: the segment that was sent last', () => {
  it('[S-080] RACK_sent_after: what was sent later counts, wherever it stands', () => {
    const rack = new Rack(0);
    deliver(rack, 1000, 200, 300, true);
    deliver(rack, 5000, 50, 310);
    expect([rack.xmitTs, rack.endSeq]).toEqual([200, 1000]);
    deliver(rack, 500, 210, 400);
    expect([rack.xmitTs, rack.endSeq]).toEqual([210, 500]);
  });

  it('[S-080] RACK_sent_after: of what was sent at the same time the higher number', () => {
    const rack = new Rack(0);
    deliver(rack, 5000, 10, 110);
    deliver(rack, 3000, 10, 115);
    expect([rack.xmitTs, rack.endSeq]).toEqual([10, 5000]);
    deliver(rack, 6000, 10, 120);
    expect([rack.xmitTs, rack.endSeq]).toEqual([10, 6000]);
  });
});

describe('RFC 8985 §6.2 step 3: reordering', () => {
  it('[S-080] RACK.fack is the highest number delivered: a retransmission that arrives below leaves it', () => {
    const rack = new Rack(0);
    deliver(rack, 5000, 10, 110);
    deliver(rack, 2000, 120, 220, true);
    expect(rack.reorderingSeen).toBe(false);
    deliver(rack, 3000, 5, 230);
    expect(rack.reorderingSeen).toBe(true);
  });
});

describe('RFC 8985 §6.2 step 4: the reordering window', () => {
  it('[S-080] without reordering there is none in recovery, however few segments are SACKed', () => {
    const rack = new Rack(0);
    expect(rack.reorderingWindow(1, false, MIN_RTT, 1000)).toBe(25);
    expect(rack.reorderingWindow(1, true, MIN_RTT, 1000)).toBe(0);
    expect(rack.reorderingWindow(0, true, MIN_RTT, 1000)).toBe(0);
  });
});
