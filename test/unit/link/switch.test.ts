import { describe, expect, it } from 'vitest';
import { Batch, batchOf, Checksum } from '../../../src/buffer/batch.ts';
import { memoryOf } from '../../../src/buffer/memory.ts';
import type { EthernetSwitch, EthernetSwitchOptions } from '../../../src/link/switch.ts';
import { ethernetSwitch } from '../../../src/link/switch.ts';
import type { Link, LinkHost } from '../../../src/link/link.ts';
import { partialPacket } from '../../../src/link/suite-packets.ts';
import { cable } from '../../../src/link/cable.ts';
import { VirtualClock } from '../../../src/time/virtual-clock.ts';
import { RecordingHost } from './pairs.ts';

const EVERYBODY = [255, 255, 255, 255, 255, 255];
const GROUP = [0x01, 0x00, 0x5e, 1, 2, 3];
const station = (n: number): number[] => [2, 0, 0, 0, 0, n];

function frame(to: readonly number[], from: readonly number[], length: number = 60, fill: number = 7): Uint8Array {
  const bytes = new Uint8Array(length).fill(fill);
  bytes.set([...to, ...from, 0x08, 0x00].slice(0, length));
  return bytes;
}

/** A switch whose ports are all open. */
function opened(options: EthernetSwitchOptions): {
  clock: VirtualClock;
  bridge: EthernetSwitch;
  hosts: RecordingHost[];
  send(port: number, ...frames: Uint8Array[]): number;
  /** Numbers of the ports at which frames have arrived since the last time, one for each frame. */
  arrived(): number[];
} {
  const clock = new VirtualClock();
  const bridge = ethernetSwitch(options);
  const hosts = bridge.ports.map((port) => {
    const host = new RecordingHost(clock);
    void port.open(host);
    return host;
  });
  return {
    clock,
    bridge,
    hosts,
    send: (port, ...frames) => bridge.ports[port]!.send(batchOf(frames)),
    arrived: () => {
      clock.advance(1);
      return hosts.flatMap(({ packets }, port) => packets.splice(0).map(() => port));
    },
  };
}

/** A link whose other side is the test. */
class Device implements Link {
  readonly medium = 'ethernet';
  readonly mtu = 1500;
  up = true;
  readonly offload = { checksum: true, tso: 65_535, uso: 65_535 };
  readonly address = Uint8Array.from(station(99));
  readonly sent: Uint8Array[] = [];
  room = Infinity;
  host: LinkHost | undefined;
  closings = 0;

  open(host: LinkHost): void {
    this.host = host;
  }

  send(batch: Batch): number {
    const count = Math.min(batch.count, this.room);
    this.room -= count;
    for (let row = 0; row < count; row++) this.sent.push(batch.packet(row).slice());
    return count;
  }

  close(): void {
    this.closings++;
  }
}

describe('ethernetSwitch', () => {
  it('floods what it does not know, and passes on what it knows', () => {
    const { send, arrived, bridge } = opened({ ports: 4 });
    send(0, frame(station(1), station(0)));
    expect(arrived()).toEqual([1, 2, 3]);
    send(1, frame(station(0), station(1)));
    expect(arrived()).toEqual([0]);
    send(0, frame(station(1), station(0)));
    expect(arrived()).toEqual([1]);
    expect(bridge.statistics()).toMatchObject({ forwarded: 2, flooded: 1, learned: 2, moved: 0 });
    expect(bridge.table()).toEqual([
      { address: '02:00:00:00:00:00', port: 0, age: 0.001 },
      { address: '02:00:00:00:00:01', port: 1, age: 0.002 },
    ]);
  });

  it('floods what is for everybody or a group, never back to where it came from', () => {
    const { send, arrived } = opened({ ports: 3 });
    for (const to of [EVERYBODY, GROUP]) {
      send(1, frame(to, station(1)));
      expect(arrived()).toEqual([0, 2]);
    }
    // A station that sends to itself, or to one behind the same port.
    send(1, frame(station(1), station(1)), frame(EVERYBODY, station(5)));
    expect(arrived()).toEqual([0, 2]);
    send(1, frame(station(5), station(1)));
    expect(arrived()).toEqual([]);
  });

  it('learns no group, and drops what claims to come from one or from nobody', () => {
    const { send, arrived, bridge } = opened({ ports: 3 });
    send(0, frame(EVERYBODY, GROUP), frame(EVERYBODY, EVERYBODY), frame(EVERYBODY, [0, 0, 0, 0, 0, 0]));
    expect(arrived()).toEqual([]);
    expect(bridge.table()).toEqual([]);
    expect(bridge.ports[0]!.dropped.snapshot()).toEqual({ 'invalid-source': 3 });
    send(1, frame(GROUP, station(1)));
    expect(arrived()).toEqual([0, 2]);
  });

  it('keeps to itself what is for switches: spanning tree, pause, LLDP', () => {
    const { send, arrived, bridge } = opened({ ports: 2 });
    for (const last of [0x00, 0x01, 0x0e, 0x0f]) send(0, frame([0x01, 0x80, 0xc2, 0, 0, last], station(0)));
    expect(arrived()).toEqual([]);
    send(0, frame([0x01, 0x80, 0xc2, 0, 0, 0x10], station(0)), frame([0x01, 0x80, 0xc2, 0, 1, 0], station(0)));
    expect(arrived()).toEqual([1, 1]);
    expect(bridge.ports[0]!.dropped.snapshot()).toEqual({ reserved: 4 });
  });

  it('forgets an address after 300 s of silence, and follows one that moves', () => {
    const { send, arrived, clock, bridge } = opened({ ports: 3 });
    send(0, frame(EVERYBODY, station(0)));
    arrived();
    clock.advance(299_999_990);
    send(1, frame(station(0), station(1)));
    expect(arrived()).toEqual([0]);
    clock.advance(10);
    send(1, frame(station(0), station(1)));
    expect(arrived()).toEqual([0, 2]);
    send(2, frame(EVERYBODY, station(0)));
    arrived();
    send(1, frame(station(0), station(1)));
    expect(arrived()).toEqual([2]);
    send(0, frame(EVERYBODY, station(0)));
    arrived();
    send(1, frame(station(0), station(1)));
    expect(arrived()).toEqual([0]);
    expect(bridge.statistics().moved).toBe(2);
  });

  it('forgets what was behind a port that is closed, and gives its number to the next', () => {
    const { send, arrived, bridge, clock } = opened({ ports: 3 });
    send(2, frame(EVERYBODY, station(2)));
    arrived();
    void bridge.ports[2]!.close();
    send(0, frame(station(2), station(0)));
    expect(arrived()).toEqual([1]);
    const late = bridge.addPort();
    expect(bridge.ports.indexOf(late)).toBe(2);
    expect([...late.address!]).toEqual([2, 0, 0x5e, 0x10, 0, 4]);
    const host = new RecordingHost(clock);
    void late.open(host);
    send(0, frame(EVERYBODY, station(0)));
    arrived();
    expect(host.packets.length).toBe(1);
  });

  it('passes VLAN tags on as they are, and nothing that is too long or too short', () => {
    const { send, hosts, clock, bridge } = opened({ ports: 2 });
    const tagged = frame(EVERYBODY, station(0), 1518);
    tagged.set([0x81, 0x00, 0x00, 0x05, 0x08, 0x00], 12);
    send(0, tagged, frame(EVERYBODY, station(0), 1515), frame(EVERYBODY, station(0), 13), new Uint8Array(0));
    clock.advance(1);
    expect(hosts[1]!.packets).toEqual([tagged]);
    expect(bridge.ports[0]!.dropped.snapshot()).toEqual({ 'too-big': 1, 'too-short': 2 });
  });

  it('lets a sender wait where there is no room, and tells all that wait', () => {
    const { send, arrived, hosts, clock } = opened({ ports: 3, queue: 2 });
    send(2, frame(EVERYBODY, station(2)));
    arrived();
    const frames = [1, 2, 3].map((fill) => frame(station(2), station(0), 60, fill));
    expect(send(0, ...frames)).toBe(2);
    expect(send(1, frame(station(2), station(1)))).toBe(0);
    expect(hosts.map(({ events }) => events)).toEqual([[], [], []]);
    clock.advance(1);
    expect(hosts.map(({ events }) => events)).toEqual([['writable'], ['writable'], []]);
    expect(hosts[2]!.packets).toEqual(frames.slice(0, 2));
    expect(send(1, frame(station(2), station(1)))).toBe(1);
  });

  it('drops a flooded frame only where there is no room', () => {
    const { send, arrived, bridge } = opened({ ports: 3, queue: 2 });
    send(2, frame(EVERYBODY, station(2)));
    arrived();
    send(0, frame(station(2), station(0)), frame(station(2), station(0)));
    expect(send(0, frame(EVERYBODY, station(0)))).toBe(1);
    expect(arrived()).toEqual([1, 2, 2]);
    expect(bridge.statistics().ports[2]).toEqual({ port: 2, received: 1, sent: 2, dropped: { 'queue-full': 1 } });
  });

  it('names its stations one after the other', () => {
    const addresses = (options: EthernetSwitchOptions): number[][] =>
      ethernetSwitch(options).ports.map(({ address }) => [...address!]);
    expect(addresses({ ports: 2 })).toEqual([
      [2, 0, 0x5e, 0x10, 0, 1],
      [2, 0, 0x5e, 0x10, 0, 2],
    ]);
    expect(addresses({ ports: 2, address: '04:00:00:01:ff:ff' })).toEqual([
      [4, 0, 0, 1, 255, 255],
      [4, 0, 0, 2, 0, 0],
    ]);
  });

  it.each([
    [{ ports: -1 }, 'ERR_OUT_OF_RANGE'],
    [{ ports: [] }, 'ERR_INVALID_ARG_TYPE'],
    [{ mtu: 67 }, 'ERR_OUT_OF_RANGE'],
    [{ ageing: 0 }, 'ERR_OUT_OF_RANGE'],
    [{ ageing: '5' }, 'ERR_INVALID_ARG_TYPE'],
    [{ tableSize: 7 }, 'ERR_OUT_OF_RANGE'],
    [{ clock: {} }, 'ERR_INVALID_ARG_TYPE'],
    [{ address: 5 }, 'ERR_INVALID_ARG_TYPE'],
    [{ address: 'x' }, 'ERR_INVALID_ARG_VALUE'],
    [{ address: Uint8Array.from(GROUP) }, 'ERR_INVALID_ARG_VALUE'],
    [{ queue: 0 }, 'ERR_OUT_OF_RANGE'],
    [{ queueBytes: NaN }, 'ERR_OUT_OF_RANGE'],
    [{ queue: '5' }, 'ERR_INVALID_ARG_TYPE'],
    [{ queueBytes: true }, 'ERR_INVALID_ARG_TYPE'],
    [{ port: 1 }, 'ERR_INVALID_ARG_VALUE'],
  ])('refuses %j', (options, code) => {
    expect(() => ethernetSwitch(options as EthernetSwitchOptions)).toThrow(expect.objectContaining({ code }));
  });
});

describe('a link behind a port of a switch', () => {
  function connected(options: EthernetSwitchOptions = { ports: 2 }) {
    const world = opened(options);
    const device = new Device();
    const uplink = world.bridge.connect(device);
    return { ...world, device, uplink };
  }

  it('gets and gives frames as any other port', () => {
    const { device, uplink, send, arrived, bridge } = connected();
    expect(uplink.port).toBe(2);
    send(0, frame(EVERYBODY, station(0)));
    expect(arrived()).toEqual([1]);
    expect(device.sent).toEqual([frame(EVERYBODY, station(0))]);
    device.host!.receive(batchOf([frame(station(0), station(9))]));
    expect(arrived()).toEqual([0]);
    expect(bridge.table().map(({ port }) => port)).toEqual([0, 2]);
  });

  it('is not waited for: what it does not take is queued, then dropped', () => {
    const { device, send, arrived, bridge, hosts } = connected({ ports: 1, queue: 3 });
    device.room = 1;
    for (let i = 0; i < 8; i++) {
      expect(send(0, frame(EVERYBODY, station(0), 60, i))).toBe(1);
      arrived();
    }
    expect(device.sent.length).toBe(1);
    expect(bridge.statistics().ports[1]!.dropped).toEqual({ 'queue-full': 4 });
    device.room = Infinity;
    device.host!.writable();
    device.host!.writable();
    expect(device.sent.map((bytes) => bytes[20])).toEqual([0, 1, 2, 3]);
    expect(hosts[0]!.events).toEqual([]);
  });

  it('may leave checksums and cutting to the switch, whose stations know of neither', () => {
    const { device, hosts, clock, bridge } = connected({ ports: 1 });
    const whole = partialPacket('tcp', 3000);
    const bytes = new Uint8Array(14 + whole.length);
    bytes.set(frame(station(0), station(9), 14));
    bytes.set(whole, 14);
    const batch = new Batch();
    batch.push(memoryOf(bytes), 0, bytes.length, Checksum.partial, 1400);
    const nonsense = frame(station(0), station(9));
    batch.push(memoryOf(nonsense), 0, nonsense.length, Checksum.partial);
    batch.push(memoryOf(nonsense), 0, 5, Checksum.partial);
    device.host!.receive(batch);
    clock.advance(1);
    expect(hosts[0]!.packets.map(({ length }) => length)).toEqual([1454, 1454, 254]);
    expect(hosts[0]!.marks).toEqual(Array.from({ length: 3 }, () => [Checksum.none, 0]));
    expect(bridge.statistics().ports[1]!.dropped).toEqual({ 'partial-checksum': 2 });
  });

  it('is gone when it ends, when it is disconnected, and when it does not open', async () => {
    const { device, bridge, uplink, send, arrived } = connected({ ports: 1 });
    device.host!.closed(new Error('unplugged'));
    send(0, frame(EVERYBODY, station(0)));
    arrived();
    device.host!.receive(batchOf([frame(EVERYBODY, station(9))]));
    expect([device.sent.length, arrived().length]).toEqual([0, 0]);
    await uplink.disconnect();
    expect(device.closings).toBe(0);

    const second = new Device();
    const again = bridge.connect(second);
    expect(again.port).toBe(1);
    await again.disconnect();
    await again.disconnect();
    expect(second.closings).toBe(1);

    const broken = new Device();
    broken.open = () => {
      throw new Error('no such device');
    };
    const failing = bridge.connect(broken);
    await expect(failing.ready).rejects.toThrow('no such device');
    send(0, frame(EVERYBODY, station(0)));
    arrived();
    expect(broken.sent).toEqual([]);
  });

  it('must be of Ethernet', () => {
    const bridge = ethernetSwitch();
    expect(() => bridge.connect(cable()[0])).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }));
    expect(() => bridge.connect({} as Link)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
  });
});
