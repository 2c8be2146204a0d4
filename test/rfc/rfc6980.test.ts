import { describe, expect, it } from 'vitest';
import { EthernetHost } from '../support/ethernet-host.ts';
import { hex } from '../support/wire.ts';

describe('neighbour discovery in fragments', () => {
  it('[S-049] RFC 6980 §5: is ignored, also where the fragment is the whole packet', () => {
    const host = new EthernetHost();
    host.advertise([], {}, { nextHeader: 44, extensions: hex('3a00 0000 12345678') });
    expect(host.routes.filter((text) => text.includes('advertised'))).toEqual([]);
    expect(host.drops).toMatchObject({ 'ndp-fragment': 1 });
    // Other extension headers are no reason to ignore it.
    host.advertise([], {}, { nextHeader: 60, extensions: hex('3a00 0104 00000000') });
    expect(host.routes.filter((text) => text.includes('advertised'))).toHaveLength(1);
  });
});
