import { describe, expect, it } from 'vitest';
import { Checksum, congestionControls } from '../../../src/index.ts';
import type { ListenOptions } from '../../../src/index.ts';
import { connected } from '../../support/tcp-gate.ts';
import { HEADERS } from '../../support/family.ts';

const MSS = 1460;

/** A connection over a link that completes checksums and cuts super-segments. */
function offloading(options: ListenOptions = {}, syn: Parameters<typeof connected>[1] = {}) {
  const made = connected(options, syn);
  made.cutting();
  made.given.length = 0;
  const payloads = () => made.given.splice(0).map(({ length }) => length - HEADERS);
  return { ...made, payloads };
}

describe('a link that cuts super-segments', () => {
  it('is given them whole, with the size of the pieces, and checksums to complete', () => {
    const { write, given } = offloading();
    write(5 * MSS);
    expect(given).toEqual([{ length: HEADERS + 5 * MSS, segmentSize: MSS, checksum: Checksum.partial }]);
  });

  it.each([false, true])('[SHLD-28] in whole segments while more is to come; without Nagle: %s', (noDelay) => {
    const { write, payloads } = offloading({ noDelay }, { wnd: 5000 });
    write(8000);
    expect(payloads()).toEqual([3 * MSS]);
  });

  it('[SHLD-7] Nagle: the tail of a super-segment waits as any small segment does', () => {
    const { write, payloads } = offloading();
    write(MSS);
    write(5000);
    expect(payloads()).toEqual([MSS, 3 * MSS]);
  });

  it('[MUST-17] without Nagle the tail goes with it', () => {
    const { write, payloads } = offloading({ noDelay: true });
    write(MSS);
    write(5000);
    expect(payloads()).toEqual([MSS, 5000]);
  });

  it('[MUST-31] urgent data goes in single segments: each has a pointer of its own', () => {
    const { clock, connection, payloads } = offloading();
    connection.write(new Uint8Array(2 * MSS), { urgent: true });
    clock.advance(0);
    expect(payloads()).toEqual([MSS, MSS]);
  });

  it('[S-086] what says CWR goes alone: a link may copy the bit into every piece (Linux: TUN_F_TSO_ECN)', () => {
    const { write, payloads, peer } = offloading({ congestion: 'reno' }, { flags: 'SEC' });
    write(30 * MSS);
    expect(payloads()).toEqual([10 * MSS]);
    // A mark halves the window of ten segments; the next ACK leaves room for three.
    peer.send({ flags: 'AE', ack: 1 + 2 * MSS });
    peer.send({ flags: 'A', ack: 1 + 8 * MSS });
    expect(payloads()).toEqual([MSS, 2 * MSS]);
  });

  it('paced, they are as long as what may leave at once, in whole segments', () => {
    congestionControls.register('test-paced-bursts', ({ mss }) => ({
      name: 'test-paced-bursts',
      cwnd: 40 * mss,
      ssthresh: 2 ** 30,
      // A quantum is a millisecond's worth: 10,000 bytes.
      pacingRate: 10_000_000,
      onAck: () => {},
      onCongestion: () => {},
      onRecovered: () => {},
      onIdle: () => {},
    }));
    const { clock, write, payloads } = offloading({ congestion: 'test-paced-bursts' });
    write(20 * MSS);
    expect(payloads()).toEqual([6 * MSS]);
    clock.advance(10_000);
    expect(payloads().reduce((sum, length) => sum + length, 0)).toBe(14 * MSS);
  });
});
