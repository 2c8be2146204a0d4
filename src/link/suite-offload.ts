import { Batch, Checksum } from '../buffer/batch.ts';
import { memoryOf } from '../buffer/memory.ts';
import { checksumIsRight, framed, frontOf, partialPacket, transportPayload } from './suite-packets.ts';
import type { Scene } from './suite-scene.ts';
import { check, checkArrived } from './suite-scene.ts';
import type { Received } from './suite-station.ts';
import { sameBytes } from './suite-station.ts';

/** The rules of the link suite about checksum marks and super-segments. */

export async function marksAreHonest(scene: Scene): Promise<void> {
  await scene.open();
  const packets = scene.packets(20, 100);
  const batch = new Batch();
  packets.forEach((packet, i) => {
    batch.push(memoryOf(packet), 0, packet.length, i % 2 === 0 ? Checksum.none : Checksum.valid);
  });
  const taken = scene.a.send(batch);
  await scene.settle();
  checkArrived(scene.b, packets.slice(0, taken));
  for (const { checksum, segmentSize } of scene.b.received) {
    check(checksum !== Checksum.partial, 'a complete checksum arrived as partial');
    check(segmentSize === 0, 'an ordinary packet arrived as a super-segment');
  }
}

export async function takesPartial(scene: Scene): Promise<void> {
  await scene.open();
  if (!scene.pair.a.offload.checksum) return;
  const packet = partialPacket('udp', 30);
  sendMarked(scene, packet, 0);
  await scene.settle();
  check(scene.b.received.length === 1, `${scene.b.received.length} packets arrived of 1 with a partial checksum`);
  checkMarked(scene, scene.b.received[0]!, packet);
}

export async function carriesSuperSegments(scene: Scene, kind: 'tcp' | 'udp'): Promise<void> {
  await scene.open();
  const { mtu, medium, offload } = scene.pair.a;
  const largest = kind === 'tcp' ? offload.tso : offload.uso;
  if (largest === 0) return;
  const headers = 20 + (kind === 'tcp' ? 20 : 8);
  const segmentSize = Math.min(536, mtu - headers);
  const packet = partialPacket(kind, Math.min(largest - headers, segmentSize * 60 + 1));
  sendMarked(scene, packet, segmentSize);
  await scene.settle();
  const { received } = scene.b;
  const front = frontOf(medium);
  if (received.length === 1 && received[0]!.bytes.length === front + packet.length) {
    checkMarked(scene, received[0]!, packet);
    check(received[0]!.segmentSize === segmentSize, `segment size ${segmentSize} became ${received[0]!.segmentSize}`);
    return;
  }
  // It was cut on the way: each piece is a packet in its own right, together they carry the same.
  for (const { bytes, checksum } of received) {
    check(bytes.length <= front + mtu, 'a super-segment was cut into pieces longer than the MTU');
    const isRight = checksum === Checksum.partial || checksumIsRight(bytes.subarray(front));
    check(isRight, 'a piece of a super-segment has a wrong checksum');
  }
  const pieces = received.map(({ bytes }) => transportPayload(bytes.subarray(front)));
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  pieces.reduce((at, piece) => (whole.set(piece, at), at + piece.length), 0);
  check(sameBytes(whole, transportPayload(packet)), 'a super-segment lost or changed bytes when it was cut');
}

function sendMarked(scene: Scene, packet: Uint8Array, segmentSize: number): void {
  const batch = new Batch();
  const bytes = framed(scene.pair.a.medium, packet.slice());
  batch.push(memoryOf(bytes), 0, bytes.length, Checksum.partial, segmentSize);
  check(scene.a.send(batch) === 1, 'a link that is up and idle did not take a packet');
}

/** A packet sent with a partial checksum arrives with it, or completed. */
function checkMarked({ pair }: Scene, { bytes: frame, checksum }: Received, sent: Uint8Array): void {
  const bytes = frame.subarray(frontOf(pair.a.medium));
  check(sameBytes(transportPayload(bytes), transportPayload(sent)), 'a packet with a partial checksum was changed');
  if (checksum === Checksum.partial) check(sameBytes(bytes, sent), 'a packet with a partial checksum was changed');
  else check(checksumIsRight(bytes), 'a partial checksum lost its mark and was not completed');
}
