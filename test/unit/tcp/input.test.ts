import { describe, expect, it } from 'vitest';
import { Datagram } from '../../../src/buffer/datagram.ts';
import { allocateMemory } from '../../../src/buffer/memory.ts';
import { Segment } from '../../../src/tcp/segment.ts';
import { TcpFlag } from '../../../src/wire/tcp.ts';
import { extended, stamp, stampOf } from '../../support/tcp-extended.ts';
import { World, established } from '../../support/tcp-world.ts';

const SECOND = 1_000_000;

describe('Segment', () => {
  it('counts SYN and FIN in the sequence space, and the payload behind the SYN', () => {
    const segment = new Segment();
    segment.seq = 0xffff_ffff;
    segment.payloadLength = 10;
    expect([segment.length, segment.payloadEnd]).toEqual([10, 9]);
    segment.flags = TcpFlag.SYN | TcpFlag.FIN;
    expect([segment.length, segment.payloadEnd]).toEqual([12, 10]);
  });
});

describe('Segment.load', () => {
  it.each([
    ['tcp-truncated', 19, 0x50],
    ['tcp-bad-header-length', 20, 0x40],
    ['tcp-bad-header-length', 20, 0x60],
    ['tcp-bad-checksum', 20, 0x50],
  ])('[MUST-7] says what is wrong with a segment: %s of %i bytes', (flaw, length, dataOffset) => {
    const datagram = new Datagram(allocateMemory(64));
    datagram.packetEnd = length;
    datagram.memory.view.setUint8(12, dataOffset);
    expect(new Segment().load(datagram)).toBe(flaw);
  });
});

describe('RFC 7323 §5.3 R3: what sets TS.Recent', () => {
  /** What the stack's next segment echoes. */
  const echo = ({ world, peer, connection }: ReturnType<typeof extended>): number => {
    world.write(connection, 10);
    return stampOf(peer.take().at(-1)!)!.echo;
  };

  it('[S-066] not a SYN without the option, which is challenged', () => {
    const made = extended({ tsValue: 0x9000_0000 });
    made.peer.send({ flags: 'SA', seq: 1, ack: 1 });
    made.peer.take();
    expect(echo(made)).toBe(0x9000_0000);
  });

  it('[S-066] not a segment without ACK, whatever its acknowledgment field holds', () => {
    const made = extended({ tsValue: 100 });
    const packet = made.peer.make({ flags: 'A', options: stamp(200), data: 10 });
    packet.tcp!.flags = TcpFlag.PSH;
    made.peer.sendPacket(packet);
    made.peer.take();
    expect(echo(made)).toBe(100);
  });

  it('[S-066] also the segment that takes the octet of a window probe', () => {
    const made = extended({ tsValue: 100, wnd: 0 });
    made.world.write(made.connection, 10);
    made.world.advance(SECOND);
    expect(made.peer.take().at(-1)).toMatchObject({ seq: 1, length: 1 });
    made.stamped(200, { flags: 'A', ack: 2, wnd: 1000 });
    expect(stampOf(made.peer.take().at(-1)!)!.echo).toBe(200);
  });
});

describe('memory', () => {
  /** Two connections of a stack with little memory; the second fills it with what nobody reads. */
  const crowded = () => {
    const world = new World({ memory: 200_000, tcp: { receiveBuffer: 1 << 20 } });
    const accepted = world.listen();
    const [one, other] = [world.client(41_000), world.client(41_001)];
    for (const peer of [one, other]) {
      peer.send({ flags: 'S', mss: 1460, sackPermitted: true });
      peer.expect({ flags: 'SA' });
      peer.ack();
    }
    const drops = (name: string): number => world.stack.statistics().drops[name] ?? 0;
    const fill = (): void => {
      for (let i = 0; i < 300 && drops('tcp-memory-budget') === 0; i++) {
        other.send({ flags: 'A', data: 1400 });
        world.advance(SECOND);
      }
      other.take();
    };
    return { world, one, other, drops, fill, connection: accepted[0]!.connection };
  };

  it('[SHLD-31] there is none for what is out of order: it is not kept, and asked for again', () => {
    const { world, one, drops, fill, connection } = crowded();
    fill();
    const before = drops('tcp-memory-budget');
    one.send({ flags: 'A', seq: 1001, data: 1400 });
    expect(drops('tcp-memory-budget')).toBe(before + 1);
    expect(connection.info().outOfOrder).toBe(0);
    expect(drops('tcp-out-of-order-pruned')).toBe(0);
    expect(one.take().at(-1)).toMatchObject({ ack: 1, sack: [] });
    one.send({ flags: 'A', seq: 1, data: 1000 });
    world.advance(SECOND);
    expect(one.take().at(-1)).toMatchObject({ ack: 1001 });
  });

  it('under pressure data in order takes the place of what is out of order', () => {
    const { world, one, drops, fill, connection } = crowded();
    for (let i = 0; i < 20; i++) one.send({ flags: 'A', seq: 10_001 + i * 1400, data: 1400 });
    expect(connection.info().outOfOrder).toBe(28_000);
    fill();
    one.take();
    const refused = drops('tcp-memory-budget');
    one.send({ flags: 'A', seq: 1, data: 1400 });
    world.advance(SECOND);
    expect([drops('tcp-out-of-order-pruned'), drops('tcp-memory-budget')]).toEqual([1, refused]);
    expect(connection.info()).toMatchObject({ outOfOrder: 0, unread: 1400 });
    expect(one.take().at(-1)).toMatchObject({ ack: 1401, sack: [] });
  });
});

describe('the receive buffer', () => {
  it('grows with what is read in a round trip, where nobody has chosen its size', () => {
    for (const chosen of [false, true]) {
      const { world, peer, connection } = established({
        windowScale: 7,
        timestamps: true,
        rtt: 100_000,
        ...(chosen ? { tcp: { receiveBuffer: 131_072 } } : {}),
      });
      const first = connection.info().receiveBuffer;
      for (let round = 0; round < 4; round++) {
        const window = peer.rightEdge - peer.next;
        for (let sent = 0; sent + 1448 <= window; sent += 1448) peer.send({ flags: 'A', data: 1448 });
        world.read(connection);
        peer.take();
        world.advance(100_000);
        peer.take();
      }
      if (chosen) expect(connection.info().receiveBuffer).toBe(first);
      else expect(connection.info().receiveBuffer).toBeGreaterThan(first);
    }
  });
});
