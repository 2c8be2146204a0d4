import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Stack } from '../../../src/index.ts';
import { seededRandom, VirtualClock } from '../../../src/sim/index.ts';
import { MacAddress } from '../../../src/wire/mac.ts';
import { parseEthernet } from '../../../src/wire/ethernet.ts';
import type { EthernetFrame } from '../../../src/wire/ethernet.ts';
import { parsePacket } from '../../../src/wire/packet.ts';
import type { PacketValue } from '../../../src/wire/packet.ts';
import { Address } from '../../../src/wire/address.ts';
import { ArpOperation } from '../../../src/wire/arp.ts';
import { ALICE, ALICE_MAC, EVE, EVE_MAC, RawEthernet } from '../../support/ethernet-world.ts';
import { rawPacket } from '../../support/raw-peer.ts';

const FAR = '10.2.0.9';
const FAR_MAC = '02:00:00:00:00:09';

/** A router with Eve on its near link, and a far network. */
describe('a router between two Ethernet links', () => {
  let clock: VirtualClock;
  let near: RawEthernet;
  let far: RawEthernet;
  let router: Stack;
  beforeEach(() => {
    clock = new VirtualClock();
    near = new RawEthernet();
    far = new RawEthernet();
    router = new Stack({ clock, random: seededRandom(1), forwarding: true });
    router.attach(near, { addresses: [`${ALICE}/24`] }).neighbours.set(EVE, EVE_MAC);
    router.attach(far, { addresses: ['10.2.0.1/24'] });
    clock.advance(5e6);
    near.take();
    far.take();
  });
  afterEach(async () => {
    const ended = router.destroy();
    clock.advance(0);
    await ended;
  });

  const packet = rawPacket(EVE, FAR, { udp: { sourcePort: 5, destinationPort: 9, payload: new Uint8Array(4) } });

  function framesOf(link: RawEthernet): (EthernetFrame & { packet?: PacketValue })[] {
    return link.take().map((bytes) => {
      const frame = parseEthernet(bytes);
      if (typeof frame === 'string') throw new Error(frame);
      const carried = parsePacket(frame.payload);
      return typeof carried === 'string' ? frame : { ...frame, packet: carried };
    });
  }

  it('asks for the next hop, and passes on what waits', () => {
    near.injectFrame({ payload: packet });
    clock.advance(0);
    expect(far.lines()).toEqual([`arp who has ${FAR} tell 10.2.0.1 > all`]);
    const reply = {
      operation: ArpOperation.REPLY,
      senderAddress: Address.parse(FAR),
      targetAddress: Address.parse('10.2.0.1'),
    };
    far.injectArp(
      { ...reply, senderMac: MacAddress.parse(FAR_MAC), targetMac: MacAddress.parse(ALICE_MAC) },
      { destination: MacAddress.parse(ALICE_MAC) },
    );
    clock.advance(0);
    const [sent] = framesOf(far);
    expect(sent?.destination.toString()).toBe(FAR_MAC);
    expect(sent?.packet?.ip).toMatchObject({ ttl: 63 });
    expect(near.take()).toEqual([]);
  });

  it('RFC 1812 §5.2.7.1: tells the sender that the host is unreachable when nobody answers', () => {
    near.injectFrame({ payload: packet });
    clock.advance(3e6);
    expect(far.lines()).toHaveLength(3);
    const [error] = framesOf(near);
    expect(error?.destination.toString()).toBe(EVE_MAC);
    expect(error?.packet?.icmp).toMatchObject({ type: 3, code: 1 });
    expect(error?.packet?.ip.source.toString()).toBe(ALICE);
    expect(router.statistics().drops).toEqual({ 'neighbour-unreachable': 1, 'icmp-error-sent': 1 });
  });
});

describe('a router with little memory', () => {
  it('keeps three quarters of it for its sockets while all its links are scanned through it', async () => {
    const clock = new VirtualClock();
    const router = new Stack({ clock, random: seededRandom(1), forwarding: true, memory: 1 << 20 });
    const links = [0, 1, 2, 3, 4, 5].map((n) => {
      const link = new RawEthernet();
      router.attach(link, { addresses: [`10.${n}.0.1/16`], autoconfiguration: false });
      return link;
    });
    const near = links[0]!;
    router.interfaces.find(({ link }) => link === near)!.neighbours.set('10.0.0.9', EVE_MAC);
    clock.advance(5e6);
    let heard = 0;
    router.udp.bind({ port: 7 }, { onMessage: () => heard++ });
    const payload = new Uint8Array(1400);
    const own = rawPacket('10.0.0.9', '10.0.0.1', { udp: { sourcePort: 5, destinationPort: 7, payload } });
    for (let host = 2; host < 252; host++) {
      for (let n = 1; n < links.length; n++) {
        const udp = { sourcePort: 5, destinationPort: 9, payload };
        near.injectFrame({ payload: rawPacket('10.0.0.9', `10.${n}.0.${host}`, { udp }) });
      }
      near.injectFrame({ payload: own });
      clock.advance(0);
    }
    expect(router.statistics().memory.used).toBeLessThanOrEqual(1 << 18);
    expect(router.statistics().memory.used).toBeGreaterThan((1 << 18) - 2000);
    expect(heard).toBe(250);
    // What waited in vain leaves room for others.
    clock.advance(3e6);
    expect(router.statistics().memory.used).toBe(0);
    const ended = router.destroy();
    clock.advance(0);
    await ended;
  });
});
