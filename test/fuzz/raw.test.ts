import { describe, expect, it } from 'vitest';
import { batchOf, Checksum } from '../../src/buffer/batch.ts';
import { seededRandom } from '../../src/sim/index.ts';
import { Address } from '../../src/wire/address.ts';
import { checksumAdd, checksumFinish } from '../../src/wire/checksum.ts';
import { writeIcmpv6Checksum } from '../../src/wire/icmpv6.ts';
import { writeIpv4Checksum } from '../../src/wire/ipv4.ts';
import { Alone, open, openPing } from '../unit/raw/world.ts';
import { viewOf } from '../support/wire.ts';
import { Draw } from './draw.ts';

const PACKETS = Number(process.env['USERNET_FUZZ_PACKETS'] ?? 20_000);
const SEED = Number(process.env['USERNET_FUZZ_SEED'] ?? 1);
const TURN = 20;
const [PEER6, OWN6] = [Address.parse('fd00::1'), Address.parse('fd00::2')];

/** The answer to a request that was sent, or an error that quotes it. */
function answer(draw: Draw, request: Uint8Array): Uint8Array {
  const isIpv4 = request[0]! >>> 4 === 4;
  const header = isIpv4 ? 20 : 40;
  const reply = draw.chance(0.5);
  const quoted = reply ? request.slice(header + 8) : request.slice(0, request.length - draw.below(20));
  const bytes = new Uint8Array(header + 8 + quoted.length);
  bytes.set(request.subarray(0, header + 8));
  bytes.set(quoted, header + 8);
  if (isIpv4) {
    bytes.set(request.subarray(12, 16), 16);
    bytes.set(request.subarray(16, 20), 12);
  } else {
    bytes.set(request.subarray(8, 24), 24);
    bytes.set(request.subarray(24, 40), 8);
  }
  bytes[header] = reply ? (isIpv4 ? 0 : 129) : draw.pick(isIpv4 ? [3, 11, 12, 5] : [1, 2, 3, 4, 100]);
  return bytes;
}

/** Damages a packet a little, and makes most checksums and lengths right again: it is to get far. */
function spoil(draw: Draw, whole: Uint8Array): Uint8Array {
  const bytes = whole.slice(0, draw.chance(0.2) ? draw.below(whole.length + 1) : whole.length);
  for (let n = draw.below(3); n > 0 && bytes.length > 0; n--) bytes[draw.below(bytes.length)] = draw.uint32();
  const view = viewOf(bytes);
  if (bytes.length >= 28 && bytes[0] === 0x45 && draw.chance(0.9)) {
    view.setUint16(2, bytes.length);
    writeIpv4Checksum(view, 0, 20);
    view.setUint16(22, 0);
    view.setUint16(22, checksumFinish(checksumAdd(0, view, 20, bytes.length - 20)));
  } else if (bytes.length >= 48 && bytes[0]! >>> 4 === 6 && draw.chance(0.9)) {
    view.setUint16(4, bytes.length - 40);
    writeIcmpv6Checksum(view, 40, bytes.length - 40, PEER6, OWN6);
  }
  return bytes;
}

describe('bytes of any kind to raw and ping sockets', () => {
  it('[S-018] [S-047] give packets, replies, errors or reasons; nothing throws, and no byte is held when all is told', async () => {
    const draw = new Draw(seededRandom(SEED));
    const alone = new Alone();
    const raws = [1, 17, 253].map((protocol) => open(alone.stack, { protocol, receiveBuffer: 4000 }));
    raws.push(open(alone.stack, { protocol: 58, family: 6, receiveBuffer: 4000 }));
    raws.push(open(alone.stack, { protocol: 89, family: 6, checksumOffset: 12 }));
    raws.push(open(alone.stack, { protocol: 1, remoteAddress: '10.0.0.1' }));
    const pings = ['10.0.0.1', 'fd00::1', '10.0.0.9'].map((remoteAddress) => openPing(alone.stack, { remoteAddress }));
    const got = { packets: 0, errors: 0, replies: 0, pingErrors: 0 };
    for (let round = 0; round < PACKETS / TURN; round++) {
      for (const { socket } of pings) socket.send(draw.bytes(draw.below(60)));
      const sent = alone.sent().filter((bytes) => bytes[0]! >>> 4 === 4 || bytes[40] === 128);
      const packets = Array.from({ length: TURN }, () => spoil(draw, answer(draw, draw.pick(sent))));
      const batch = batchOf(packets);
      for (let row = 0; row < TURN; row++) {
        batch.checksum[row] = draw.pick([Checksum.none, Checksum.none, Checksum.valid, Checksum.partial]);
      }
      alone.link.host!.receive(batch);
      alone.clock.advance(0);
      expect([...raws, ...pings].some(({ socket }) => socket.due)).toBe(false);
      for (const raw of raws) {
        got.packets += raw.packets.splice(0).length;
        got.errors += raw.errors.splice(0).length;
      }
      for (const ping of pings) {
        got.replies += ping.replies.splice(0).length;
        got.pingErrors += ping.errors.splice(0).length;
        ping.data.splice(0);
      }
      alone.link.take();
    }
    for (const [name, times] of Object.entries(got)) expect([name, times > PACKETS / 1000]).toEqual([name, true]);
    for (const { socket } of [...raws, ...pings]) socket.close();
    // What looked like fragments is given up by then.
    alone.clock.advance(120_000_000);
    alone.stack.assertQuiescent();
    await alone.end();
  });
});
