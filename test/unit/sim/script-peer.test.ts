import { describe, expect, it } from 'vitest';
import { ScriptPeer, ScriptWorld, established, stream } from '../../../src/sim/index.ts';
import type { Expected, Heard, SegmentSpec } from '../../../src/sim/index.ts';
import { formatPacket, parsePacket } from '../../../src/wire/packet.ts';
import { asIpv4 } from '../../support/raw-peer.ts';

/** Two peers that are joined: what one makes, the other hears. Time stands where it is put. */
function pair(): {
  a: ScriptPeer;
  b: ScriptPeer;
  pass: (from: ScriptPeer, spec: SegmentSpec) => Heard;
  at: { us: number };
} {
  const at = { us: 0 };
  const host = {
    stackAddress: '10.0.0.1',
    now: () => at.us,
    transmit: () => {},
    note: () => {},
    failure: (message: string) => new Error(message),
  };
  const a = new ScriptPeer(host, { address: '10.0.0.1', port: 1, stackPort: 2, iss: 0xffff_fffe });
  const b = new ScriptPeer(host, { address: '10.0.0.2', port: 2, stackPort: 1, iss: 0x7fff_ffff });
  const pass = (from: ScriptPeer, spec: SegmentSpec): Heard => {
    const to = from === a ? b : a;
    const packet = parsePacket(formatPacket(from.make(spec)));
    if (typeof packet === 'string') throw new Error(packet);
    to.hear(packet);
    return to.take()[0]!;
  };
  return { a, b, pass, at };
}

/** The same after a handshake; `syn` is what both SYNs say. */
function joined(syn: Partial<SegmentSpec> = {}): ReturnType<typeof pair> {
  const made = pair();
  made.pass(made.a, { flags: 'S', ...syn });
  made.pass(made.b, { flags: 'SA', ...syn });
  made.pass(made.a, { flags: 'A' });
  return made;
}

describe('ScriptPeer: what it says and hears', () => {
  it('numbers are relative in both directions', () => {
    const { a, b, pass } = joined();
    expect(pass(a, { flags: 'PA', data: 100 })).toMatchObject({ flags: 'PA', seq: 1, ack: 1, length: 100 });
    expect(pass(b, { flags: 'FA' })).toMatchObject({ seq: 1, ack: 101, length: 0 });
    expect(pass(a, { flags: 'A' })).toMatchObject({ seq: 101, ack: 2 });
    expect([a.next, a.heardUpTo, b.next, b.heardUpTo]).toEqual([101, 2, 2, 101]);
  });

  it('SYN options by name', () => {
    const { a, pass } = pair();
    const heard = pass(a, { flags: 'S', mss: 1400, windowScale: 7, sackPermitted: true, timestamps: true });
    expect(heard).toMatchObject({ mss: 1400, windowScale: 7, sackPermitted: true, timestamps: true, tsecr: 0 });
    expect(pass(a, { flags: 'S' })).toMatchObject({ sackPermitted: false, timestamps: false, sack: [] });
  });

  it('SACK blocks are relative to the stream they speak of, a D-SACK is one of them', () => {
    const { a, b, pass } = joined();
    const sack = [
      [1, 101],
      [1001, 2001],
    ] as const;
    expect(pass(b, { flags: 'A', sack }).sack).toEqual(sack);
    expect(pass(a, { flags: 'A', sack }).sack).toEqual(sack);
    const { packet } = pass(b, { flags: 'A', sack });
    // 0xfffffffe is the number of the stream's SYN.
    expect([...packet.tcp!.options.subarray(4, 12)]).toEqual([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0x63]);
  });

  it('timestamps are filled in once both SYNs had them: TSval from the clock, TSecr the latest heard', () => {
    const { a, b, pass, at } = joined({ timestamps: true });
    a.tsOffset = 0xffff_fff0;
    b.tsOffset = 500;
    at.us = 20_999;
    expect(pass(a, { flags: 'A' })).toMatchObject({ timestamps: true, tsval: 4, tsecr: 1_000_000 });
    at.us = 30_000;
    expect(pass(b, { flags: 'A' })).toMatchObject({ tsval: 530, tsecr: 4 });
    expect(pass(a, { flags: 'R' })).toMatchObject({ tsval: 14, tsecr: 0 });
    expect(pass(a, { flags: 'A', tsval: 7, tsecr: 8 })).toMatchObject({ tsval: 7, tsecr: 8 });
    expect(pass(a, { flags: 'A', timestamps: false })).toMatchObject({ timestamps: false, tsval: undefined });
    // RFC 7323 Appendix A: two NOPs in front.
    expect([...pass(a, { flags: 'A' }).packet.tcp!.options.subarray(0, 4)]).toEqual([1, 1, 8, 10]);
  });

  it('timestamps that only one side offers are not used', () => {
    const { a, b, pass } = pair();
    pass(a, { flags: 'S', timestamps: true });
    pass(b, { flags: 'SA' });
    expect(pass(a, { flags: 'A' }).timestamps).toBe(false);
    expect(pass(b, { flags: 'A' }).timestamps).toBe(false);
  });

  it('windows in bytes, once both SYNs had the option', () => {
    const { a, b, pass } = joined({ windowScale: 3, wnd: 1000 });
    expect(b.rightEdge).toBe(1 + 65_535 * 8);
    expect(pass(a, { flags: 'A', wnd: 1000 })).toMatchObject({ wnd: 1000, window: 8000 });
    const plain = joined();
    expect(plain.pass(plain.a, { flags: 'A', wnd: 1000 })).toMatchObject({ wnd: 1000, window: 1000 });
  });

  it('ECN: the field of the IP header, and the flags', () => {
    const { a, pass } = joined();
    expect(pass(a, { flags: 'AEC' })).toMatchObject({ flags: 'AEC', ect: 'not-ect', trafficClass: 0 });
    expect(pass(a, { flags: 'A', ect: 'ect1' })).toMatchObject({ ect: 'ect1', trafficClass: 1 });
    expect(pass(a, { flags: 'A', ect: 'ect0' })).toMatchObject({ ect: 'ect0', trafficClass: 2 });
    a.ect = 'ce';
    expect(pass(a, { flags: 'A' })).toMatchObject({ ect: 'ce', trafficClass: 3 });
  });

  it('the urgent pointer, Fast Open and the user timeout', () => {
    const { a, pass } = joined();
    expect(pass(a, { flags: 'UA', urgent: 3, data: 5 })).toMatchObject({ flags: 'AU', urgent: 3 });
    expect(pass(a, { flags: 'A', urgent: 3 }).urgent).toBeUndefined();
    expect(pass(a, { flags: 'S', seq: 0, fastOpen: 'request' }).fastOpen).toBe('request');
    const cookie = Uint8Array.of(1, 2, 3, 4);
    expect(pass(a, { flags: 'S', seq: 0, fastOpen: cookie, data: 10 })).toMatchObject({ fastOpen: cookie, length: 10 });
    expect(pass(a, { flags: 'A', userTimeout: 0x8005 }).userTimeout).toBe(0x8005);
  });

  it('refuses flags that nobody knows', () => {
    expect(() => pair().a.make({ flags: 'Q' })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }));
  });
});

describe('ScriptPeer: what it expects', () => {
  it.each<[Expected, RegExp]>([
    [{ flags: 'A' }, /^The stack sent something else.\n {2}expected {2}\{ flags: 'A' \}\n {2}came {6}PA 1:101\(100\)/],
    [{ seq: 2, length: 5 }, /seq {7}1 instead of 2\n {2}length {4}100 instead of 5/],
    [{ sack: [[1, 2]] }, /sack {6}\[\] instead of \[\[1, 2\]\]/],
    [{ mss: 1460 }, /mss {7}undefined instead of 1460/],
    [{ options: [{ name: 'nop' }] }, /options {3}\[\] instead of \[\{ name: 'nop' \}\]/],
  ])('%o is not what came', (expected, message) => {
    const { world, peer, connection } = established();
    world.write(connection, 100);
    expect(() => peer.expect(expected)).toThrow(message);
    peer.ack(101);
    world.finish();
  });

  it('fails when nothing came, and for what nobody took', () => {
    const { world, peer, connection } = established();
    expect(() => peer.expect({ flags: 'A' })).toThrow(
      /^Nothing came from the stack.\n {2}expected {2}\{ flags: 'A' \}\nThe conv/,
    );
    world.write(connection, 100);
    expect(() => peer.expectNothing()).toThrow(/^The stack sent what nobody expected.\n {2}came {6}PA 1:101/);
    expect(() => world.finish()).toThrow(/nobody expected/);
    expect(peer.take().map(({ length }) => length)).toEqual([100]);
    peer.expectNothing();
    world.finish();
  });

  it('fails for a wrong byte and a wrong checksum', () => {
    const { a, b } = joined();
    const packet = a.make({ flags: 'A', data: stream(1, 10) });
    expect(() => b.hear(packet)).toThrow(/^A byte is wrong, at 1: A 1:11\(10\)/);
    const { tcp, ip } = asIpv4(a.make({ flags: 'A', seq: 1, data: 10 }));
    expect(() => b.hear({ ip, tcp: { ...tcp!, checksum: 1 } })).toThrow(/^The checksum is wrong/);
  });
});

describe('ScriptWorld', () => {
  it("names the peers in a conversation of several, and the owner's events", () => {
    const world = new ScriptWorld();
    world.listen();
    const [first, second] = [world.client(1000), world.client(2000)];
    first.send({ flags: 'S' });
    first.expect({ flags: 'SA' });
    first.ack();
    first.send({ flags: 'A', data: 1 });
    first.take();
    expect(world.conversation()).toContain('   0.000000  told readable');
    expect(() => second.expect({ flags: 'SA' })).toThrow(
      / {2}\[1000\] < S 0:0\(0\) win 65535\n.* {2}\[1000\] > SA 0:0/,
    );
    world.finish();
  });

  it('fails for packets that are for nobody', () => {
    const world = new ScriptWorld();
    world.peer({ port: 1 });
    world.connect();
    expect(() => world.finish()).toThrow(/^Packets for nobody:\n {2}10.0.0.1:\d+ → 10.0.0.2:7 \[SYN\]/);
    world.finish(false);
  });

  it('shows the end of a long conversation', () => {
    const { world, peer } = established();
    for (let i = 0; i < 200; i++) peer.ack(1);
    expect(world.conversation().length).toBe(40);
    expect(world.conversation().at(-1)).toContain('< A 1:1(0) ack 1');
    world.finish();
  });

  it('speaks timestamps by itself with a stack that does', () => {
    const { world, peer, connection } = established({ sack: true, timestamps: true, windowScale: 7, rtt: 20_000 });
    expect(peer.timestamps).toBe(true);
    peer.send({ flags: 'A', data: 1000 });
    peer.expect({ flags: 'A', ack: 1001, timestamps: true, tsecr: peer.tsOffset + 20 });
    world.advance(5000);
    world.write(connection, 10);
    const { tsval } = peer.expect({ flags: 'PA', tsecr: peer.tsOffset + 20 });
    expect(tsval).toBe(peer.tsRecent);
    peer.ack();
    expect(world.conversation().at(-1)).toContain(`< A 1001:1001(0) ack 11 win 65535 <ts val 1000025 ecr ${tsval}>`);
    expect(world.read(connection)).toBe(1000);
    peer.take();
    world.finish();
  });

  it.each(['active', 'passive'] as const)('goes through the handshake of an %s open', (open) => {
    const { world, peer, connection } = established({ open, rtt: 50_000, windowScale: 7, sack: true, wnd: 1000 });
    expect(connection.state).toBe('ESTABLISHED');
    expect(world.clock.now()).toBe(50_000);
    expect(world.conversation().join('\n')).toMatch(/< SA? 0:0\(0\).* win 1000 <mss 1460, sackOK, wscale 7>/);
    peer.expectNothing();
    world.finish();
  });
});
