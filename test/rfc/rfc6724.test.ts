import { describe, expect, it } from 'vitest';
import { labelOf } from '../../src/ip/address-labels.ts';
import { address } from '../unit/ip/fixture.ts';
import { TwoLinks } from '../unit/stack/two-links.ts';

/** The source that an unbound socket sends from to `destination`, by an interface with these addresses. */
function sourceTo(destination: string, ...own: string[]): string {
  const { stack, interfaces } = new TwoLinks();
  const [eth0, eth1] = interfaces;
  for (const iface of interfaces) for (const { address: old } of iface.addresses) iface.removeAddress(old.toString());
  for (const text of own) eth0.addAddress(`${text}/64`);
  // That of another interface is nobody's choice here: rule 5.
  eth1.addAddress('2001:db8:ffff::1/64');
  stack.routes.add('::/0', { interface: 'eth0' });
  const remoteAddress = destination.startsWith('fe80') ? `${destination}%eth0` : destination;
  const socket = stack.udp.bind({ address: '::' }, { onMessage: () => {} });
  socket.connect(remoteAddress, 9);
  const source = socket.localAddress.toString();
  socket.close();
  return source;
}

describe('RFC 6724 §5: the source address, by the examples of §10.1', () => {
  it.each<[rule: string, destination: string, candidates: [string, string], chosen: string]>([
    ['2', '2001:db8:1::1', ['2001:db8:3::1', 'fe80::1'], '2001:db8:3::1'],
    ['2', 'ff05::1', ['2001:db8:3::1', 'fe80::1'], '2001:db8:3::1'],
    ['2', 'fe80::1', ['fe80::2', '2001:db8:1::1'], 'fe80::2%eth0'],
    ['2', '2001:db8:1::1', ['fec0::1', '2001:db8:3::1'], '2001:db8:3::1'],
    ['2', 'fec0::9', ['fec0::1', '2001:db8:3::1'], 'fec0::1'],
    ['1', '2001:db8:1::1', ['2001:db8:1::1', '2001:db8:2::1'], '2001:db8:1::1'],
    [
      '6',
      '2002:c633:6401::1',
      ['2002:c633:6401::d5e3:7953:13eb:22e8', '2001:db8:1::2'],
      '2002:c633:6401::d5e3:7953:13eb:22e8',
    ],
    ['6', '2002:c633:6401::1', ['2001:db8:1::2', '2002:c001:203::1'], '2002:c001:203::1'],
    ['6', 'fd00:1::1', ['fcff::1', '2001:db8:1::2'], 'fcff::1'],
    ['6', '2600::1', ['fd00:1::1', '2001:db8:1::2'], '2001:db8:1::2'],
    ['6', '2001:0:1::1', ['2001:db8:1::2', '2001:0:2::1'], '2001:0:2::1'],
    ['8', '2001:db8:1::1', ['2001:db8:3::2', '2001:db8:1::2'], '2001:db8:1::2'],
    ['8', '2001:db8:1::1', ['2001:db8:1::2', '2001:db8:3::2'], '2001:db8:1::2'],
  ])('[S-048] rule %s: to %s, of %j', (_rule, destination, candidates, chosen) => {
    const expected = chosen.includes('%') ? chosen : address(chosen).toString();
    const [first, second] = candidates;
    expect(sourceTo(destination, first, second)).toBe(expected);
    expect(sourceTo(destination, second, first)).toBe(expected);
  });

  it('[S-048] rule 8 counts only the bits of the source’s own prefix', () => {
    // Both share 64 bits with it; beyond them the first stays.
    const candidates = ['2001:db8:1::aaaa', '2001:db8:1::bbbb'] as const;
    expect(sourceTo('2001:db8:1::bbbc', ...candidates)).toBe('2001:db8:1::aaaa');
  });

  it('[S-048] rule 5: an interface without an address that would do borrows one', () => {
    expect(sourceTo('2001:db8:1::1', 'fe80::1')).toBe('2001:db8:ffff::1');
  });
});

describe('RFC 6724 §2.1: the default policy table', () => {
  it.each([
    ['::1', 0],
    ['2600::1', 1],
    ['fe80::1', 1],
    ['::ffff:10.0.0.1', 4],
    ['::10.0.0.1', 3],
    ['2002::1', 2],
    ['2001::1', 5],
    ['2001:1::1', 1],
    ['fc00::1', 13],
    ['fdff::1', 13],
    ['fbff::1', 1],
    ['fec0::1', 11],
    ['feff::1', 11],
    ['3ffe::1', 12],
  ])('[S-048] the label of %s is %i', (text, label) => {
    expect(labelOf(address(text))).toBe(label);
  });
});
