import { describe, expect, it } from 'vitest';
import { formatPacket } from '../../src/wire/packet.ts';
import type { AnyPacketValue } from '../../src/wire/packet.ts';
import type { Heard } from '../support/tcp-peer.ts';
import { World, established } from '../support/tcp-world.ts';
import { DEFAULT_MSS, FAMILY, MORE_HEADER } from '../support/family.ts';

/** Bytes of an IPv4 and a TCP header without options: IPv6's links carry as much more as its header is longer. */
const HEADERS = 40;

/** A SYN's options as they stand in its header. */
function answerTo(options: Uint8Array): Heard {
  const world = new World();
  world.listen();
  const peer = world.client();
  const syn = peer.make({ flags: 'S' });
  peer.sendPacket({ ...syn, tcp: { ...syn.tcp!, options } });
  return peer.expect({ flags: 'SA', ack: 1 });
}

/** What the stack sends in one segment to a peer whose SYN had these options. */
function segmentSizeAfter(options: Uint8Array): number {
  const world = new World();
  const accepted = world.listen();
  const peer = world.client();
  const syn = peer.make({ flags: 'S' });
  peer.sendPacket({ ...syn, tcp: { ...syn.tcp!, options } });
  const { options: answered } = peer.expect({ flags: 'SA', ack: 1 });
  const stamps = answered.flatMap((option) =>
    option.name === 'timestamps' ? [{ ...option, value: option.echo, echo: option.value }] : [],
  );
  peer.send({ flags: 'A', options: stamps });
  world.write(accepted[0]!.connection, 5000);
  const { tcp } = peer.take()[0]!.packet;
  return tcp!.payload.length + tcp!.options.length;
}

/** The right checksum of a segment in a packet without IP options or extension headers. */
function checksumOf(packet: AnyPacketValue): number {
  const bytes = formatPacket(packet);
  return new DataView(bytes.buffer, bytes.byteOffset).getUint16(20 + MORE_HEADER + 16);
}

describe('RFC 9293 §3.1: checksum', () => {
  it.each([1, -1, 0x100])('[MUST-3] a segment whose checksum is off by %i is dropped', (error) => {
    const world = new World();
    world.listen();
    const peer = world.client();
    peer.send({ flags: 'S' });
    const wanted = peer.expect({ flags: 'SA' });
    const syn = peer.make({ flags: 'S', seq: 0 });
    const right = checksumOf(syn);
    peer.sendPacket({ ...syn, tcp: { ...syn.tcp!, checksum: (right + error) & 0xffff } });
    peer.expectNothing();
    peer.sendPacket({ ...syn, tcp: { ...syn.tcp!, checksum: right } });
    expect(peer.expect({ flags: 'SA' }).options).toEqual(wanted.options);
    expect(world.stack.statistics().drops['tcp-bad-checksum']).toBe(1);
  });
});

describe('RFC 9293 §3.1, §3.2: options', () => {
  const MSS_1000 = [2, 4, 1000 >> 8, 1000 & 255];

  it.each([
    ['MSS alone', MSS_1000],
    ['[MUST-4] NOPs in front', [1, 1, 1, 1, ...MSS_1000]],
    ['[MUST-64] at an odd offset', [1, ...MSS_1000, 1, 1, 1]],
    ['[MUST-4] end of list behind it, and anything behind that', [...MSS_1000, 0, 255, 7, 9]],
    ['[MUST-6] [S-103] unknown kinds in front, one of an experiment', [253, 4, 9, 9, 77, 3, 1, ...MSS_1000, 0]],
    ['[MUST-6] an unknown kind without data in front', [200, 2, ...MSS_1000, 1, 1]],
    ['[MUST-68] SACK-permitted and timestamps in front', [4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, ...MSS_1000]],
  ])('[MUST-14] MSS is understood: %s', (_, options) => {
    expect(segmentSizeAfter(Uint8Array.from(options))).toBe(1000);
  });

  it.each([
    ['length 0', [2, 0, 3, 232]],
    ['length 1', [2, 1, 3, 232]],
    ['length past the header', [2, 5, 3, 232]],
    ['length 255', [2, 255, 3, 232]],
    ['a wrong length', [2, 3, 3, 1]],
    ['only a kind at the end', [1, 1, 1, 2]],
    ['an unknown kind with length 0', [253, 0, 1, 1]],
    ['an unknown kind with length 1, MSS behind it', [253, 1, 1, 1, ...MSS_1000]],
    ['end of list in front', [0, 0, 0, 0, ...MSS_1000]],
  ])('[MUST-7] [MUST-15] an option area that says nothing of MSS does no harm: %s', (_, options) => {
    expect(segmentSizeAfter(Uint8Array.from(options))).toBe(DEFAULT_MSS);
  });

  it('[MUST-5] options may come in any segment', () => {
    const { world, peer, connection } = established();
    const known = [
      { name: 'nop' as const },
      { name: 'other' as const, kind: 253, data: new Uint8Array(5) },
      { name: 'timestamps' as const, value: 1, echo: 2 },
    ];
    peer.send({ flags: 'A', data: 100, options: known });
    peer.expect({ flags: 'A', ack: 101 });
    // MSS and window scale mean nothing outside of a SYN.
    peer.send({ flags: 'A', data: 100, mss: 200, windowScale: 7, wnd: 3000 });
    peer.expect({ flags: 'A', ack: 201 });
    expect(world.read(connection)).toBe(200);
    expect(connection.info()).toMatchObject({ mss: 1460, sendWindow: 3000, receiveScale: 0 });
    peer.send({ flags: 'FA', options: known });
    peer.expect({ flags: 'A', ack: 202 });
  });

  it('[MUST-69] what stands behind our options is zero', () => {
    const area = answerTo(Uint8Array.from([2, 4, 5, 180, 3, 3, 7, 0])).packet.tcp!.options;
    expect(area.byteLength % 4).toBe(0);
    const heard = answerTo(Uint8Array.from([2, 4, 5, 180, 3, 3, 7, 0])).options;
    for (const option of heard) {
      if (option.name === 'end') expect([...option.padding].every((byte) => byte === 0)).toBe(true);
      expect(['mss', 'windowScale', 'nop', 'end']).toContain(option.name);
    }
  });
});

describe('RFC 9293 §3.7.1: maximum segment size', () => {
  // Of IPv4; of IPv6 20 bytes more: from 1,280 to 65,535.
  const mtus = (FAMILY === 6 ? [1260, 1280, 1500, 9000, 65_515] : [576, 1280, 1500, 9000, 65_535]).map(
    (mtu) => [mtu] as const,
  );

  it.each(mtus)('[MUST-14] [SHLD-5] [MAY-3] [MUST-67] [S-100] MTU %i: the SYN says MMS_R − 20', (mtu) => {
    const world = new World({ mtu });
    const peer = world.peer();
    world.connect();
    expect(peer.expect({ flags: 'S' }).mss).toBe(mtu - HEADERS);
  });

  it.each(mtus)('[MUST-14] [SHLD-5] [MAY-3] [MUST-67] [S-100] MTU %i: and so does the SYN,ACK', (mtu) => {
    const world = new World({ mtu });
    world.listen();
    const peer = world.client();
    peer.send({ flags: 'S' });
    expect(peer.expect({ flags: 'SA' }).mss).toBe(mtu - HEADERS);
  });

  it('[MUST-65] in SYN segments only', () => {
    const { world, peer, connection } = established({ open: 'active', windowScale: 3 });
    world.write(connection, 5000);
    peer.send({ flags: 'A', data: 1000 });
    world.act(() => connection.shutdown());
    peer.send({ flags: 'FA' });
    const heard = peer.take();
    expect(heard.length).toBeGreaterThan(3);
    expect(heard.flatMap(({ options }) => options)).toEqual([]);
  });

  it.each(['passive', 'active'] as const)('[MUST-15] without the option the default is assumed (%s open)', (open) => {
    const { world, peer, connection } = established({ open, mss: undefined });
    world.write(connection, 3 * DEFAULT_MSS);
    expect(peer.take().map(({ length }) => length)).toEqual([DEFAULT_MSS, DEFAULT_MSS, DEFAULT_MSS]);
    expect(connection.info().mss).toBe(DEFAULT_MSS);
  });

  it.each(['passive', 'active'] as const)('[MUST-15] and over IPv6 1220 (%s open)', (open) => {
    const { world, peer, connection } = established({ open, family: 6, mss: undefined });
    world.write(connection, 3 * 1220);
    expect(peer.take().map(({ length }) => length)).toEqual([1220, 1220, 1220]);
    expect(connection.info().mss).toBe(1220);
  });

  it.each([[1280], [1500], [9000], [65_535]])(
    '[MUST-14] [SHLD-5] [MUST-67] MTU %i: over IPv6 the SYN and the SYN,ACK say 60 less',
    (mtu) => {
      const world = new World({ mtu, family: 6 });
      const server = world.peer({ port: 9 });
      world.connect({ remotePort: 9 });
      expect(server.expect({ flags: 'S' }).mss).toBe(mtu - 60);
      world.listen();
      const peer = world.client();
      peer.send({ flags: 'S' });
      expect(peer.expect({ flags: 'SA' }).mss).toBe(mtu - 60);
    },
  );

  it('[MUST-16] over IPv6 a full segment fills the MTU, and the timestamps are paid for', () => {
    const { world, peer, connection } = established({ family: 6, mss: 1440, timestamps: true });
    world.write(connection, 3 * 1428);
    const heard = peer.take();
    expect(heard.map(({ length }) => length)).toEqual([1428, 1428, 1428]);
    for (const { packet } of heard) expect(packet.ip.payload.byteLength + 40).toBe(1500);
  });

  it.each([
    [1000, 1500, 1000],
    [1460, 1500, 1460],
    [9000, 1500, 1460],
    [65_535, 1500, 1460],
    FAMILY === 6 ? [1460, 1260, 1220] : [1460, 576, 536],
    [1460, 9000, 1460],
  ])('[MUST-16] [SHLD-28] the peer says %i, MTU %i: segments of %i bytes', (mss, mtu, size) => {
    const { world, peer, connection } = established({ mss, mtu });
    world.write(connection, 10 * size);
    const heard = peer.take();
    expect(heard.length).toBeGreaterThan(1);
    expect(new Set(heard.map(({ length }) => length))).toEqual(new Set([size]));
    for (const { packet } of heard) expect(packet.ip.payload.byteLength + 20).toBeLessThanOrEqual(mtu);
  });

  it('[MUST-16] the user’s own limit counts, and is announced', () => {
    const world = new World();
    const peer = world.peer();
    const { connection } = world.connect({ mss: 700 });
    peer.expect({ flags: 'S', mss: 700 });
    peer.send({ flags: 'SA', mss: 1460 });
    peer.expect({ flags: 'A' });
    world.write(connection, 1400);
    expect(peer.take().map(({ length }) => length)).toEqual([700, 700]);
  });

  it.each([0, 1, 47])('an absurd MSS of %i does not turn every byte into a packet (Linux: tcp_min_snd_mss)', (mss) => {
    const { world, peer, connection } = established({ mss });
    world.write(connection, 1000);
    const { length } = peer.take()[0]!;
    expect(length).toBeGreaterThanOrEqual(48);
  });
});
