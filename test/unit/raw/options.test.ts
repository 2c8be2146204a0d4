import { describe, expect, it } from 'vitest';
import type { RawOptions } from '../../../src/raw/options.ts';
import { checkRawTunable, resolveRawOptions } from '../../../src/raw/options.ts';
import { codeOf } from './world.ts';

describe('options of raw sockets', () => {
  it('follow protocol and family where they are not given', () => {
    expect(resolveRawOptions({}, 253)).toMatchObject({ headerIncluded: false, checksumOffset: undefined });
    expect(resolveRawOptions({}, 255)).toMatchObject({ headerIncluded: true });
    expect(resolveRawOptions({ headerIncluded: false }, 255)).toMatchObject({ headerIncluded: false });
    expect(resolveRawOptions({}, 255, 6)).toMatchObject({ headerIncluded: false });
    expect(resolveRawOptions({}, 58, 6)).toMatchObject({ checksumOffset: 2 });
    expect(resolveRawOptions({ checksumOffset: undefined }, 58, 4)).toMatchObject({ checksumOffset: undefined });
  });

  it.each([
    [{ ttl: 0 }, 1, 4, 'ERR_OUT_OF_RANGE'],
    [{ ttl: '7' }, 1, 4, 'ERR_INVALID_ARG_TYPE'],
    [{ trafficClass: 256 }, 1, 4, 'ERR_OUT_OF_RANGE'],
    [{ receiveBuffer: 0 }, 1, 4, 'ERR_OUT_OF_RANGE'],
    [{ broadcast: 'yes' }, 1, 4, 'ERR_INVALID_ARG_TYPE'],
    [{ icmpTypes: 3 }, 1, 4, 'ERR_INVALID_ARG_TYPE'],
    [{ icmpTypes: [256] }, 1, 4, 'ERR_OUT_OF_RANGE'],
    [{ icmpTypes: [3] }, 58, 4, 'ERR_INVALID_ARG_VALUE'],
    [{ icmpTypes: [3] }, 1, 6, 'ERR_INVALID_ARG_VALUE'],
    [{ checksumOffset: 1 }, 89, 6, 'ERR_OUT_OF_RANGE'],
    [{ checksumOffset: 65_534 }, 89, 6, 'ERR_OUT_OF_RANGE'],
  ] as const)('%o of protocol %i over IPv%i: %s', (options, protocol, family, code) => {
    expect(codeOf(() => resolveRawOptions(options as unknown as RawOptions, protocol, family))).toBe(code);
  });

  it('an open socket takes some', () => {
    expect(codeOf(() => checkRawTunable('icmpTypes', undefined, 1, 4))).toBe('nothing');
    expect(codeOf(() => checkRawTunable('icmpTypes', undefined, 17, 4))).toBe('ERR_INVALID_ARG_VALUE');
    expect(codeOf(() => checkRawTunable('ttl', 255, 17, 4))).toBe('nothing');
    expect(codeOf(() => checkRawTunable('hops' as 'ttl', 255, 17, 4))).toBe('ERR_INVALID_ARG_VALUE');
    expect(codeOf(() => checkRawTunable('transparent' as 'broadcast', true, 17, 4))).toBe('ERR_INVALID_ARG_VALUE');
  });
});
