import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/time/seeded-random.ts';
import { Address } from '../../src/wire/address.ts';
import { formatArp, parseArp } from '../../src/wire/arp.ts';
import { EtherType, parseEthernet } from '../../src/wire/ethernet.ts';
import type { EthernetFrame } from '../../src/wire/ethernet.ts';
import { BROADCAST_MAC, MacAddress, NO_MAC } from '../../src/wire/mac.ts';
import { ALICE, ALICE_MAC, arpMessage, EVE, frameFor, LoneStation } from '../support/ethernet-world.ts';
import { rawPacket } from '../support/raw-peer.ts';
import { Draw } from './draw.ts';

const PACKETS = Number(process.env['USERNET_FUZZ_PACKETS'] ?? 60_000);
const SEED = Number(process.env['USERNET_FUZZ_SEED'] ?? 1);
const mac = (text: string): MacAddress => MacAddress.parse(text);

/** Frames of all kinds: half of them are sound, many from stations that are made up. */
class FrameMaker {
  readonly #draw: Draw;

  constructor(draw: Draw) {
    this.#draw = draw;
  }

  frame(): Uint8Array {
    const draw = this.#draw;
    const bytes = frameFor({ ...this.#body(), ...this.#ends(), tags: this.#tags() });
    if (draw.chance(0.1)) return bytes.subarray(0, draw.below(bytes.length + 1));
    if (draw.chance(0.1) && bytes.length > 0) bytes[draw.below(bytes.length)] = draw.below(256);
    return bytes;
  }

  #ends(): Partial<EthernetFrame> {
    const draw = this.#draw;
    const own = mac(ALICE_MAC);
    const group = mac('01:00:5e:00:00:01');
    return {
      destination: draw.pick([own, own, own, own, own, BROADCAST_MAC, BROADCAST_MAC, group, this.#station()]),
      source: draw.chance(0.95) ? this.#station() : draw.pick([group, NO_MAC, own, BROADCAST_MAC]),
    };
  }

  #tags(): EthernetFrame['tags'] {
    const draw = this.#draw;
    if (draw.chance(0.8)) return [];
    return Array.from({ length: 1 + draw.below(2) }, () => ({
      tpid: draw.pick([EtherType.VLAN, EtherType.SERVICE_VLAN]),
      priority: draw.below(8),
      dropEligible: draw.chance(0.5),
      id: draw.chance(0.8) ? 0 : draw.below(4096),
    }));
  }

  #body(): Partial<EthernetFrame> {
    const draw = this.#draw;
    if (draw.chance(0.5)) return { type: EtherType.ARP, payload: this.#arp() };
    if (draw.chance(0.05)) return { type: EtherType.VLAN, payload: draw.bytes(40) };
    if (draw.chance(0.1)) return { type: draw.below(0x1_0000), payload: draw.bytes(draw.below(60)) };
    // Each is answered: with an echo, a reset, or an error, so that whoever it claims to be from is asked for.
    const carried = draw.pick([
      { icmp: { type: 8, code: 0, rest: 1, payload: draw.bytes(draw.below(100)) } },
      { udp: { sourcePort: 5, destinationPort: 9, payload: draw.bytes(draw.below(100)) } },
    ]);
    return { type: EtherType.IPV4, payload: rawPacket(this.#host(), ALICE, carried) };
  }

  #arp(): Uint8Array {
    const draw = this.#draw;
    const odd = draw.pick(['0.0.0.0', '255.255.255.255', '224.0.0.1', '127.0.0.1', ALICE]);
    return formatArp(
      arpMessage({
        operation: 1 + draw.below(2),
        senderMac: draw.chance(0.95) ? this.#station() : draw.pick([NO_MAC, BROADCAST_MAC, mac(ALICE_MAC)]),
        senderAddress: Address.parse(draw.chance(0.9) ? this.#host() : odd),
        targetAddress: Address.parse(draw.chance(0.7) ? ALICE : draw.pick([this.#host(), odd])),
      }),
    );
  }

  #station(): MacAddress {
    return new MacAddress(0x0200, this.#draw.below(5000));
  }

  #host(): string {
    const n = 256 + this.#draw.below(5000);
    return `10.0.${n >> 8}.${n & 255}`;
  }
}

describe('an interface on Ethernet under frames of any kind', () => {
  it(
    'throws nothing, stays within its bounds, sends only sound frames, and works on',
    async () => {
      const draw = new Draw(seededRandom(SEED));
      const maker = new FrameMaker(draw);
      const lone = new LoneStation({ addresses: [`${ALICE}/8`] });
      lone.settle();
      const conflicts = new Set<string>();
      lone.stack.on('address-conflict', ({ address }) => conflicts.add(address));
      const { neighbours } = lone.iface.network.ethernet!;
      let sent = 0;
      let questions = 0;
      let largest = 0;
      for (let n = 0; n < PACKETS; n++) {
        lone.link.inject(maker.frame());
        if (n % 20 === 0) lone.clock.advance(draw.below(20_000));
        largest = Math.max(largest, neighbours.size);
        if (n % 100 > 0) continue;
        expect(neighbours.size).toBeLessThanOrEqual(1024);
        expect(neighbours.waitingBytes).toBeLessThanOrEqual(0x40_0000);
        for (const bytes of lone.link.take()) {
          sent++;
          const frame = parseEthernet(bytes);
          if (typeof frame === 'string' || frame.source.toString() !== ALICE_MAC)
            throw new Error(`round ${n}: a bad frame`);
          if (frame.type !== EtherType.ARP) continue;
          const message = parseArp(frame.payload);
          if (typeof message === 'string') throw new Error(`round ${n}: ${message}`);
          if (message.operation === 1) questions++;
        }
      }
      // At most an answer to each frame, and once a second a question for each of those that are not known.
      expect(sent).toBeLessThan(1.2 * PACKETS + (lone.clock.now() / 1e6) * 1024);
      expect(questions).toBeGreaterThan(0);
      expect(questions).toBeLessThan((lone.clock.now() / 1e6) * 1024);
      expect([...conflicts]).toEqual([ALICE]);
      if (PACKETS >= 60_000) {
        expect(largest).toBe(1024);
        const reasons = Object.keys(lone.drops()).filter((name) => /^(arp|ethernet|neighbour)-/.test(name));
        expect(reasons).toEqual(REASONS);
      }
      // The storm is over: whoever is there is heard at once.
      lone.clock.advance(60e6);
      expect(neighbours.waitingBytes).toBe(0);
      lone.link.take();
      lone.link.injectArp({});
      lone.link.injectFrame({
        payload: rawPacket(EVE, ALICE, { icmp: { type: 8, code: 0, rest: 1, payload: draw.bytes(9) } }),
      });
      lone.clock.advance(0);
      expect(lone.link.take()).toHaveLength(2);
      lone.stack.assertQuiescent();
      await lone.end();
    },
    60_000 + PACKETS,
  );
});

/** What a storm of such frames is counted under. */
const REASONS = [
  'arp-bad-address-length',
  'arp-bad-hardware-type',
  'arp-bad-operation',
  'arp-bad-protocol-type',
  'arp-bad-sender',
  'arp-bad-target',
  'arp-conflict',
  'arp-own-frame',
  'arp-truncated',
  'ethernet-bad-source',
  'ethernet-llc',
  'ethernet-other-host',
  'ethernet-other-vlan',
  'ethernet-too-many-tags',
  'ethernet-truncated',
  'ethernet-unknown-type',
  'neighbour-evicted',
  'neighbour-table-full',
  'neighbour-unreachable',
];
