import nodeNet from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { thrown } from './helpers.ts';
import { MODULES } from './modules.ts';
import type { Modules } from './modules.ts';

const HOST = '127.0.0.1';

type Parse = (input: string) => nodeNet.SocketAddress | undefined;

describe.each(MODULES)('$name: net.SocketAddress', ({ make }) => {
  let modules: Modules;
  let net: typeof nodeNet;
  beforeEach(() => {
    modules = make();
    net = modules.net;
  });
  afterEach(async () => modules.end());

  const partsOf = ({ address, port, family, flowlabel }: nodeNet.SocketAddress): unknown[] => {
    return [address, port, family, flowlabel];
  };
  const made = (options?: unknown): nodeNet.SocketAddress => {
    return Reflect.construct(net.SocketAddress, options === undefined ? [] : [options]) as nodeNet.SocketAddress;
  };

  it('has an address for each option that is not given', () => {
    expect(partsOf(made())).toEqual([HOST, 0, 'ipv4', 0]);
    expect(partsOf(made({}))).toEqual([HOST, 0, 'ipv4', 0]);
    expect(partsOf(made({ family: 'ipv6' }))).toEqual(['::', 0, 'ipv6', 0]);
    expect(partsOf(made({ port: 80 }))).toEqual([HOST, 80, 'ipv4', 0]);
  });

  it('takes an address, a port, a family and a flow label', () => {
    expect(partsOf(made({ address: '192.0.2.1', port: 65_535 }))).toEqual(['192.0.2.1', 65_535, 'ipv4', 0]);
    const options = { address: '2001:db8::1', port: 1, family: 'ipv6', flowlabel: 1_048_575 };
    const address = made(options);
    expect(partsOf(address)).toEqual(['2001:db8::1', 1, 'ipv6', 1_048_575]);
    expect(JSON.parse(JSON.stringify(address))).toEqual(options);
    expect(partsOf(made({ family: 'IPv6', address: '::1' }))[2]).toBe('ipv6');
    // One of IPv4 has none.
    expect(made({ flowlabel: 5 }).flowlabel).toBe(0);
    expect(address).toBeInstanceOf(nodeNet.SocketAddress);
  });

  it.each<[string, unknown, string]>([
    ['options that are none', 5, 'ERR_INVALID_ARG_TYPE'],
    ['null', null, 'ERR_INVALID_ARG_TYPE'],
    ['an address that is a number', { address: 5 }, 'ERR_INVALID_ARG_TYPE'],
    ['an address of the other family', { address: '::1' }, 'ERR_INVALID_ADDRESS'],
    ['an address of the other family', { address: HOST, family: 'ipv6' }, 'ERR_INVALID_ADDRESS'],
    ['a name', { address: 'localhost' }, 'ERR_INVALID_ADDRESS'],
    ['a family that there is not', { family: 'ipv5' }, 'ERR_INVALID_ARG_VALUE'],
    ['a family that is a number', { family: 4 }, 'ERR_INVALID_ARG_VALUE'],
    ['a port that is too large', { port: 65_536 }, 'ERR_SOCKET_BAD_PORT'],
    ['a port below 0', { port: -1 }, 'ERR_SOCKET_BAD_PORT'],
    ['a flow label that is too large', { flowlabel: 2 ** 32 }, 'ERR_OUT_OF_RANGE'],
    ['a flow label below 0', { flowlabel: -1 }, 'ERR_OUT_OF_RANGE'],
    ['a flow label in words', { flowlabel: '1' }, 'ERR_INVALID_ARG_TYPE'],
  ])('refuses %s', (_name, options, code) => {
    expect(thrown(() => made(options)).code).toBe(code);
  });

  it('goes into a block list', () => {
    const list = new net.BlockList();
    list.addAddress(made({ address: '192.0.2.1' }));
    expect([list.check('192.0.2.1'), list.check(made({ address: '192.0.2.2' }))]).toEqual([true, false]);
  });

  const parse: unknown = Reflect.get(nodeNet.SocketAddress, 'parse');

  it.runIf(parse !== undefined)('is parsed, where the running Node can', () => {
    const parsed = (input: string): unknown[] | undefined => {
      const address = (Reflect.get(net.SocketAddress, 'parse') as Parse)(input);
      return address && partsOf(address);
    };
    expect(parsed('192.0.2.1:8080')).toEqual(['192.0.2.1', 8080, 'ipv4', 0]);
    expect(parsed('192.0.2.1')).toEqual(['192.0.2.1', 0, 'ipv4', 0]);
    expect(parsed('[2001:db8::1]:443')).toEqual(['2001:db8::1', 443, 'ipv6', 0]);
    expect(parsed('[::1]')).toEqual(['::1', 0, 'ipv6', 0]);
    for (const wrong of ['localhost', '192.0.2.1:65536', '::1:x', '', '[::1']) {
      expect([wrong, parsed(wrong)]).toEqual([wrong, undefined]);
    }
  });
});
