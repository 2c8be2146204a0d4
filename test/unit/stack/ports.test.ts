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
});
