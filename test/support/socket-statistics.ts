/** The kernel's view of a connection: one line of `ss`. */
import { expect } from 'vitest';
import type { Namespace } from './namespace.ts';

/** One connection of the kernel's. */
export interface KernelSocket {
  state: string;
  /** Words without a value: `ts`, `sack`, `ecn`, `ecnseen`, the congestion control … */
  flags: ReadonlySet<string>;
  /** Words with values, as they stand: `mss:1448`, `rtt:0.1/0.05`, `timer:(keepalive,1sec,0)`, `pacing_rate 1Mbps`. */
  values: ReadonlyMap<string, string>;
  text: string;
}

/** All connections, TIME-WAIT included, that a filter of `ss` finds, such as `['sport', '5000']`. */
export async function kernelSockets(ns: Namespace, filter: readonly string[]): Promise<KernelSocket[]> {
  const { status, stdout, stderr } = await ns.run('ss', ['-tinoOH', 'state', 'connected', ...filter]);
  expect([status, stderr]).toEqual([0, '']);
  return stdout.split('\n').filter(Boolean).map(parseLine);
}

/** The one that it finds. */
export async function kernelSocket(ns: Namespace, filter: readonly string[]): Promise<KernelSocket> {
  const found = await kernelSockets(ns, filter);
  expect(found).toHaveLength(1);
  return found[0]!;
}

/** A value that is a number, or begins with one; 0 where `ss` leaves it out. */
export function numberOf({ values }: KernelSocket, name: string): number {
  return Number.parseFloat(values.get(name) ?? '0');
}

function parseLine(text: string): KernelSocket {
  const [state = '', , , , , ...words] = text.trim().split(/\s+/);
  const flags = new Set<string>();
  const values = new Map<string, string>();
  for (const [i, word] of words.entries()) {
    const colon = word.indexOf(':');
    if (colon > 0) values.set(word.slice(0, colon), word.slice(colon + 1));
    else if (/^\d/.test(word)) values.set(words[i - 1] ?? '', word);
    else flags.add(word);
  }
  return { state, flags, values, text };
}
