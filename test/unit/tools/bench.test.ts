import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { chart } from '../../../bench/tun/chart.ts';
import { compare } from '../../../bench/tun/compare.ts';
import { JOBS } from '../../../bench/tun/jobs.ts';
import type { JobResult, Report } from '../../../bench/tun/results.ts';
import { digits, median, rowsOf, select } from '../../../bench/tun/results.ts';
import { parse } from '../../../scripts/bench.mjs';

function runs(...rates: number[]): { rates: number[]; lost: number; failures: string[] } {
  return { rates, lost: 0, failures: [] };
}

function result(worlds: JobResult['worlds'], name = 'receive'): JobResult {
  return { name, title: 'bulk <receive> & more', unit: 'Gbit/s', worlds };
}

function report(...jobs: JobResult[]): Report {
  return {
    version: 1,
    date: '2026-11-30T20:00:00.000Z',
    commit: 'abc',
    machine: '2 × A & B <C>',
    node: 'v20',
    seconds: { warm: 1, timed: 1 },
    load: [0, 0, 0],
    jobs,
  };
}

describe('the arguments of npm run bench', () => {
  it('are names of benchmarks, and options, some of which have a value', () => {
    expect(parse(['tun', '--quick', '--only', 'send', 'memory'])).toEqual({
      options: ['--quick', '--only=send'],
      wanted: ['tun', 'memory'],
    });
    expect(parse(['--runs=3', '--worlds', 'C,lwIP', '--svg'])).toEqual({
      options: ['--runs=3', '--worlds=C,lwIP', '--svg='],
      wanted: [],
    });
  });
});

describe('the figures of a benchmark', () => {
  it('are medians', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([7])).toBe(7);
    expect(median([10, 9, 100])).toBe(10);
  });

  it('have three digits', () => {
    expect(digits(12.3456)).toBe('12.3');
    expect(digits(0.012345)).toBe('0.0123');
    expect(digits(1234.5)).toBe('1230');
    expect(digits(Number.NaN)).toBe('–');
  });

  it('stand in a row with the shares of the others, and whether the target is met', () => {
    const met = result({ usernet: runs(6, 7, 5), C: runs(10, 10, 10), 'node:net': runs(12, 12, 12) });
    const missed = result({ usernet: runs(5.9), C: runs(10) }, 'send');
    expect(rowsOf(report(met, missed, result({}, 'no such job')), JOBS)).toEqual([
      {
        job: 'receive',
        unit: 'Gbit/s',
        usernet: '6 (5–7)',
        C: '10 (10–10)',
        'node:net': '12 (12–12)',
        'of C': '60 %',
        'of node:net': '50 %',
        target: '60 % of C: met',
        'C should give': '43',
      },
      expect.objectContaining({ job: 'send', 'of C': '59 %', 'of node:net': '–', target: '60 % of C: missed' }),
    ]);
  });

  it('stand there without a verdict where a job has no target', () => {
    expect(rowsOf(report(result({ usernet: runs(1), 'node:net': runs(4) }, 'send-ipv6')), JOBS)).toEqual([
      expect.objectContaining({ job: 'send-ipv6', 'of C': '–', 'of node:net': '25 %', target: '–' }),
    ]);
  });

  it('can be of some jobs and worlds only', () => {
    const all = report(result({ usernet: runs(1), C: runs(2), lwIP: runs(3) }), result({ usernet: runs(4) }, 'send'));
    expect(select(all, ['receive'], ['usernet', 'lwIP']).jobs).toEqual([result({ usernet: runs(1), lwIP: runs(3) })]);
    expect(select(all, ['receive', 'send'], ['usernet', 'C', 'lwIP'])).toEqual(all);
  });

  it('say what failed and what was lost', () => {
    const usernet = { rates: [1, 2], lost: 3, failures: ['it broke'] };
    const [row] = rowsOf(report(result({ usernet, C: { ...runs(), failures: ['so did it'] } })), JOBS);
    expect(row).toMatchObject({ usernet: '1.5 (1–2) 3 lost 1 failed', C: 'failed', 'of C': '–', target: '60 % of C' });
  });
});

describe('a comparison of two reports', () => {
  const five = [1, 1.1, 1.2, 1.3, 1.4];
  const verdict = (before: JobResult['worlds'], after: JobResult['worlds']): string | undefined =>
    compare(report(result(before)), report(result(after)))[0]?.['verdict'];

  it('sees a change only when all runs of one are ahead of all of the other', () => {
    expect(verdict({ usernet: runs(...five) }, { usernet: runs(...five.map((x) => x * 2)) })).toBe('faster by 100 %');
    expect(verdict({ usernet: runs(...five) }, { usernet: runs(...five.map((x) => x / 2)) })).toBe('slower by 50 %');
    expect(verdict({ usernet: runs(...five) }, { usernet: runs(...five.map((x) => x + 0.35)) })).toBe('no change seen');
  });

  it('says when there are too few runs for that, or none', () => {
    expect(verdict({ usernet: runs(1, 1, 1) }, { usernet: runs(2, 2, 2) })).toBe('too few runs to tell');
    expect(verdict({ usernet: runs(1, 1, 1, 1) }, { usernet: runs(2, 2, 2, 2) })).toBe('faster by 100 %');
    expect(verdict({ usernet: runs() }, { usernet: runs(2) })).toBe('nothing to compare');
    // A short run against a baseline of many.
    expect(verdict({ usernet: runs(...five, 1, 1) }, { usernet: runs(2, 2) })).toBe('too few runs to tell');
    expect(verdict({ usernet: runs(...five, 1, 1, 1) }, { usernet: runs(2.3, 2.3) })).toBe('faster by 119 %');
  });

  it('is of the shares of C, run by run, when both have them', () => {
    const before = { usernet: runs(...five), C: runs(...five.map((x) => x * 2)) };
    // A machine of half the speed.
    const after = { usernet: runs(...five.map((x) => x / 2)), C: runs(...five) };
    const [row] = compare(report(result(before)), report(result(after)));
    expect(row).toMatchObject({
      job: 'receive',
      measure: 'share of C',
      before: '0.5 (0.5–0.5)',
      verdict: 'no change seen',
    });
  });

  it('can tell by two short runs: the baseline of CI has enough', () => {
    const text = readFileSync(new URL('../../../bench/baseline.json', import.meta.url), 'utf8');
    const baseline = JSON.parse(text) as Report;
    expect(baseline.jobs.map(({ name }) => name)).toEqual(JOBS.filter(({ quick }) => quick).map(({ name }) => name));
    const faster = baseline.jobs.map((job) => result({ usernet: runs(1e6, 1e6), C: runs(1, 1) }, job.name));
    for (const row of compare(baseline, report(...faster))) expect(row['verdict']).toMatch(/^faster by/);
  });

  it('leaves out a job that one of them lacks', () => {
    expect(compare(report(), report(result({ usernet: runs(1) })))).toEqual([]);
  });
});

describe('a chart', () => {
  const drawn = chart(report(result({ usernet: runs(5, 4, 6), C: runs(10), lwIP: runs(2.5), gVisor: runs() })));

  it('has a bar for each world that was measured, as long as its median by the greatest', () => {
    const widths = [...drawn.matchAll(/<rect [^>]*width="([\d.]+)"/g)].map(([, width]) => Number(width));
    const most = Math.max(...widths);
    expect(widths.map((width) => Math.round((width / most) * 100) / 100)).toEqual([0.5, 1, 0.25]);
    expect(drawn).toContain('>5 (4–6)</text>');
    expect(drawn).not.toContain('gVisor');
  });

  it('says where and when it was measured', () => {
    expect(drawn).toContain('2 × A &amp; B &lt;C>, Node v20, 2026-11-30, load 0');
    expect(drawn).toContain('bulk &lt;receive> &amp; more (receive), Gbit/s');
  });

  it('is well-formed: tags are closed in the order in which they were opened, and nothing is left over', () => {
    const open: string[] = [];
    const text = drawn.replaceAll(
      /<(\/?)(\w+)((?:\s[\w:-]+="[^"<&]*")*)(\/?)>/g,
      (_, end, name, _attributes, empty) => {
        if (end) expect(open.pop()).toBe(name);
        else if (!empty) open.push(name as string);
        return '';
      },
    );
    expect(open).toEqual([]);
    expect(text).not.toContain('<');
    expect(text.replaceAll(/&(amp|lt);/g, '')).not.toContain('&');
  });

  it('is the same for the same report', () => {
    expect(chart(report(result({ usernet: runs(1) })))).toBe(chart(report(result({ usernet: runs(1) }))));
  });
});
