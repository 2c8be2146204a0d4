import { describe, expect, it } from 'vitest';
import { Address } from '../../../src/wire/address.ts';
import {
  dealOutRecords,
  fromCode16,
  fromCode8,
  groupRecordLength,
  GroupRecordType,
} from '../../../src/wire/group-records.ts';
import type { GroupRecord } from '../../../src/wire/group-records.ts';

const { ALLOW_NEW_SOURCES, CHANGE_TO_EXCLUDE_MODE, MODE_IS_EXCLUDE, MODE_IS_INCLUDE } = GroupRecordType;
const GROUP = Address.parse('239.1.2.3');
const sources = (count: number): Address[] =>
  Array.from({ length: count }, (_, n) => Address.fromIpv4(0x0a00_0001 + n));

describe('numbers with an exponent', () => {
  it('[S-022] RFC 3376 §4.1.1: of one byte', () => {
    expect([0, 1, 127].map(fromCode8)).toEqual([0, 1, 127]);
    expect([0x80, 0x8f, 0x90, 0xff].map(fromCode8)).toEqual([128, 248, 256, 31_744]);
  });

  it('[S-022] RFC 3810 §5.1.3: of two bytes', () => {
    expect([0, 1, 32_767].map(fromCode16)).toEqual([0, 1, 32_767]);
    expect([0x8000, 0x8fff, 0x9000, 0xffff].map(fromCode16)).toEqual([32_768, 65_528, 65_536, 8_387_584]);
  });
});

describe('dealOutRecords', () => {
  const record = (type: number, count: number): GroupRecord => ({ type, group: GROUP, sources: sources(count) });

  it('puts as many records as have room into a report', () => {
    const records = Array.from({ length: 7 }, () => record(MODE_IS_EXCLUDE, 0));
    expect(dealOutRecords(records, 24).map(({ length }) => length)).toEqual([3, 3, 1]);
    expect(dealOutRecords(records, 1000)).toEqual([records]);
    expect(dealOutRecords([], 1000)).toEqual([]);
  });

  it('[S-022] RFC 3376 §4.2.16: splits a record that is too long, each source in one part', () => {
    const whole = record(ALLOW_NEW_SOURCES, 10);
    const parts = dealOutRecords([record(MODE_IS_INCLUDE, 1), whole], 24).flat();
    expect(parts.map(({ type }) => type)).toEqual([MODE_IS_INCLUDE, 5, 5, 5]);
    expect(parts.slice(1).flatMap((part) => part.sources)).toEqual(whole.sources);
    for (const part of parts) expect(groupRecordLength(part)).toBeLessThanOrEqual(24);
  });

  it('[S-022] RFC 3376 §4.2.16: of what is excluded tells as many sources as fit', () => {
    for (const type of [MODE_IS_EXCLUDE, CHANGE_TO_EXCLUDE_MODE]) {
      expect(dealOutRecords([record(type, 10)], 24)).toEqual([[record(type, 4)]]);
    }
  });
});
