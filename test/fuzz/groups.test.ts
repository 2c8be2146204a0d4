import { describe, expect, it } from 'vitest';
import type { UdpSocket } from '../../src/index.ts';
import { seededRandom } from '../../src/sim/index.ts';
import { Address } from '../../src/wire/address.ts';
import type { GroupMessage } from '../../src/wire/group-records.ts';
import { formatIgmp } from '../../src/wire/igmp.ts';
import { parseAnyPacket, isIpv6Packet } from '../../src/wire/packet.ts';
import { GroupWorld, ipv4Message, ipv6Message, readReport } from '../support/group-world.ts';
import { viewOf } from '../support/wire.ts';
import { Draw } from './draw.ts';

const PACKETS = Number(process.env['USERNET_FUZZ_PACKETS'] ?? 8_000);
const SEED = Number(process.env['USERNET_FUZZ_SEED'] ?? 1);
const GROUPS4 = Array.from({ length: 12 }, (_, n) => `239.1.2.${n}`);
const GROUPS6 = Array.from({ length: 12 }, (_, n) => `ff05::${n + 1}`);
const SOURCES4 = Array.from({ length: 12 }, (_, n) => `192.0.2.${n}`);
const SOURCES6 = Array.from({ length: 12 }, (_, n) => `2001:db8::${n}`);
/** Each group has at most seven repetitions, an answer, and a part in the answer to all: more at once would be a flood. */
const MOST_REPORTS = 10 * (GROUPS4.length + GROUPS6.length);

/** Queries and reports of every version, right and wrong, from a seed. */
class MessageMaker {
  readonly #draw: Draw;

  constructor(draw: Draw) {
    this.#draw = draw;
  }

  next(): Uint8Array {
    const bytes = this.#draw.chance(0.5) ? this.#igmp() : this.#mld();
    if (this.#draw.chance(0.1)) bytes[this.#draw.below(bytes.length)]! ^= 1 << this.#draw.below(8);
    return this.#draw.chance(0.05) ? bytes.subarray(0, this.#draw.below(bytes.length)) : bytes;
  }

  #igmp(): Uint8Array {
    const group = this.#draw.chance(0.4) ? '0.0.0.0' : this.#draw.pick(GROUPS4);
    const type = this.#draw.pick([0x11, 0x11, 0x11, 0x12, 0x16, 0x17, 0x22, this.#draw.below(256)]);
    const message = this.#message(type, group, SOURCES4, 256, type === 0x22);
    const destination = group === '0.0.0.0' ? '224.0.0.1' : group;
    return ipv4Message(formatIgmp(message), { destination, ...(this.#draw.chance(0.05) && { ttl: 2 }) });
  }

  #mld(): Uint8Array {
    const group = this.#draw.chance(0.4) ? '::' : this.#draw.pick(GROUPS6);
    const type = this.#draw.pick([130, 130, 130, 131, 132, 143]);
    const message = this.#message(type, group, SOURCES6, 65_536, type === 143);
    const destination = group === '::' ? 'ff02::1' : group;
    return ipv6Message(message, { destination, ...(this.#draw.chance(0.05) && { source: 'fd00::1' }) });
  }

  #message(type: number, group: string, known: readonly string[], codes: number, newest: boolean): GroupMessage {
    const draw = this.#draw;
    const to = Address.parse(group);
    const names = Array.from({ length: draw.below(draw.chance(0.05) ? 80 : 4) }, () => draw.pick(known));
    const sources = names.map((name) => Address.parse(name));
    const message: GroupMessage = { type, responseCode: draw.pick([0, 1, 10, draw.below(codes)]), group: to };
    if (newest) return { type, responseCode: 0, records: [{ type: draw.below(8), group: to, sources }] };
    // Mostly of the newest version: an older one silences sources for minutes.
    if ((type === 0x11 || type === 130) && draw.chance(0.97)) {
      message.query = { suppress: false, robustness: draw.below(8), intervalCode: draw.below(256), sources };
    }
    return message;
  }
}

/** What a program does with its groups, by lot; errors of the API are its own affair. */
function act(world: GroupWorld, draw: Draw): void {
  const { sockets } = world.stack.udp;
  if (sockets.length < 6) world.socket();
  const socket: UdpSocket = draw.pick(world.stack.udp.sockets);
  const six = draw.chance(0.5);
  const group = draw.pick(six ? GROUPS6 : GROUPS4);
  const source = draw.pick(six ? SOURCES6 : SOURCES4);
  const own = six ? '::%eth0' : '10.0.0.2';
  try {
    switch (draw.below(7)) {
      case 0:
        return socket.join(group, own);
      case 1:
        return socket.join(group, own, source);
      case 2:
        return socket.leave(group, own);
      case 3:
        return socket.leave(group, own, source);
      case 4:
        return socket.block(group, source, own);
      case 5:
        return socket.unblock(group, source, own);
      default:
        if (draw.chance(0.1)) socket.close();
        if (draw.chance(0.02)) world.link.setUp(!world.link.up);
    }
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error;
  }
}

describe('membership under fire', () => {
  it(`survives ${PACKETS} messages of queriers and members, says only what is well-formed, and comes to rest`, () => {
    const world = new GroupWorld({ seed: SEED });
    const draw = new Draw(seededRandom(SEED));
    const maker = new MessageMaker(draw);
    const said = { igmp: 0, mld: 0 };
    let longest = 0;
    for (let n = 0; n < PACKETS; n++) {
      world.link.inject(maker.next());
      if (draw.chance(0.2)) act(world, draw);
      world.clock.advance(draw.pick([0, 0, 1000, 100_000, draw.chance(0.01) ? 400_000_000 : 0]));
      const sent = world.link.take();
      expect(sent.length).toBeLessThan(MOST_REPORTS);
      for (const bytes of sent) {
        const { message } = readReport(bytes);
        const packet = parseAnyPacket(bytes);
        // Damage may make another packet of it, which ICMP answers.
        if (typeof packet === 'string' || message === undefined) continue;
        expect(isIpv6Packet(packet) ? packet.ip.hopLimit : packet.ip.ttl).toBe(1);
        said[isIpv6Packet(packet) ? 'mld' : 'igmp']++;
        longest = Math.max(longest, viewOf(bytes).byteLength);
      }
      const members = world.stack.ip.memberships.groups(world.iface.network.index);
      expect(members.length).toBeLessThanOrEqual(GROUPS4.length + GROUPS6.length);
    }
    expect([said.igmp > PACKETS / 50, said.mld > PACKETS / 50]).toEqual([true, true]);
    expect(longest).toBeLessThanOrEqual(1500);
    const { drops } = world.stack.statistics();
    const met = ['igmp-bad-ttl', 'igmp-bad-checksum', 'igmp-report-ignored', 'mld-bad-source', 'mld-report-ignored'];
    for (const reason of met) expect(drops[reason] ?? 0, reason).toBeGreaterThan(0);
    world.link.setUp(true);
    for (const socket of world.stack.udp.sockets) socket.close();
    world.clock.advance(100_000_000);
    world.link.take();
    world.clock.advance(10_000_000_000);
    expect(world.link.take()).toEqual([]);
    expect(world.stack.ip.memberships.groups(world.iface.network.index)).toEqual([]);
    world.stack.assertQuiescent();
  });
});
