import { describe, expect, it } from 'vitest';
import { UrgentMark } from '../../../src/tcp/urgent.ts';

describe('UrgentMark', () => {
  it('knows nothing at first', () => {
    const mark = new UrgentMark();
    expect([mark.up, mark.ahead(0), mark.pointer(0)]).toEqual([undefined, 0, 0]);
  });

  it('moves forward only', () => {
    const mark = new UrgentMark();
    expect(mark.advance(100, 50)).toBe(true);
    expect(mark.advance(100, 50)).toBe(false);
    expect(mark.advance(90, 50)).toBe(false);
    expect(mark.advance(120, 50)).toBe(true);
    expect(mark.ahead(50)).toBe(70);
  });

  it('says nothing of what is dealt with', () => {
    const mark = new UrgentMark();
    expect(mark.advance(50, 50)).toBe(false);
    expect(mark.advance(40, 50)).toBe(false);
    mark.advance(60, 50);
    mark.pass(59);
    expect(mark.up).toBe(60);
    expect(mark.ahead(70)).toBe(0);
    mark.pass(60);
    expect(mark.up).toBeUndefined();
  });

  it('an old mark, two gigabytes behind, is none', () => {
    const mark = new UrgentMark();
    mark.advance(60, 50);
    mark.pass(1 << 30);
    expect(mark.advance(0x8000_0100, 0x8000_0000)).toBe(true);
    expect(mark.ahead(0x8000_0000)).toBe(0x100);
  });

  it('counts across the wrap of sequence numbers', () => {
    const mark = new UrgentMark();
    expect(mark.advance(5, 0xffff_fff0)).toBe(true);
    expect(mark.ahead(0xffff_fff0)).toBe(21);
    mark.pass(4);
    expect(mark.ahead(4)).toBe(1);
  });

  it('[MUST-31] a pointer that the field cannot hold stands at its end, and moves on', () => {
    const mark = new UrgentMark();
    mark.advance(200_000, 0);
    expect(mark.pointer(0)).toBe(65_535);
    expect(mark.pointer(134_464)).toBe(65_535);
    expect(mark.pointer(134_466)).toBe(65_534);
    expect(mark.pointer(200_000)).toBe(0);
  });
});
