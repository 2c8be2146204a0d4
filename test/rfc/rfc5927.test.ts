import { describe, expect, it } from 'vitest';
import { seqAdd } from '../../src/buffer/seq.ts';
import { PathMtu } from '../../src/tcp/path-mtu.ts';
import type { Heard } from '../support/tcp-peer.ts';
import type { Established } from '../support/tcp-world.ts';
import { established } from '../support/tcp-world.ts';

const SECOND = 1_000_000;
const UNREACHABLE = 3;
const FRAGMENTATION_NEEDED = 4;
const ISS = 0xffff_ff00;

/** Sends `length` bytes at `seq` in packets of at most the limit; returns the end. */
function send(mtu: PathMtu, seq: number, length: number): number {
  const end = seqAdd(seq, length);
  mtu.onSent(seq, end, Math.min(length + 40, mtu.limit));
  return end;
}

describe('RFC 5927 §7.3.1: normal operation for bulk transfers, figure 2', () => {
  it('[S-092] two routers are believed at once: nothing so large has ever got through', () => {
    const mtu = new PathMtu(4, 'icmp', 4464);
    let seq = ISS;
    send(mtu, seq, 4424);
    expect(mtu.onTooBig(0, 2048, 4464, seq)).toBe('lowered');
    send(mtu, seq, 2008);
    expect(mtu.onTooBig(0, 1500, 2048, seq)).toBe('lowered');
    seq = send(mtu, seq, 1460);
    mtu.onAcked(seq);
    expect(mtu.limit).toBe(1500);
  });
});

describe('RFC 5927 §7.3.2: operation during path-MTU changes, figure 3', () => {
  /** Full-sized packets of 1,500 bytes have been acknowledged; one more is on its way. */
  const settled = (): PathMtu => {
    const mtu = new PathMtu(4, 'icmp', 1500);
    mtu.onAcked(send(mtu, 100 - 1460, 1460));
    send(mtu, 100, 1460);
    return mtu;
  };

  it('[S-092] the error is pending until the segment times out', () => {
    const mtu = settled();
    expect(mtu.onTooBig(0, 1492, 1500, 100)).toBe('pending');
    expect([mtu.limit, mtu.oversized, mtu.told]).toEqual([1500, false, 0]);
    expect(mtu.onTimeout(SECOND, 100, 1, 1500, false, 0)).toBe(true);
    expect([mtu.limit, mtu.oversized, mtu.told]).toEqual([1492, false, 1492]);
    mtu.onAcked(send(mtu, 100, 1452));
    expect(mtu.limit).toBe(1492);
  });

  it('[S-092] "If the TCP SEQ claimed by the pending message is acknowledged, the pending error is cleared"', () => {
    const mtu = settled();
    expect(mtu.onTooBig(0, 600, 1500, 100)).toBe('pending');
    mtu.onAcked(seqAdd(100, 1460));
    send(mtu, 1560, 1460);
    expect(mtu.onTimeout(SECOND, 1560, 1, 1500, false, 0)).toBe(false);
    expect(mtu.limit).toBe(1500);
    // Acknowledged up to it, but not itself: it stays.
    expect(mtu.onTooBig(0, 600, 1500, 1560)).toBe('pending');
    mtu.onAcked(1560);
    expect(mtu.onTimeout(SECOND, 1560, 1, 1500, false, 0)).toBe(true);
    expect(mtu.limit).toBe(600);
  });

  it('[S-092] what was sent again in smaller pieces is no proof that the large packet got through', () => {
    const mtu = new PathMtu(4, 'icmp', 1500);
    send(mtu, 100, 1460);
    mtu.onSent(100, 800, 740);
    mtu.onAcked(800);
    mtu.onSent(800, 1560, 800);
    mtu.onAcked(1560);
    send(mtu, 1560, 1460);
    expect(mtu.onTooBig(0, 1000, 1500, 1560)).toBe('lowered');
  });
});

describe('RFC 5927 §7.2: which claims are heard', () => {
  const fresh = (): PathMtu => {
    const mtu = new PathMtu(4, 'icmp', 1500);
    send(mtu, 100, 1160);
    return mtu;
  };

  it.each([
    ['smaller than any link', 67, 1200],
    ['as large as the packet that did not fit', 1200, 1200],
    ['larger than anything that was sent', 1201, 1300],
  ])('[S-092] [S-052] implausible: %s', (_, claimed, quoted) => {
    const mtu = fresh();
    expect(mtu.onTooBig(0, claimed, quoted, 100)).toBe('implausible');
    expect(mtu.limit).toBe(1500);
  });

  it('[S-092] each packet is the reason for one decrease: the second claim is stale', () => {
    const mtu = fresh();
    expect(mtu.onTooBig(0, 1100, 1200, 100)).toBe('lowered');
    // maxsizesent was reset: nothing so large has been sent since.
    expect(mtu.onTooBig(0, 1000, 1200, 100)).toBe('implausible');
    send(mtu, 100, 1060);
    expect(mtu.onTooBig(0, 1100, 1200, 100)).toBe('stale');
    expect(mtu.limit).toBe(1100);
  });

  it('[S-052] [S-092] the same word about each packet of a flight says nothing new', () => {
    const mtu = fresh();
    expect(mtu.onTooBig(0, 1100, 1200, 100)).toBe('lowered');
    expect(mtu.onTooBig(0, 1100, 1200, 1260)).toBe('stale');
    expect(mtu.limit).toBe(1100);
  });

  it('[S-092] nobody can make segments tiny: 552 bytes, Linux’s min_pmtu, is the least that is believed', () => {
    const mtu = fresh();
    expect(mtu.onTooBig(0, 68, 1200, 100)).toBe('lowered');
    expect(mtu.limit).toBe(552);
  });
});

function tooBig({ peer }: Established, about: Heard, mtu: number): void {
  peer.icmp(UNREACHABLE, FRAGMENTATION_NEEDED, about, mtu);
}

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
    tooBig(made, made.sent, 552);
    expect(made.connection.info()).toMatchObject({ mss: 1460, pathMtu: 1500 });
    expect(made.world.stack.statistics().drops['tcp-icmp-stale']).toBe(1);
    made.peer.expectNothing();
  });

  it('[S-092] a connection that makes progress does not believe it', () => {
    const made = progress();
    const { peer, world, connection } = made;
    tooBig(made, made.sent, 600);
    peer.expectNothing();
    peer.send({ flags: 'A' });
    world.write(connection, 1460);
    peer.expect({ length: 1460 });
    expect(connection.info().pathMtu).toBe(1500);
    expect(world.stack.statistics().drops['tcp-mtu-pending']).toBe(1);
  });

  it('[S-092] one that stalls does, at the first timeout', () => {
    const made = progress();
    const { peer, world, connection } = made;
    tooBig(made, made.sent, 600);
    world.advance(SECOND);
    expect(peer.take()[0]).toMatchObject({ seq: 1461, length: 560 });
    expect(connection.info().pathMtu).toBe(600);
  });
});
