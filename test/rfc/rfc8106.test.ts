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
});
