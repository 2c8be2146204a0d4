import { describe, expect, it } from 'vitest';
import { ethernetSwitch, Stack } from '../../../src/index.ts';
import { seededRandom, VirtualClock } from '../../../src/sim/index.ts';
import { BROADCAST_MAC, MacAddress } from '../../../src/wire/mac.ts';
import { EtherType, formatEthernet } from '../../../src/wire/ethernet.ts';
import { describePacket } from '../../../src/wire/describe.ts';
import { RawLink } from '../../support/raw-link.ts';
import { rawPacket } from '../../support/raw-peer.ts';
import { EVE_MAC, LoneStation } from '../../support/ethernet-world.ts';

const UDP = { sourcePort: 1, destinationPort: 53, payload: new Uint8Array(1) };
const SECOND = 1_000_000;

describe('forwarding and Ethernet', () => {
  it('RFC 1812 §5.3.4: what came in a frame to all, or to a group, is not forwarded', () => {
    const { clock, link, stack, iface } = new LoneStation();
    const far = new RawLink();
    stack.attach(far, { addresses: ['10.9.0.1/24'] });
    stack.forwarding = true;
    // What it says of the groups of routers.
    clock.advance(SECOND);
    far.take();
    const packet = rawPacket('10.0.0.66', '10.9.0.7', { udp: UDP });
    const own = MacAddress.fromBytes(iface.link.address!);
    for (const destination of [BROADCAST_MAC, MacAddress.parse('01:00:5e:00:00:01'), own]) {
      const source = MacAddress.parse(EVE_MAC);
      link.inject(formatEthernet({ source, destination, tags: [], type: EtherType.IPV4, payload: packet }));
      clock.advance(0);
    }
    expect(far.take().map((bytes) => describePacket(bytes))).toHaveLength(1);
    expect(stack.statistics().drops).toMatchObject({ 'forward-link-group': 2 });
  });

  it('RFC 1812 §5.2.7.1: the sender hears that the next hop does not answer; the stack’s own sockets do as ever', () => {
    const { clock, stack } = new LoneStation();
    const near = new RawLink();
    stack.attach(near, { addresses: ['10.9.0.1/24'] });
    stack.forwarding = true;
    clock.advance(SECOND);
    near.take();
    const packet = rawPacket('10.9.0.7', '10.0.0.77', { udp: UDP });
    near.inject(packet);
    clock.advance(5 * SECOND);
    const [error, ...more] = near.take().map((bytes) => describePacket(bytes));
    expect(error).toBe('10.9.0.1 → 10.9.0.7 ICMP host unreachable (10.9.0.7:1 → 10.0.0.77:53 UDP)');
    expect(more).toEqual([]);
    const errors: string[] = [];
    stack.tcp.connect({ remoteAddress: '10.0.0.78', remotePort: 9 }, { onError: ({ code }) => errors.push(code) });
    clock.advance(5 * SECOND);
    expect(errors).toEqual(['EHOSTUNREACH']);
    expect(near.take()).toEqual([]);
  });

  it('a router on a switch: hosts of two networks reach each other by it, on one link', () => {
    const clock = new VirtualClock();
    const lan = ethernetSwitch({ ports: 3, clock });
    const make = (seed: number, addresses: string[], forwarding = false): Stack => {
      const stack = new Stack({ clock, random: seededRandom(seed), forwarding });
      stack.attach(lan.ports[seed]!, { addresses });
      return stack;
    };
    const router = make(0, ['10.1.0.1/24', '10.2.0.1/24'], true);
    const alice = make(1, ['10.1.0.2/24']);
    const bob = make(2, ['10.2.0.2/24']);
    alice.routes.add('0.0.0.0/0', { via: '10.1.0.1' });
    bob.routes.add('0.0.0.0/0', { via: '10.2.0.1' });
    clock.advance(SECOND);
    let received = 0;
    bob.tcp.listen({ port: 7 }, (connection) => {
      connection.handler = {
        onReadable: () => {
          for (let bytes = connection.read(); bytes; bytes = connection.read()) received += bytes.length;
        },
      };
    });
    alice.tcp.connect(
      { remoteAddress: '10.2.0.2', remotePort: 7 },
      { onConnect: (c) => void c.write(new Uint8Array(50_000)) },
    );
    clock.advance(10 * SECOND);
    expect(received).toBe(50_000);
    expect(router.statistics().forwarded.bytes).toBeGreaterThan(50_000);
  });
});
