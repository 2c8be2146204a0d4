import { describe, expect, it } from 'vitest';
import { Address } from '../../src/wire/address.ts';
import { EthernetHost } from '../support/ethernet-host.ts';

describe('name servers of routers', () => {
  it('[S-049] RFC 8106 §5.3.1: stand at the interface while they live, and the program is told of changes', () => {
    const host = new EthernetHost();
    expect(host.eth.dns).toEqual({ servers: [], searchDomains: [] });
    const servers = ['2001:db8::53', 'fe80::aa'].map((text) => Address.parse(text));
    host.advertise([
      { name: 'rdnss', lifetime: 60, servers },
      { name: 'dnssl', lifetime: 100, domains: ['example.com'] },
    ]);
    // §5.1: a link-local address with the link that it is on.
    expect(host.eth.dns.servers.map(String)).toEqual(['2001:db8::53', 'fe80::aa%eth0']);
    expect(host.eth.dns.searchDomains).toEqual(['example.com']);
    host.advertise([{ name: 'rdnss', lifetime: 60, servers }]);
    host.pass(60);
    host.pass(40);
    expect(host.eth.dns).toEqual({ servers: [], searchDomains: [] });
    expect(host.events.filter((text) => text.startsWith('dns'))).toEqual([
      'dns 2001:db8::53 fe80::aa%eth0 example.com',
      'dns example.com',
      'dns',
    ]);
  });

  it('[S-049] RFC 4861 §6.2.6: of what changes more often than routers may speak the program is told the last word, in time', () => {
    const host = new EthernetHost();
    const server = (last: number): Address => Address.parse(`2001:db8::${last}`);
    for (let i = 1; i <= 9; i++) {
      host.advertise([
        { name: 'rdnss', lifetime: 600, servers: [server(i)] },
        { name: 'rdnss', lifetime: 0, servers: [server(i - 1)] },
      ]);
      host.pass(0.25);
    }
    const told = (): string[] => host.events.filter((text) => text.startsWith('dns'));
    expect(told()).toEqual(['dns 2001:db8::1']);
    expect(host.eth.dns.servers.map(String)).toEqual(['2001:db8::9']);
    host.pass(0.74);
    expect(told()).toHaveLength(1);
    host.pass(0.01);
    expect(told()).toEqual(['dns 2001:db8::1', 'dns 2001:db8::9']);
    expect(host.drops).toMatchObject({ 'ndp-dns-event-delayed': 1 });
    host.pass(60);
    expect(told()).toHaveLength(2);
  });
});
