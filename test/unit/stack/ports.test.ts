import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/sim/index.ts';
import { EphemeralPorts, EPHEMERAL_PORTS } from '../../../src/stack/ports.ts';
import { Address } from '../../../src/wire/address.ts';

const local = Address.parse('10.0.0.1');
const remote = Address.parse('10.0.0.2');
const { first, last } = EPHEMERAL_PORTS;
const count = last - first + 1;

describe('EphemeralPorts', () => {
  it('[S-060] RFC 6056 §3.3.4: towards one peer every port is used before one comes again', () => {
    const ports = new EphemeralPorts(seededRandom(1));
    const used = new Set<number>();
    for (let i = 0; i < count; i++) used.add(ports.forPeer(local, remote, 80, () => true)!);
    expect(used.size).toBe(count);
    expect(Math.min(...used)).toBe(first);
    expect(Math.max(...used)).toBe(last);
  });

  it('[S-060] begins elsewhere for other peers and other secrets', () => {
    const starts = new Set<number>();
    for (let seed = 0; seed < 20; seed++) {
      const ports = new EphemeralPorts(seededRandom(seed));
      starts.add(ports.forPeer(local, remote, 80, () => true)!);
      starts.add(ports.forPeer(local, remote, 81, () => true)!);
    }
    expect(starts.size).toBeGreaterThan(35);
  });

  it('passes over ports in use, and finds the only free one', () => {
    const ports = new EphemeralPorts(seededRandom(1));
    const only = first + 1234;
    expect(ports.forPeer(local, remote, 80, (port) => port === only)).toBe(only);
    expect(ports.any((port) => port === only)).toBe(only);
  });

  it('gives nothing when all are in use', () => {
    const ports = new EphemeralPorts(seededRandom(1));
    expect(ports.forPeer(local, remote, 80, () => false)).toBeUndefined();
    expect(ports.any(() => false)).toBeUndefined();
  });

  it('walks the range once in vain, then only looks at what is given back', () => {
    const ports = new EphemeralPorts(seededRandom(1));
    let asked = 0;
    const taken = new Set<number>();
    const isFree = (port: number): boolean => {
      asked++;
      return !taken.has(port);
    };
    const take = (): number | undefined => {
      const port = ports.forPeer(local, remote, 80, isFree);
      if (port !== undefined) taken.add(port);
      return port;
    };
    const giveBack = (port: number): void => {
      taken.delete(port);
      ports.release(local, port, remote, 80);
    };
    for (let i = 0; i < count; i++) take();
    expect(taken.size).toBe(count);
    expect(take()).toBeUndefined();
    asked = 0;
    for (let i = 0; i < 1000; i++) expect(take()).toBeUndefined();
    expect(asked).toBe(0);
    // Given back, and used again as late as possible.
    for (const port of [first + 5, first + 3, last]) giveBack(port);
    expect([take(), take(), take(), take()]).toEqual([first + 5, first + 3, last, undefined]);
    expect(asked).toBe(3);
    // Another peer has ports of its own.
    expect(ports.forPeer(local, remote, 81, isFree)).toBeUndefined();
    expect(ports.forPeer(local, remote, 82, () => true)).toBeDefined();
    // Somebody took it by name meanwhile.
    giveBack(first + 9);
    taken.add(first + 9);
    expect(take()).toBeUndefined();
    // With plenty of them it goes in the usual order again.
    for (let i = 0; i < 2000; i++) giveBack(first + i);
    for (let i = 0; i < 2000; i++) expect(take()).toBeDefined();
    expect(take()).toBeUndefined();
    // A listener that closes gives its port back towards everybody.
    taken.delete(first + 1);
    ports.releaseAll();
    expect(take()).toBe(first + 1);
  });

  it('remembers some peers only', () => {
    const ports = new EphemeralPorts(seededRandom(1));
    let asked = 0;
    const none = (): boolean => {
      asked++;
      return false;
    };
    for (let peer = 1; peer <= 65; peer++) ports.forPeer(local, remote, peer, none);
    asked = 0;
    ports.forPeer(local, remote, 65, none);
    ports.forPeer(local, remote, 2, none);
    expect(asked).toBe(0);
    ports.forPeer(local, remote, 1, none);
    expect(asked).toBe(count);
  });
});
