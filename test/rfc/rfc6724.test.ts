import { describe, expect, it } from 'vitest';
import { labelOf } from '../../src/ip/address-labels.ts';
import { address } from '../unit/ip/fixture.ts';
import { TwoLinks } from '../unit/stack/two-links.ts';
import { LoneStation } from '../support/ethernet-world.ts';
import { setTraits } from '../../src/ip/address-traits.ts';
import { precedenceOf } from '../../src/ip/address-labels.ts';

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

/** What a stack whose one interface has these addresses, and a default route, makes of the list. */
function ordered(destinations: readonly string[], own: readonly string[], deprecated?: string): string[] {
  const { stack, interfaces } = new TwoLinks();
  const [eth0, eth1] = interfaces;
  for (const iface of [eth0, eth1]) {
    for (const { address: old } of iface.addresses) iface.removeAddress(old.toString());
  }
  for (const text of own) eth0.addAddress(`${text}/${text.includes(':') ? 64 : 24}`);
  for (const cidr of eth0.addresses) {
    const traits = { onLink: true, temporary: false, deprecated: cidr.address.toString() === deprecated };
    setTraits(cidr, traits);
  }
  stack.routes.add('::/0', { interface: 'eth0' });
  stack.routes.add('0.0.0.0/0', { interface: 'eth0' });
  return stack.orderDestinations(destinations);
}

describe('RFC 6724 §6: the order of destinations', () => {
  // The examples of §10.2, but that about mobility; fe80::1 is the peer's on the interface eth0.
  it.each<[rule: string, own: string[], first: string, second: string, deprecated?: string]>([
    ['2', ['2001:db8:1::2', 'fe80::1', '169.254.13.78'], '2001:db8:1::1', '198.51.100.121'],
    ['2', ['fe80::1', '198.51.100.117'], '198.51.100.121', '2001:db8:1::1'],
    ['6', ['2001:db8:1::2', 'fe80::1', '10.1.2.4'], '2001:db8:1::1', '10.1.2.3'],
    ['8', ['2001:db8:1::2', 'fe80::2'], 'fe80::1%eth0', '2001:db8:1::1'],
    ['3', ['2001:db8:1::2', 'fe80::2'], '2001:db8:1::1', 'fe80::1%eth0', 'fe80::2'],
    ['9', ['2001:db8:1::2', '2001:db8:3f44::2', 'fe80::2'], '2001:db8:1::1', '2001:db8:3ffe::1'],
    ['5', ['2002:c633:6401::2', 'fe80::2'], '2002:c633:6401::1', '2001:db8:1::1'],
    ['6', ['2002:c633:6401::2', '2001:db8:1::2', 'fe80::2'], '2001:db8:1::1', '2002:c633:6401::1'],
    // And others: unique local addresses (§10.6), no IPv6 or no IPv4 at all, near networks of IPv4, one's own host.
    ['5', ['fd00:1::2', '10.1.2.4'], '10.9.9.9', '2600::1'],
    ['6', ['fd00:1::2', '10.1.2.4'], '10.9.9.9', 'fd00:1::1'],
    ['1', ['10.1.2.4'], '198.51.100.121', '2001:db8:1::1'],
    ['1', ['2001:db8:1::2'], '2001:db8:1::1', '198.51.100.121'],
    ['1', ['2001:db8:1::2', 'fe80::2'], '2001:db8:1::1', 'fe80::1'],
    ['9', ['10.1.2.4'], '10.1.2.9', '10.1.3.9'],
    ['6', ['10.1.2.4'], '::1', '127.0.0.1'],
  ])('[S-048] rule %s: from %j to %s, then %s', (_rule, own, first, second, deprecated) => {
    expect(ordered([first, second], own, deprecated)).toEqual([first, second]);
    expect(ordered([second, first], own, deprecated)).toEqual([first, second]);
  });

  it('[S-048] rule 10: among equals the order stays, as do the texts, however often', () => {
    const list = ['198.51.100.7', '198.51.100.121', '192.0.2.1', '198.51.100.7', '2001:db8::1', '2001:DB8::2'];
    expect(ordered(list, ['10.1.2.4'])).toEqual(list);
    expect(ordered(list.toReversed(), ['10.1.2.4'])).toEqual([
      '198.51.100.7',
      '192.0.2.1',
      '198.51.100.121',
      '198.51.100.7',
      '2001:DB8::2',
      '2001:db8::1',
    ]);
    expect(ordered([], [])).toEqual([]);
  });

  it('[S-048] rule 1: follows links and routes', () => {
    const scene = new TwoLinks();
    const order = (): string[] => scene.stack.orderDestinations(['fd00::9', '10.1.0.9']);
    // Unique local addresses have a lower precedence than IPv4.
    expect(order()).toEqual(['10.1.0.9', 'fd00::9']);
    scene.eth1.setUp(false);
    expect(order()).toEqual(['fd00::9', '10.1.0.9']);
    scene.eth1.setUp(true);
    expect(order()).toEqual(['10.1.0.9', 'fd00::9']);
  });

  it('sends nothing, asks nobody, and refuses what is no address', async () => {
    const lone = new LoneStation();
    lone.settle();
    lone.stack.orderDestinations(['10.0.0.66', '10.0.0.67', 'fd00::1']);
    lone.clock.advance(1_000_000);
    expect(lone.link.take()).toEqual([]);
    lone.stack.assertQuiescent();
    const code = (wrong: unknown): unknown => {
      try {
        return lone.stack.orderDestinations(wrong as never);
      } catch (error) {
        return (error as { code: string }).code;
      }
    };
    expect([undefined, '10.0.0.1', [5]].map(code)).toEqual(Array(3).fill('ERR_INVALID_ARG_TYPE'));
    expect([['name.test'], ['10.0.0.1/8']].map(code)).toEqual(Array(2).fill('ERR_INVALID_ARG_VALUE'));
    await lone.end();
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
    ['10.0.0.1', 4],
    ['127.0.0.1', 4],
  ])('[S-048] the label of %s is %i', (text, label) => {
    expect(labelOf(address(text))).toBe(label);
  });

  it.each([
    ['::1', 50],
    ['2600::1', 40],
    ['10.0.0.1', 35],
    ['2002::1', 30],
    ['2001::1', 5],
    ['fd00::1', 3],
    ['::10.0.0.1', 1],
    ['fec0::1', 1],
    ['3ffe::1', 1],
  ])('[S-048] the precedence of %s is %i', (text, precedence) => {
    expect(precedenceOf(labelOf(address(text)))).toBe(precedence);
  });
});
