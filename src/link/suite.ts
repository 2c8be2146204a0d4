import { Batch, batchOf } from '../buffer/batch.ts';
import { carriesSuperSegments, marksAreHonest, takesPartial } from './suite-offload.ts';
import { framed, testPacket } from './suite-packets.ts';
import type { LinkPair } from './suite-scene.ts';
import { check, checkArrived, Scene } from './suite-scene.ts';
import type { Station } from './suite-station.ts';

export type { LinkPair };

/** One test of the suite. `run` rejects with a plain Error that names the broken rule. */
export interface LinkTest {
  readonly name: string;
  readonly run: () => Promise<void>;
}

/**
 * The compliance suite for links: the rules of `Link` and `LinkHost` as tests for any test framework.
 *
 * @param makePair makes a fresh pair for each test. Nothing else may send on it, and it must lose nothing it takes.
 * @example
 * for (const { name, run } of linkSuite(makePair)) test(name, run);
 */
export function linkSuite(makePair: () => LinkPair | Promise<LinkPair>): LinkTest[] {
  return RULES.map(([name, rule]) => ({
    name,
    run: async () => {
      const scene = new Scene(await makePair());
      try {
        await rule(scene);
        scene.a.checkKept();
        scene.b.checkKept();
      } finally {
        await scene.end();
      }
      const { violations } = scene.trial;
      if (violations.length > 0) throw new Error(`${name}: ${violations.join('; ')}`);
    },
  }));
}

type Rule = readonly [name: string, run: (scene: Scene) => Promise<void>];

const RULES: readonly Rule[] = [
  ['describes itself', describesItself],
  ['carries packets unchanged and in order, both ways', carriesPackets],
  ['carries packets as long as the MTU', carriesLongest],
  ['carries frames to the one station that they name, if it is Ethernet', carriesUnicast],
  ['does not deliver a packet beyond the MTU, and throws nothing', dropsTooLong],
  ['takes an empty batch', takesEmptyBatch],
  ['takes what it has room for and tells when there is more', tellsOfRoom],
  ['has copied what it took when send returns', copiesLentBytes],
  ['never rewrites the memory of a retained batch', keepsRetained],
  ['carries answers sent from inside of receive', carriesAnswers],
  ['drops what is sent before it is open', dropsBeforeOpen],
  ['drops what is sent after close, and is silent', silentAfterClose],
  ['delivers nothing to a closed end', silentWithTraffic],
  ['tells a closed end of no room', silentWhenFull],
  ['closes as often as one likes', closesOften],
  ['tells when the other end goes', tellsOfPeer],
  ['delivers marks that it vouches for', marksAreHonest],
  ['takes partial checksums if it says so', takesPartial],
  ['carries TCP super-segments if it says so', (scene) => carriesSuperSegments(scene, 'tcp')],
  ['carries UDP super-segments if it says so', (scene) => carriesSuperSegments(scene, 'udp')],
];

// Rules of carrying -----------------------------------------------------------------------------------------------

async function describesItself({ pair }: Scene): Promise<void> {
  for (const { medium, mtu, offload, address } of [pair.a, pair.b]) {
    check(medium === 'ip' || medium === 'ethernet', `medium is ${medium}`);
    check(Number.isInteger(mtu) && mtu >= 68 && mtu <= 65_535, `mtu is ${mtu}`);
    check(typeof offload.checksum === 'boolean', 'offload.checksum is not a boolean');
    for (const size of [offload.tso, offload.uso]) check(size >= 0 && size <= 65_535, `an offload size is ${size}`);
    check(medium === 'ip' || address?.length === 6, 'an Ethernet link has no address of 6 bytes');
  }
}

async function carriesPackets(scene: Scene): Promise<void> {
  await scene.open();
  const packets = scene.packets(200, 600);
  await scene.a.sendAll(packets, () => scene.settle());
  await scene.settle();
  checkArrived(scene.b, packets);
  if (scene.a === scene.b) return;
  await scene.b.sendAll(packets, () => scene.settle());
  await scene.settle();
  checkArrived(scene.a, packets);
}

async function carriesLongest(scene: Scene): Promise<void> {
  await scene.open();
  const packets = [scene.packet(scene.pair.a.mtu, 1), scene.packet(20, 2), scene.packet(scene.pair.a.mtu, 3)];
  await scene.a.sendAll(packets, () => scene.settle());
  await scene.settle();
  checkArrived(scene.b, packets);
}

async function carriesUnicast(scene: Scene): Promise<void> {
  await scene.open();
  const { medium, address } = scene.pair.b;
  if (medium !== 'ethernet') return;
  const frames = [40, 20, 60].map((length, i) => framed('ethernet', testPacket('ip', length, i), address));
  await scene.a.sendAll(frames, () => scene.settle());
  await scene.settle();
  checkArrived(scene.b, frames);
}

async function dropsTooLong(scene: Scene): Promise<void> {
  await scene.open();
  const packets = [scene.packet(40, 1), scene.packet(scene.pair.a.mtu + 1, 2), scene.packet(40, 3)];
  await scene.a.sendAll(packets, () => scene.settle());
  await scene.settle();
  checkArrived(scene.b, [packets[0]!, packets[2]!]);
}

async function takesEmptyBatch(scene: Scene): Promise<void> {
  await scene.open();
  check(scene.a.send(new Batch()) === 0, 'send of an empty batch did not return 0');
  await scene.settle();
  checkArrived(scene.b, []);
}

async function tellsOfRoom(scene: Scene): Promise<void> {
  await scene.open();
  // More than any sensible queue holds: sendAll sees to it that writable() comes whenever something was left.
  const packets = scene.packets(10_000, 400);
  await scene.a.sendAll(packets, () => scene.settle());
  await scene.settle();
  checkArrived(scene.b, packets);
}

async function copiesLentBytes(scene: Scene): Promise<void> {
  await scene.open();
  const packets = scene.packets(20, 100);
  const batch = batchOf(packets.map((packet) => packet.slice()));
  const taken = scene.a.send(batch);
  for (const packet of batch) packet.fill(0xee);
  batch.clear();
  await scene.settle();
  checkArrived(scene.b, packets.slice(0, taken));
}

async function keepsRetained(scene: Scene): Promise<void> {
  await scene.open();
  // The station keeps views of retained batches, and the end of the test compares them with its copies.
  const sent: Uint8Array[] = [];
  for (let round = 0; round < 20; round++) {
    const packets = scene.packets(100, 1500, round * 100);
    sent.push(...packets);
    await scene.a.sendAll(packets, () => scene.settle());
    await scene.settle();
  }
  check(scene.b.received.length === sent.length, `${scene.b.received.length} packets arrived of ${sent.length}`);
}

async function carriesAnswers(scene: Scene): Promise<void> {
  await scene.open();
  let rounds = 30;
  const answer = (station: Station): void => {
    station.answer = () => {
      if (--rounds > 0) station.send(batchOf([scene.packet(60, rounds)]));
    };
  };
  answer(scene.a);
  answer(scene.b);
  scene.a.send(batchOf([scene.packet(60, rounds)]));
  for (let i = 0; i < 30; i++) await scene.settle();
  check(rounds === 0, `an exchange of 30 packets stopped ${rounds} before its end`);
}

// Rules of opening and closing ------------------------------------------------------------------------------------

async function dropsBeforeOpen(scene: Scene): Promise<void> {
  const early = scene.packets(5, 100);
  check(scene.a.send(batchOf(early)) === 5, 'a link that is not open must take all packets and drop them');
  check(!scene.pair.a.up, 'a link is up before it was opened');
  await scene.open();
  checkArrived(scene.b, []);
}

async function silentAfterClose(scene: Scene): Promise<void> {
  await scene.open();
  await scene.a.close();
  check(!scene.pair.a.up, 'a closed link is up');
  check(scene.a.send(batchOf(scene.packets(5, 100))) === 5, 'a closed link must take all packets and drop them');
  await scene.settle();
  checkArrived(scene.b, []);
}

async function silentWithTraffic(scene: Scene): Promise<void> {
  await scene.open();
  // The station of `a` objects to every callback after close().
  scene.b.send(batchOf(scene.packets(5, 100)));
  await scene.a.close();
  if (scene.a !== scene.b) scene.b.send(batchOf(scene.packets(5, 100)));
  await scene.settle();
}

async function silentWhenFull(scene: Scene): Promise<void> {
  await scene.open();
  scene.a.send(batchOf(scene.packets(10_000, 400)));
  await scene.a.close();
  await scene.settle();
}

async function closesOften(scene: Scene): Promise<void> {
  await scene.open();
  for (let i = 0; i < 3; i++) await scene.a.close();
  await scene.settle();
  check(scene.a.closings === 0, 'closed was called though the link was closed by its host');
  await scene.b.close();
  await scene.a.close();
  await scene.settle();
}

async function tellsOfPeer(scene: Scene): Promise<void> {
  await scene.open();
  if (scene.a === scene.b) return;
  const { changes, closings } = scene.a;
  await scene.b.close();
  await scene.settle();
  if (scene.pair.a.up) return;
  check(
    scene.a.changes > changes || scene.a.closings > closings,
    'a link went down and called neither changed nor closed',
  );
  const sent = scene.a.send(batchOf(scene.packets(5, 100)));
  check(sent === 5, 'a link that is down must take all packets and drop them');
}
