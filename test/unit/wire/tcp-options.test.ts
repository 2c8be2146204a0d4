import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatTcpOptions, parseTcpOptions } from '../../../src/wire/tcp-option-list.ts';
import type { TcpOption } from '../../../src/wire/tcp-option-list.ts';
import { readTcpOptions, TcpOptions, tcpOptionsLength, writeTcpOptions } from '../../../src/wire/tcp-options.ts';
import type { TcpOptionsFlaw } from '../../../src/wire/tcp-options.ts';
import { hex, optionArea, viewOf, word } from '../../support/wire.ts';

const MSS = '0204 05b4';
const WINDOW_SCALE = '0303 07';
const SACK_PERMITTED = '0402';
const SACK = '0512 00000001 00000002 fffffffe ffffffff';
const TIMESTAMPS = '080a fffffff0 00000005';
const USER_TIMEOUT = '1c04 8005';
const FAST_OPEN = '2206 0a0b0c0d';

interface Reading {
  flaw: TcpOptionsFlaw | undefined;
  options: TcpOptions;
}

function read(text: string): Reading {
  // Foreign bytes around the options: reading one of them would show.
  const bytes = hex(`02 ${text} 0204ffff`);
  const options = new TcpOptions();
  return { flaw: readTcpOptions(viewOf(bytes), 1, bytes.length - 4, options), options };
}

/** The blocks in use. */
function blocks({ sackCount, sackLeft, sackRight }: TcpOptions): [number, number][] {
  return Array.from({ length: sackCount }, (_, i) => [sackLeft[i]!, sackRight[i]!]);
}

describe('reading TCP options', () => {
  it('[MUST-4] [MUST-64] reads every known option at any alignment', () => {
    for (const nops of ['', '01', '0101', '010101']) {
      const { flaw, options } = read(nops + MSS + WINDOW_SCALE + SACK_PERMITTED + SACK + TIMESTAMPS);
      expect(flaw).toBeUndefined();
      expect(options).toMatchObject({ mss: 1460, windowScale: 7, sackPermitted: true, timestamps: true });
      expect(options).toMatchObject({ tsValue: 0xfffffff0, tsEcho: 5, unknown: 0 });
      expect(blocks(options)).toEqual([
        [1, 2],
        [0xfffffffe, 0xffffffff],
      ]);
    }
  });

  it('reads a user timeout, a Fast Open cookie, and the request for one', () => {
    const { flaw, options } = read(USER_TIMEOUT + FAST_OPEN);
    expect(flaw).toBeUndefined();
    expect(options).toMatchObject({ userTimeout: 0x8005, fastOpen: 4, unknown: 0 });
    expect(options.fastOpenCookie.subarray(0, 4)).toEqual(hex('0a0b0c0d'));
    expect(read(`2202 ${MSS}`).options).toMatchObject({ userTimeout: -1, fastOpen: 0, mss: 1460 });
    expect(read(MSS).options).toMatchObject({ userTimeout: -1, fastOpen: -1 });
  });

  it('finds nothing in nothing', () => {
    const { flaw, options } = read('');
    expect(flaw).toBeUndefined();
    expect(options).toEqual(new TcpOptions());
  });

  it('reads the usual layout of a lone timestamp, and what only looks like it', () => {
    expect(read(`0101 ${TIMESTAMPS}`).options).toMatchObject({ timestamps: true, tsValue: 0xfffffff0, tsEcho: 5 });
    expect(read(`0101 ${TIMESTAMPS} ${MSS}`).options).toMatchObject({ timestamps: true, mss: 1460 });
    expect(read(`0101 080b 00000001 00000002`)).toMatchObject({
      flaw: 'tcp-option-truncated',
      options: { timestamps: false },
    });
  });

  it('forgets the options of the segment before', () => {
    const options = new TcpOptions();
    const all = hex(MSS + WINDOW_SCALE + SACK_PERMITTED + SACK + TIMESTAMPS + 'fe02');
    readTcpOptions(viewOf(all), 0, all.length, options);
    readTcpOptions(viewOf(all), 0, 0, options);
    const { sackLeft: _left, sackRight: _right, ...kept } = options;
    const { sackLeft: _newLeft, sackRight: _newRight, ...fresh } = new TcpOptions();
    expect(kept).toEqual(fresh);
  });

  it('takes the last of an option that stands twice', () => {
    const { options } = read(`${SACK} 050a 00000007 00000009 ${MSS} 0204 0218`);
    expect(options.mss).toBe(536);
    expect(blocks(options)).toEqual([[7, 9]]);
  });

  it('[MUST-4] ends at the end of the list', () => {
    expect(read(`${MSS} 00 ${WINDOW_SCALE}`)).toMatchObject({
      flaw: undefined,
      options: { mss: 1460, windowScale: -1 },
    });
  });

  it('[MUST-6] [MUST-68] skips unknown options by their length and counts them', () => {
    expect(read(`fd06 f989aabb 1e02 ${MSS} 2303 99`)).toMatchObject({
      flaw: undefined,
      options: { mss: 1460, unknown: 3 },
    });
  });

  it.each([
    ['a length of 0', '0200', 'tcp-option-truncated'],
    ['a length of 1', '0201', 'tcp-option-truncated'],
    ['an unknown option of length 0', 'fe00', 'tcp-option-truncated'],
    ['a length past the header', '0204 05', 'tcp-option-truncated'],
    ['an unknown option past the header', 'fe28 0000', 'tcp-option-truncated'],
    ['a kind without a length', '02', 'tcp-option-truncated'],
  ])('[MUST-7] stops without harm at %s', (_name, text, flaw) => {
    expect(read(`${WINDOW_SCALE} ${text}`)).toMatchObject({ flaw, options: { windowScale: 7, mss: 0, unknown: 0 } });
  });

  it.each([
    ['MSS', '0203 05'],
    ['MSS', '0206 05b40000'],
    ['window scale', '0302'],
    ['window scale', '0304 0707'],
    ['SACK-permitted', '0403 00'],
    ['SACK without blocks', '0502'],
    ['SACK of half a block', '0506 00000001'],
    ['SACK of five blocks', `052a ${'00000001 00000002'.repeat(5)}`],
    ['timestamps', '0809 00000001 000000'],
    ['user timeout', '1c03 05'],
    ['Fast Open of two bytes', '2204 0102'],
    ['Fast Open of five bytes', '2207 0102030405'],
    ['Fast Open of 18 bytes', `2214 ${'00'.repeat(18)}`],
  ])('[MUST-7] skips %s of a wrong length (%s) and reads on', (_name, text) => {
    const { flaw, options } = read(`${text} 0101 0303 05`);
    expect(flaw).toBe('tcp-option-bad-length');
    expect(options).toMatchObject({ mss: 0, windowScale: 5, sackPermitted: false, sackCount: 0, timestamps: false });
  });
});

const options: fc.Arbitrary<TcpOptions> = fc
  .record({
    mss: fc.nat(0xffff),
    windowScale: fc.integer({ min: -1, max: 255 }),
    sackPermitted: fc.boolean(),
    timestamps: fc.option(fc.tuple(word, word)),
    sacks: fc.array(fc.tuple(word, word), { maxLength: 5 }),
    userTimeout: fc.integer({ min: -1, max: 0xffff }),
    cookie: fc.option(fc.constantFrom(0, 4, 6, 8, 14, 16).chain((n) => fc.uint8Array({ minLength: n, maxLength: n }))),
  })
  .map(({ mss, windowScale, sackPermitted, timestamps, sacks, userTimeout, cookie }) => {
    const value = new TcpOptions();
    Object.assign(value, { mss, windowScale, sackPermitted, userTimeout });
    if (cookie !== null) value.setFastOpen(cookie);
    if (timestamps !== null) Object.assign(value, { timestamps: true, tsValue: timestamps[0], tsEcho: timestamps[1] });
    for (const [left, right] of sacks) value.addSack(left, right);
    return value;
  });

describe('writing TCP options', () => {
  it('lays out a SYN as Linux does', () => {
    const syn = new TcpOptions();
    Object.assign(syn, { mss: 1460, windowScale: 10, sackPermitted: true, timestamps: true, tsValue: 1, tsEcho: 2 });
    const bytes = new Uint8Array(20);
    expect(writeTcpOptions(viewOf(bytes), 0, syn)).toBe(20);
    expect(bytes).toEqual(hex('020405b4 0402080a 00000001 00000002 0103030a'));
  });

  it('lays out the options that stand alone in whole words', () => {
    const cases: [Partial<TcpOptions>, string][] = [
      [{}, ''],
      [{ sackPermitted: true }, '01010402'],
      [{ windowScale: 0 }, '01030300'],
      [{ timestamps: true, tsValue: 1, tsEcho: 2 }, '0101080a 00000001 00000002'],
      [{ userTimeout: 0x8005 }, '1c048005'],
      [{ fastOpen: 0 }, '22020101'],
      [{ fastOpen: 4 }, '220600000000 0101'],
    ];
    for (const [fields, text] of cases) {
      const bytes = new Uint8Array(40);
      const length = writeTcpOptions(viewOf(bytes), 0, Object.assign(new TcpOptions(), fields));
      expect(bytes.subarray(0, length)).toEqual(hex(text));
    }
  });

  it('[MUST-69] reads back as it was written, in whole words, with as many SACK blocks as fit', () => {
    fc.assert(
      fc.property(options, fc.nat(3), (value, offset) => {
        const bytes = new Uint8Array(50).fill(0xee);
        const length = writeTcpOptions(viewOf(bytes), offset, value);
        expect(length).toBe(tcpOptionsLength(value));
        expect(length % 4).toBe(0);
        expect(length).toBeLessThanOrEqual(40);
        expect(bytes.subarray(offset + length).every((octet) => octet === 0xee)).toBe(true);
        const back = new TcpOptions();
        expect(readTcpOptions(viewOf(bytes), offset, offset + length, back)).toBeUndefined();
        const { mss, windowScale, sackPermitted, timestamps, tsValue, tsEcho, userTimeout } = value;
        expect(back).toMatchObject({ mss, windowScale, sackPermitted, timestamps, tsValue, tsEcho, userTimeout });
        expect(blocks(back)).toEqual(blocks(value).slice(0, back.sackCount));
        if (back.sackCount < value.sackCount) expect(length + (back.sackCount === 0 ? 12 : 8)).toBeGreaterThan(40);
        const { fastOpen, fastOpenCookie } = value;
        if (back.fastOpen >= 0) {
          expect(back.fastOpenCookie.subarray(0, back.fastOpen)).toEqual(fastOpenCookie.subarray(0, fastOpen));
        } else if (fastOpen >= 0) {
          // Left out: with everything else, SACK blocks not counted, it did not fit.
          value.fastOpen = -1;
          value.sackCount = 0;
          expect(tcpOptionsLength(value) + 2 + fastOpen).toBeGreaterThan(40);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('keeps at most four SACK blocks, three beside timestamps', () => {
    const value = new TcpOptions();
    for (let i = 0; i < 6; i++) value.addSack(10 * i, 10 * i + 5);
    expect(value.sackCount).toBe(4);
    expect(tcpOptionsLength(value)).toBe(36);
    value.timestamps = true;
    expect(tcpOptionsLength(value)).toBe(40);
  });
});

describe('TCP options as a list', () => {
  it('names what it reads, in order', () => {
    const bytes = hex(
      `${MSS} ${SACK_PERMITTED} ${TIMESTAMPS} 01 ${WINDOW_SCALE} ${USER_TIMEOUT} ${FAST_OPEN} 1e04 aabb 0203 05 0000`,
    );
    const expected: TcpOption[] = [
      { name: 'mss', value: 1460 },
      { name: 'sackPermitted' },
      { name: 'timestamps', value: 0xfffffff0, echo: 5 },
      { name: 'nop' },
      { name: 'windowScale', shift: 7 },
      { name: 'userTimeout', value: 0x8005 },
      { name: 'fastOpen', cookie: hex('0a0b0c0d') },
      { name: 'other', kind: 30, data: hex('aabb') },
      { name: 'other', kind: 2, data: hex('05') },
      { name: 'end', padding: hex('00') },
    ];
    expect(parseTcpOptions(bytes)).toEqual(expected);
    expect(parseTcpOptions(hex(SACK))).toEqual([
      {
        name: 'sack',
        blocks: [
          { left: 1, right: 2 },
          { left: 0xfffffffe, right: 0xffffffff },
        ],
      },
    ]);
    expect(parseTcpOptions(hex(`01 fe01 01`))).toEqual([{ name: 'nop' }, { name: 'broken', bytes: hex('fe0101') }]);
  });

  it('gives back the bytes of any option area', () => {
    const likely = fc
      .array(
        fc.constantFrom(
          '01',
          '00',
          MSS,
          WINDOW_SCALE,
          SACK_PERMITTED,
          SACK,
          TIMESTAMPS,
          USER_TIMEOUT,
          FAST_OPEN,
          '2202',
          '220401',
          'fe03aa',
          '02',
          '0500',
        ),
      )
      .map((pieces) => hex(pieces.join('')))
      .map((bytes) => bytes.subarray(0, Math.min(40, bytes.length & ~3)));
    fc.assert(
      fc.property(fc.oneof(likely, optionArea), (bytes) => {
        expect(formatTcpOptions(parseTcpOptions(bytes))).toEqual(bytes);
      }),
      { numRuns: 1000 },
    );
  });

  it('[MUST-69] pads with zeros', () => {
    expect(formatTcpOptions([{ name: 'windowScale', shift: 7 }])).toEqual(hex('03030700'));
  });

  it('refuses more than 40 bytes', () => {
    expect(() => formatTcpOptions([{ name: 'other', kind: 254, data: new Uint8Array(39) }])).toThrow(
      expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }),
    );
  });
});
