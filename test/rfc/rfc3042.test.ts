import { describe, expect, it } from 'vitest';
import { MSS, ack, flying, segments } from '../support/sack-world.ts';

describe('RFC 3042, with SACK', () => {
  it('[S-073] a new segment for each of the first two duplicate ACKs that report something new', () => {
    const made = flying({ more: 20 });
    ack(made, 0, [1, 2]);
    expect(segments(made)).toEqual([10]);
    ack(made, 0, [1, 3]);
    expect(segments(made)).toEqual([11]);
  });

  it('[S-073] none for a duplicate ACK without new SACK information', () => {
    const made = flying({ more: 20 });
    ack(made, 0, [1, 2]);
    expect(segments(made)).toEqual([10]);
    ack(made, 0, [1, 2]);
    ack(made, 0);
    expect(segments(made)).toEqual([]);
  });

  it('[S-073] not beyond the window of the peer', () => {
    const made = flying({ more: 20, wnd: 10 * MSS });
    ack(made, 0, [1, 2]);
    expect(segments(made)).toEqual([]);
  });

  it('[S-073] cwnd stays as it was', () => {
    const made = flying({ more: 20 });
    const { cwnd } = made.connection.info();
    ack(made, 0, [1, 3]);
    expect(segments(made)).toEqual([10, 11]);
    expect(made.connection.info().cwnd).toBe(cwnd);
  });
});
