import { describe, expect, it } from 'vitest';
import { seqAdd } from '../../src/buffer/seq.ts';
import { PathMtu } from '../../src/tcp/path-mtu.ts';
import { FAMILY, HEADERS } from '../support/family.ts';
import { tooBig } from '../support/icmp-error.ts';
import type { Heard } from '../support/tcp-peer.ts';
import type { Established } from '../support/tcp-world.ts';
import { established } from '../support/tcp-world.ts';

const SECOND = 1_000_000;
/** Data of a packet of 1,500 bytes. */
const FULL = 1500 - HEADERS;
const ISS = 0xffff_ff00;
/** A packet, and two smaller ones: what routers may well claim. */
const [SENT, LOWER, LOWEST] = FAMILY === 6 ? ([1450, 1350, 1300] as const) : ([1200, 1100, 1000] as const);
/** What each link carries, and the least that is believed. */
const [LEAST, BELIEVED] = FAMILY === 6 ? ([1280, 1280] as const) : ([68, 552] as const);

/** Sends `length` bytes at `seq` in packets of at most the limit; returns the end. */
function send(mtu: PathMtu, seq: number, length: number): number {
  const end = seqAdd(seq, length);
  mtu.onSent(seq, end, Math.min(length + HEADERS, mtu.limit));
  return end;
}

describe('RFC 5927 §7.3.1: normal operation for bulk transfers, figure 2', () => {
  it('[S-092] two routers are believed at once: nothing so large has ever got through', () => {
    const mtu = new PathMtu(FAMILY, 'icmp', 4464);
    let seq = ISS;
    send(mtu, seq, 4464 - HEADERS);
    expect(mtu.onTooBig(0, 2048, 4464, seq)).toBe('lowered');
    send(mtu, seq, 2048 - HEADERS);
    expect(mtu.onTooBig(0, 1500, 2048, seq)).toBe('lowered');
    seq = send(mtu, seq, 1500 - HEADERS);
    mtu.onAcked(seq);
    expect(mtu.limit).toBe(1500);
  });
});

describe('RFC 5927 §7.3.2: operation during path-MTU changes, figure 3', () => {
  /** Full-sized packets of 1,500 bytes have been acknowledged; one more is on its way. */
  const settled = (): PathMtu => {
    const mtu = new PathMtu(FAMILY, 'icmp', 1500);
    mtu.onAcked(send(mtu, 100 - FULL, FULL));
    send(mtu, 100, FULL);
    return mtu;
  };

  it('[S-092] the error is pending until the segment times out', () => {
    const mtu = settled();
    expect(mtu.onTooBig(0, 1492, 1500, 100)).toBe('pending');
    expect([mtu.limit, mtu.oversized, mtu.told]).toEqual([1500, false, 0]);
    expect(mtu.onTimeout(SECOND, 100, 1, 1500, false, 0)).toBe(true);
    expect([mtu.limit, mtu.oversized, mtu.told]).toEqual([1492, false, 1492]);
    mtu.onAcked(send(mtu, 100, 1492 - HEADERS));
    expect(mtu.limit).toBe(1492);
  });

  it('[S-092] "If the TCP SEQ claimed by the pending message is acknowledged, the pending error is cleared"', () => {
    const mtu = settled();
    expect(mtu.onTooBig(0, LOWEST, 1500, 100)).toBe('pending');
    mtu.onAcked(100 + FULL);
    send(mtu, 100 + FULL, FULL);
    expect(mtu.onTimeout(SECOND, 100 + FULL, 1, 1500, false, 0)).toBe(false);
    expect(mtu.limit).toBe(1500);
    // Acknowledged up to it, but not itself: it stays.
    expect(mtu.onTooBig(0, LOWEST, 1500, 100 + FULL)).toBe('pending');
    mtu.onAcked(100 + FULL);
    expect(mtu.onTimeout(SECOND, 100 + FULL, 1, 1500, false, 0)).toBe(true);
    expect(mtu.limit).toBe(LOWEST);
  });

  it('[S-092] what was sent again in smaller pieces is no proof that the large packet got through', () => {
    const mtu = new PathMtu(FAMILY, 'icmp', 1500);
    send(mtu, 100, FULL);
    mtu.onSent(100, 800, 740);
    mtu.onAcked(800);
    mtu.onSent(800, 100 + FULL, 800);
    mtu.onAcked(100 + FULL);
    send(mtu, 100 + FULL, FULL);
    expect(mtu.onTooBig(0, LOWEST, 1500, 100 + FULL)).toBe('lowered');
  });
});

describe('RFC 5927 §7.2: which claims are heard', () => {
  const fresh = (): PathMtu => {
    const mtu = new PathMtu(FAMILY, 'icmp', 1500);
    send(mtu, 100, SENT - HEADERS);
    return mtu;
  };

  it.each([
    ['smaller than any link', LEAST - 1, SENT],
    ['as large as the packet that did not fit', SENT, SENT],
    ['larger than anything that was sent', SENT + 1, SENT + 30],
  ])('[S-092] [S-052] implausible: %s', (_, claimed, quoted) => {
    const mtu = fresh();
    expect(mtu.onTooBig(0, claimed, quoted, 100)).toBe('implausible');
    expect(mtu.limit).toBe(1500);
  });

  it('[S-092] each packet is the reason for one decrease: the second claim is stale', () => {
    const mtu = fresh();
    expect(mtu.onTooBig(0, LOWER, SENT, 100)).toBe('lowered');
    // maxsizesent was reset: nothing so large has been sent since.
    expect(mtu.onTooBig(0, LOWEST, SENT, 100)).toBe('implausible');
    send(mtu, 100, LOWER - HEADERS);
    expect(mtu.onTooBig(0, LOWER, SENT, 100)).toBe('stale');
    expect(mtu.limit).toBe(LOWER);
  });

  it('[S-052] [S-092] the same word about each packet of a flight says nothing new', () => {
    const mtu = fresh();
    expect(mtu.onTooBig(0, LOWER, SENT, 100)).toBe('lowered');
    expect(mtu.onTooBig(0, LOWER, SENT, 100 + SENT - HEADERS)).toBe('stale');
    expect(mtu.limit).toBe(LOWER);
  });

  it('[S-092] nobody can make segments tiny: 552 bytes, Linux’s min_pmtu, or 1280 is the least that is believed', () => {
    const mtu = fresh();
    expect(mtu.onTooBig(0, LEAST, SENT, 100)).toBe('lowered');
    expect(mtu.limit).toBe(BELIEVED);
  });
});

describe('RFC 5927 §7: on the wire', () => {
  const progress = (): Established & { sent: Heard } => {
    const made = established();
    const { world, peer, connection } = made;
    world.write(connection, 1460);
    peer.expect({ length: 1460 });
    peer.send({ flags: 'A' });
    world.write(connection, 1460);
    return { ...made, sent: peer.expect({ length: 1460 }) };
  };

  it('[S-092] §7.3.3: an idle connection can’t be attacked, whatever number is claimed', () => {
    const made = progress();
    made.peer.send({ flags: 'A' });
    tooBig(made.peer, made.sent, BELIEVED - HEADERS);
    expect(made.connection.info()).toMatchObject({ mss: 1460, pathMtu: 1460 + HEADERS });
    expect(made.world.stack.statistics().drops['tcp-icmp-stale']).toBe(1);
    made.peer.expectNothing();
  });

  it('[S-092] a connection that makes progress does not believe it', () => {
    const made = progress();
    const { peer, world, connection } = made;
    tooBig(made.peer, made.sent, BELIEVED - HEADERS);
    peer.expectNothing();
    peer.send({ flags: 'A' });
    world.write(connection, 1460);
    peer.expect({ length: 1460 });
    expect(connection.info().pathMtu).toBe(1460 + HEADERS);
    expect(world.stack.statistics().drops['tcp-mtu-pending']).toBe(1);
  });

  it('[S-092] one that stalls does, at the first timeout', () => {
    const made = progress();
    const { peer, world, connection } = made;
    tooBig(made.peer, made.sent, BELIEVED - HEADERS);
    world.advance(SECOND);
    expect(peer.take()[0]).toMatchObject({ seq: 1461, length: BELIEVED - HEADERS });
    expect(connection.info().pathMtu).toBe(BELIEVED);
  });
});
