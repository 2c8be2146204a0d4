import { describe, expect, it } from 'vitest';
import { Checksum } from '../../../src/buffer/batch.ts';
import { TransmitQueue } from '../../../src/buffer/transmit-queue.ts';
import type { IpPath } from '../../../src/ip/path.ts';
import { address, FAR, IpBench, LOCAL, pattern, PEER } from './fixture.ts';

function pathTo(bench: IpBench, remote: string, local?: string): IpPath {
  const path = bench.ip.path(local === undefined ? undefined : address(local), address(remote));
  if (typeof path === 'string') throw new Error(path);
  return path;
}

function ends(path: IpPath | string): string {
  return typeof path === 'string' ? path : `${path.local} -> ${path.remote} dev ${path.interface.name}`;
}

describe('Ip.path', () => {
  it('[S-026] takes the source from the route', () => {
    const bench = new IpBench({ addresses: ['10.0.0.2/24', '10.1.0.2/24'] });
    bench.ip.routes.add('10.9.0.0/16', { via: '10.1.0.1' });
    bench.ip.routes.add('10.8.0.0/16', { via: '10.1.0.1', source: '10.0.0.2' });
    const from = (remote: string): string => ends(bench.ip.path(undefined, address(remote)));
    expect(from(PEER)).toBe('10.0.0.2 -> 10.0.0.1 dev eth0');
    expect(from('10.1.0.77')).toBe('10.1.0.2 -> 10.1.0.77 dev eth0');
    expect(from('10.9.1.1')).toBe('10.1.0.2 -> 10.9.1.1 dev eth0');
    expect(from('10.8.1.1')).toBe('10.0.0.2 -> 10.8.1.1 dev eth0');
    expect(from(FAR)).toBe('10.0.0.2 -> 192.0.2.33 dev eth0');
  });

  it('reaches the stack itself from the address that is asked', () => {
    const bench = new IpBench();
    const from = (remote: string): string => ends(bench.ip.path(undefined, address(remote)));
    expect(from(LOCAL)).toBe('10.0.0.2 -> 10.0.0.2 dev lo');
    expect(from('127.0.0.1')).toBe('127.0.0.1 -> 127.0.0.1 dev lo');
    expect(from('127.9.9.9')).toBe('127.0.0.1 -> 127.9.9.9 dev lo');
    expect(from('0.0.0.0')).toBe('127.0.0.1 -> 127.0.0.1 dev lo');
    expect(ends(bench.ip.path(address(LOCAL), address('0.0.0.0')))).toBe('10.0.0.2 -> 10.0.0.2 dev lo');
  });

  it('uses a given source, and only one of its own', () => {
    const bench = new IpBench({ addresses: ['10.0.0.2/24', '10.0.0.3/24'] });
    expect(ends(bench.ip.path(address('10.0.0.3'), address(FAR)))).toBe('10.0.0.3 -> 192.0.2.33 dev eth0');
    expect(ends(bench.ip.path(address('0.0.0.0'), address(FAR)))).toBe('10.0.0.2 -> 192.0.2.33 dev eth0');
    expect(bench.ip.path(address('10.0.0.4'), address(FAR))).toBe('EADDRNOTAVAIL');
    expect(bench.ip.path(address('10.0.0.255'), address(FAR))).toBe('EADDRNOTAVAIL');
    expect(bench.ip.path(address('127.0.0.1'), address(FAR))).toBe('EINVAL');
  });

  it('says why there is no way', () => {
    const bench = new IpBench();
    bench.ip.routes.remove('0.0.0.0/0');
    expect(bench.ip.path(undefined, address(FAR))).toBe('ENETUNREACH');
    expect(bench.ip.path(undefined, address('2001:db8::1'))).toBe('ENETUNREACH');
    expect(bench.ip.path(address(LOCAL), address('2001:db8::1'))).toBe('EAFNOSUPPORT');
    bench.eth0.removeAddress(LOCAL);
    bench.ip.routes.add('0.0.0.0/0', { interface: 'eth0' });
    expect(bench.ip.path(undefined, address(FAR))).toBe('EADDRNOTAVAIL');
  });

  it("borrows another interface's address where the route's has none", () => {
    const bench = new IpBench();
    bench.ip.addInterface({ name: 'tun9', queue: new TransmitQueue() });
    bench.ip.routes.add('10.9.0.0/16', { interface: 'tun9' });
    expect(ends(pathTo(bench, '10.9.0.1'))).toBe('10.0.0.2 -> 10.9.0.1 dev tun9');
  });

  it('knows what an address is to the stack', () => {
    const { ip } = new IpBench();
    const kinds = [
      LOCAL,
      '127.3.2.1',
      '255.255.255.255',
      '10.0.0.255',
      '224.0.0.1',
      PEER,
      '10.0.0.0',
      '0.0.0.0',
      '::1',
    ];
    expect(kinds.map((text) => ip.classify(address(text)))).toEqual([
      'local',
      'local',
      'broadcast',
      'broadcast',
      'multicast',
      'other',
      'other',
      'other',
      'local',
    ]);
    expect(ip.classify(address('ff02::1'))).toBe('multicast');
    expect(ip.isLocal(address(LOCAL))).toBe(true);
    expect(ip.isLocal(address('10.0.0.255'))).toBe(false);
  });
});

describe('IpPath', () => {
  it('tells what its interface can do', () => {
    const bench = new IpBench({ mtu: 1400, offload: { checksum: true, tso: 65_535, uso: 0 } });
    expect(pathTo(bench, PEER)).toMatchObject({ mtu: 1400, headerLength: 20, checksumOffload: true, tso: 65_535 });
    bench.eth0.update({ mtu: 900 });
    expect(pathTo(bench, PEER).mtu).toBe(900);
    expect(pathTo(bench, LOCAL).mtu).toBe(65_535);
  });

  it('writes the header, queues the packet and says so', () => {
    const bench = new IpBench();
    const path = pathTo(bench, FAR);
    expect(path.refresh()).toBeUndefined();
    const packet = path.reserve(1000)!;
    packet.memory.bytes.set(pattern(1000), packet.start);
    path.send(packet, 253, { ttl: 9, trafficClass: 0xb9 });
    expect(bench.transmittedOn).toEqual(['eth0']);
    const { ip } = bench.sentPackets()[0]!;
    expect(ip).toEqual({
      trafficClass: 0xb9,
      identification: 0,
      reservedFlag: false,
      dontFragment: true,
      moreFragments: false,
      fragmentOffset: 0,
      ttl: 9,
      protocol: 253,
      source: address(LOCAL),
      destination: address(FAR),
      options: new Uint8Array(0),
      payload: pattern(1000),
    });
  });

  it('carries the marks of a super-segment into the queue', () => {
    const bench = new IpBench({ offload: { checksum: true, tso: 65_535, uso: 0 } });
    const path = pathTo(bench, PEER);
    const packet = path.reserve(65_515)!;
    packet.checksum = Checksum.partial;
    packet.segmentSize = 1460;
    path.send(packet, 6, { ttl: 64, trafficClass: 0 });
    const { batch } = bench.eth0.queue;
    expect([batch.length[0], batch.checksum[0], batch.segmentSize[0]]).toEqual([65_535, Checksum.partial, 1460]);
  });

  it('gives no room when the queue is full', () => {
    const bench = new IpBench({ queue: new TransmitQueue({ limit: 2000 }) });
    const path = pathTo(bench, PEER);
    path.send(path.reserve(1400)!, 253, { ttl: 64, trafficClass: 0 });
    expect(path.reserve(1400)).toBeUndefined();
    bench.sent();
    expect(path.reserve(1400)).toBeDefined();
  });

  it('follows the routing table', () => {
    const bench = new IpBench();
    const path = pathTo(bench, FAR);
    bench.ip.routes.remove('0.0.0.0/0');
    expect(path.refresh()).toBe('ENETUNREACH');
    expect(path.reserve(10)).toBeUndefined();
    bench.ip.addInterface({ name: 'eth1', queue: new TransmitQueue(), mtu: 1280, addresses: ['10.1.0.2/24'] });
    bench.ip.routes.add('0.0.0.0/0', { via: '10.1.0.1' });
    expect(path.refresh()).toBeUndefined();
    expect(path.interface.name).toBe('eth1');
    expect(path.mtu).toBe(1280);
    expect(path.reserve(10)).toBeDefined();
  });

  it('reports a link that is down, an address and an interface that went', () => {
    const bench = new IpBench();
    const path = pathTo(bench, PEER);
    bench.eth0.update({ up: false });
    expect(path.refresh()).toBe('ENETDOWN');
    bench.eth0.update({ up: true });
    expect(path.refresh()).toBeUndefined();
    bench.eth0.addAddress('10.0.0.3/24');
    bench.eth0.removeAddress(LOCAL);
    expect(path.refresh()).toBe('EADDRNOTAVAIL');
    expect(path.refresh()).toBe('EADDRNOTAVAIL');
    bench.eth0.addAddress(`${LOCAL}/24`);
    expect(path.refresh()).toBeUndefined();
    const other = pathTo(bench, PEER, LOCAL);
    bench.ip.removeInterface(bench.eth0);
    expect(other.refresh()).toBe('EADDRNOTAVAIL');
  });
});

describe('Ip', () => {
  it('numbers its interfaces and never twice', () => {
    const { ip, lo, eth0 } = new IpBench();
    expect([lo.index, eth0.index]).toEqual([1, 2]);
    ip.removeInterface(eth0);
    ip.removeInterface(eth0);
    const again = ip.addInterface({ name: 'eth0', queue: new TransmitQueue() });
    expect(again.index).toBe(3);
    expect(ip.interface(3)).toBe(again);
    expect(ip.interface(2)).toBeUndefined();
    expect(ip.interfaces.map((iface) => iface.name)).toEqual(['lo', 'eth0']);
    expect(() => ip.addInterface({ name: 'lo', queue: new TransmitQueue() })).toThrow(/interface lo already/);
  });
});
