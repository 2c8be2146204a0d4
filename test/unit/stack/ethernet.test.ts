import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Connection, SystemError, UdpMessageInfo } from '../../../src/index.ts';
import { EtherType } from '../../../src/wire/ethernet.ts';
import { MacAddress } from '../../../src/wire/mac.ts';
import { seededRandom } from '../../../src/sim/index.ts';
import {
  ALICE,
  ALICE_MAC,
  BOB,
  BOB_MAC,
  EthernetPair,
  EVE,
  EVE_MAC,
  LoneStation,
} from '../../support/ethernet-world.ts';
import { rawPacket } from '../../support/raw-peer.ts';

const MS = 1000;
const mac = (text: string): MacAddress => MacAddress.parse(text);

/** Bob sends back all that comes; Alice sends `data` and collects. */
function echo(pair: EthernetPair, data: Uint8Array): { received: () => Uint8Array; connection: Connection } {
  const echoAll = (c: Connection): void => {
    while (c.readableLength > 0 && c.writableLength > 0) c.write(c.read(c.writableLength)!);
  };
  pair.bob.tcp.listen({ port: 7 }, (c) => {
    c.handler = { onReadable: echoAll, onWritable: echoAll, onEnd: () => c.shutdown() };
  });
  const pieces: Uint8Array[] = [];
  let sent = 0;
  const push = (c: Connection): void => {
    sent += c.write(data.subarray(sent));
  };
  const connection = pair.alice.tcp.connect(
    { remoteAddress: BOB, remotePort: 7 },
    {
      onConnect: push,
      onWritable: push,
      onReadable: (c) => {
        for (let bytes = c.read(); bytes !== undefined; bytes = c.read()) pieces.push(bytes);
      },
    },
  );
  return { connection, received: () => Uint8Array.from(pieces.flatMap((piece) => [...piece])) };
}

describe('two stacks on an Ethernet cable', () => {
  let pair: EthernetPair;
  beforeEach(() => {
    pair = new EthernetPair();
  });
  afterEach(() => pair.end());

  it('[S-051] announce their addresses, ask for each other once, and talk', () => {
    pair.clock.advance(2e6);
    expect(pair.frames.toSorted()).toEqual([
      '0 arp who has 10.0.0.1 tell 10.0.0.1 > all',
      '0 arp who has 10.0.0.2 tell 10.0.0.2 > all',
      '2 arp who has 10.0.0.1 tell 10.0.0.1 > all',
      '2 arp who has 10.0.0.2 tell 10.0.0.2 > all',
    ]);
    pair.settle();
    const data = new Uint8Array(300_000);
    seededRandom(3).fill(data);
    const { received, connection } = echo(pair, data);
    pair.clock.advance(1e6);
    expect(connection.state).toBe('ESTABLISHED');
    expect(received()).toEqual(data);
    expect(pair.frames.slice(0, 4)).toEqual([
      '7 arp who has 10.0.0.2 tell 10.0.0.1 > all',
      `7 arp 10.0.0.2 is at ${BOB_MAC} > ${ALICE_MAC}`,
      `7 ${ALICE_MAC} > ${BOB_MAC} 0x0800`,
      `7 ${BOB_MAC} > ${ALICE_MAC} 0x0800`,
    ]);
    expect(pair.arp).toHaveLength(2);
    // Bob has learnt of Alice by her question.
    expect(pair.b.neighbours.get(ALICE)).toEqual({ address: ALICE, mac: ALICE_MAC, state: 'REACHABLE', router: false });
    expect([pair.alice.statistics().drops, pair.bob.statistics().drops]).toEqual([{}, {}]);
  });

  it('RFC 4861 §7.3.1: a connection on which something is acknowledged needs no questions', () => {
    pair.settle();
    const { connection } = echo(pair, new Uint8Array([1]));
    for (let second = 0; second < 300; second++) {
      pair.clock.advance(1e6);
      connection.write(new Uint8Array([2]));
    }
    expect(pair.a.neighbours.get(BOB)?.state).toBe('REACHABLE');
    expect(pair.b.neighbours.get(ALICE)?.state).toBe('REACHABLE');
    expect(pair.arp).toHaveLength(2);
  });

  it('UDP: messages before and after the neighbour is known arrive in order', () => {
    const heard: string[] = [];
    pair.bob.udp.bind(
      { port: 9 },
      { onMessage: (bytes, info: UdpMessageInfo) => heard.push(`${bytes[0]} from ${info.remoteAddress}`) },
    );
    const socket = pair.alice.udp.bind({}, { onMessage: () => {} });
    for (let n = 1; n <= 3; n++) socket.send(new Uint8Array([n]), 9, BOB);
    pair.clock.advance(1);
    for (let n = 4; n <= 5; n++) socket.send(new Uint8Array([n]), 9, BOB);
    pair.clock.advance(1);
    expect(heard).toEqual([1, 2, 3, 4, 5].map((n) => `${n} from ${ALICE}`));
  });

  it('a link that is down for 300 s and comes back: neighbours are asked for anew, the connection goes on at once', () => {
    pair.settle();
    const { received, connection } = echo(pair, new Uint8Array(1000).fill(1));
    pair.clock.advance(1e6);
    expect(received()).toHaveLength(1000);
    pair.plug.plug(false);
    expect(pair.a.neighbours.list()).toEqual([]);
    connection.write(new Uint8Array(500));
    pair.clock.advance(300e6);
    expect(received()).toHaveLength(1000);
    pair.frames = [];
    pair.plug.plug(true);
    pair.clock.advance(1);
    expect(received()).toHaveLength(1500);
    expect(pair.arp).toEqual([
      '306 arp who has 10.0.0.1 tell 10.0.0.1 > all',
      '306 arp who has 10.0.0.2 tell 10.0.0.1 > all',
      `306 arp 10.0.0.2 is at ${BOB_MAC} > ${ALICE_MAC}`,
    ]);
  });

  it('offload marks and super-segments travel in frames, too', async () => {
    const other = new EthernetPair({ offload: true, mtu: 9000 });
    const data = new Uint8Array(500_000);
    seededRandom(4).fill(data);
    const { received } = echo(other, data);
    other.clock.advance(1e6);
    expect(received()).toEqual(data);
    expect(other.frames.length).toBeLessThan(200);
    await other.end();
  });
});

describe('a neighbour that does not answer', () => {
  it('[S-051] ends a connect with EHOSTUNREACH after three questions', async () => {
    const lone = new LoneStation();
    lone.settle();
    const events: string[] = [];
    lone.stack.tcp.connect(
      { remoteAddress: '10.0.0.9', remotePort: 80 },
      { onError: ({ code, message }) => events.push(`${code} ${message}`), onClose: () => events.push('close') },
    );
    lone.clock.advance(2999 * MS);
    expect(events).toEqual([]);
    expect(lone.link.lines()).toEqual(Array.from({ length: 3 }, () => `arp who has 10.0.0.9 tell ${ALICE} > all`));
    lone.clock.advance(1 * MS);
    expect(events).toEqual(['EHOSTUNREACH connect EHOSTUNREACH 10.0.0.9:80', 'close']);
    lone.stack.assertQuiescent();
    await lone.end();
  });

  it('an established connection is told as of a soft error, and goes on when the neighbour is back', async () => {
    const pair = new EthernetPair();
    pair.settle();
    const { connection, received } = echo(pair, new Uint8Array([1]));
    const soft: string[] = [];
    Object.assign(connection.handler, { onSoftError: ({ code }: SystemError) => soft.push(code) });
    pair.clock.advance(60e6);
    expect(pair.a.neighbours.get(BOB)?.state).toBe('STALE');
    pair.line!.set({ loss: 1 });
    connection.write(new Uint8Array([2]));
    pair.frames = [];
    pair.clock.advance(60e6);
    expect(pair.arp.filter((line) => line.endsWith(`> ${BOB_MAC}`))).toHaveLength(3);
    expect(pair.arp.some((line) => line.endsWith('> all'))).toBe(true);
    expect(soft).toContain('EHOSTUNREACH');
    expect(connection.state).toBe('ESTABLISHED');
    pair.line!.set({ loss: 0 });
    pair.clock.advance(120e6);
    expect([...received()]).toEqual([1, 2]);
    await pair.end();
  });

  it('tells UDP sockets nothing, as Linux does not: errors that may pass', async () => {
    const lone = new LoneStation();
    lone.settle();
    const errors: string[] = [];
    const socket = lone.stack.udp.bind({}, { onMessage: () => {}, onError: ({ code }) => errors.push(code) });
    socket.connect('10.0.0.9', 9);
    socket.send(new Uint8Array(10));
    lone.clock.advance(4e6);
    expect(errors).toEqual([]);
    expect(lone.drops()).toEqual({ 'neighbour-unreachable': 1, 'udp-error-soft': 1 });
    await lone.end();
  });
});

describe('frames', () => {
  let lone: LoneStation;
  let heard: string[];
  beforeEach(() => {
    lone = new LoneStation();
    lone.settle();
    heard = [];
    lone.stack.udp.bind({ port: 9 }, { onMessage: (bytes) => heard.push(`${bytes[0]} in ${bytes.length}`) });
  });
  afterEach(() => lone.end());

  function udp(first: number, destination: string = ALICE): Uint8Array {
    const payload = new Uint8Array([first, 1, 2]);
    return rawPacket(EVE, destination, { udp: { sourcePort: 5, destinationPort: 9, payload } });
  }
  const tag = (id: number, tpid: number = EtherType.VLAN) => ({ tpid, id, priority: 3, dropEligible: false });

  it('for this station are taken, with padding and with tags for the priority alone', () => {
    const padded = new Uint8Array(46);
    padded.set(udp(2));
    lone.link.injectFrame({ payload: udp(1) });
    lone.link.injectFrame({ payload: padded });
    lone.link.injectFrame({ payload: udp(3), tags: [tag(0)] });
    lone.link.injectFrame({ payload: udp(4), tags: [tag(0, EtherType.SERVICE_VLAN), tag(0)] });
    lone.clock.advance(0);
    expect(heard).toEqual(['1 in 3', '2 in 3', '3 in 3', '4 in 3']);
    expect(lone.drops()).toEqual({});
  });

  it('that concern nobody here are counted by reason', () => {
    const { link } = lone;
    link.inject(new Uint8Array(13), new Uint8Array(0));
    link.injectFrame({ payload: udp(1), destination: mac('02:00:00:00:00:77') });
    link.injectFrame({ payload: udp(1), source: mac('01:00:5e:00:00:01') });
    link.injectFrame({ payload: udp(1), source: mac('00:00:00:00:00:00') });
    link.injectFrame({ payload: udp(1), tags: [tag(7)] });
    link.injectFrame({ payload: udp(1), tags: [tag(0), tag(7)] });
    link.injectFrame({ type: 0x88cc });
    link.injectFrame({ type: 38 });
    link.injectFrame({ type: 0x0800, payload: new Uint8Array(0) });
    link.injectFrame({ type: 0x86dd, payload: new Uint8Array(40) });
    lone.clock.advance(0);
    expect(heard).toEqual([]);
    expect(lone.drops()).toEqual({
      'ethernet-truncated': 2,
      'ethernet-other-host': 1,
      'ethernet-bad-source': 2,
      'ethernet-other-vlan': 2,
      'ethernet-unknown-type': 1,
      'ethernet-llc': 1,
      'ipv4-truncated': 1,
      'ipv6-bad-version': 1,
    });
  });

  it('[S-028] RFC 1122 §3.3.6: to all or to a group carry nothing for this host alone', () => {
    lone.link.injectFrame({ payload: udp(1), destination: mac('ff:ff:ff:ff:ff:ff') });
    lone.link.injectFrame({ payload: udp(2), destination: mac('01:00:5e:00:00:05') });
    lone.link.injectFrame({ payload: udp(3, '10.0.0.255'), destination: mac('ff:ff:ff:ff:ff:ff') });
    lone.link.injectFrame({ payload: udp(4, '255.255.255.255'), destination: mac('ff:ff:ff:ff:ff:ff') });
    lone.clock.advance(0);
    expect(heard).toEqual(['3 in 3', '4 in 3']);
    expect(lone.drops()).toEqual({ 'ipv4-unicast-in-group-frame': 2 });
  });

  it('to broadcast addresses and groups have theirs, without a question', () => {
    const socket = lone.stack.udp.bind({ broadcast: true }, { onMessage: () => {} });
    for (const to of ['255.255.255.255', '10.0.0.255', '224.0.0.251']) socket.send(new Uint8Array(1), 9, to);
    lone.clock.advance(0);
    expect(lone.link.lines()).toEqual([
      `${ALICE_MAC} > all 0x0800`,
      `${ALICE_MAC} > all 0x0800`,
      `${ALICE_MAC} > 01:00:5e:00:00:fb 0x0800`,
    ]);
  });

  it('go to the gateway for what is beyond it', () => {
    lone.stack.routes.add('0.0.0.0/0', { via: EVE });
    const socket = lone.stack.udp.bind({}, { onMessage: () => {} });
    socket.send(new Uint8Array(1), 9, '192.0.2.1');
    lone.clock.advance(0);
    expect(lone.link.lines()).toEqual([`arp who has ${EVE} tell ${ALICE} > all`]);
    lone.link.injectArp({ operation: 2, targetMac: mac(ALICE_MAC) }, { destination: mac(ALICE_MAC) });
    lone.clock.advance(0);
    expect(lone.link.lines()).toEqual([`${ALICE_MAC} > ${EVE_MAC} 0x0800`]);
    expect(lone.neighbours()).toEqual([`${EVE} ${EVE_MAC} REACHABLE`]);
  });

  it('of a VLAN have its tag in both directions, and no others are taken', async () => {
    const tagged = new LoneStation({ vlan: 7 });
    tagged.settle();
    tagged.stack.udp.bind({ port: 9 }, { onMessage: (bytes) => heard.push(`${bytes[0]}`) });
    tagged.link.injectFrame({ payload: udp(1) });
    tagged.link.injectFrame({ payload: udp(2), tags: [tag(0)] });
    tagged.link.injectFrame({ payload: udp(3), tags: [tag(8)] });
    tagged.link.injectFrame({ payload: udp(4), tags: [tag(7)] });
    tagged.link.injectFrame({ payload: udp(5), tags: [tag(7), tag(9)] });
    tagged.link.injectArp({}, { tags: [tag(7)] });
    tagged.clock.advance(0);
    expect(heard).toEqual(['4']);
    expect(tagged.drops()).toEqual({ 'ethernet-other-vlan': 4 });
    expect(tagged.link.lines()).toEqual([`arp ${ALICE} is at ${ALICE_MAC} > ${EVE_MAC} vlan 7`]);
    await tagged.end();
  });
});

describe('attaching an Ethernet link', () => {
  it('takes the card’s address, or makes one up', async () => {
    const lone = new LoneStation();
    expect(lone.iface.mac).toBe(ALICE_MAC);
    await lone.end();
  });
});

describe('a link of Ethernet that is down', () => {
  it('a connect waits for it, as on any link, and asks when it comes up', async () => {
    const lone = new LoneStation();
    lone.settle();
    lone.link.setUp(false);
    const events: string[] = [];
    const connection = lone.stack.tcp.connect(
      { remoteAddress: EVE, remotePort: 80 },
      { onError: ({ code }) => events.push(code) },
    );
    lone.clock.advance(60e6);
    expect([events, connection.state, lone.link.take()]).toEqual([[], 'SYN_SENT', []]);
    lone.link.setUp(true);
    lone.clock.advance(0);
    expect(lone.link.lines()).toEqual([
      `arp who has ${ALICE} tell ${ALICE} > all`,
      `arp who has ${EVE} tell ${ALICE} > all`,
    ]);
    expect(lone.drops()).toEqual({});
    await lone.end();
  });

  it('what waits for a neighbour when it goes down is dropped, and nobody is told', async () => {
    const lone = new LoneStation();
    lone.settle();
    const events: string[] = [];
    lone.stack.tcp.connect({ remoteAddress: EVE, remotePort: 80 }, { onError: ({ code }) => events.push(code) });
    lone.clock.advance(1.5e6);
    lone.link.setUp(false);
    lone.clock.advance(10e6);
    expect(events).toEqual([]);
    expect(lone.neighbours()).toEqual([]);
    expect(lone.drops()).toMatchObject({ 'neighbour-queue-dropped': 2 });
    await lone.end();
  });
});
