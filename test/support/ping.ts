import type { Namespace } from './namespace.ts';

/**
 * Runs the kernel's `ping` once for each number of data bytes, one after the other, and tells what went wrong: '' when every echo came back with
 * the bytes that were sent. Namespaces that use it need `bash` and `ping`.
 *
 * Not `ping -f` or `-A`: those wait only two round trips for the last answer (a busy machine is slower at times), have room for few large
 * answers, and neither they nor `-q` look at the data.
 *
 * @param args options and the address
 *
 * @example
 * expect(await pingEach(ns, repeated(56, 200), '-6', STACK6)).toBe('');
 */
export async function pingEach(ns: Namespace, sizes: readonly number[], ...args: readonly string[]): Promise<string> {
  const one = `ping -c 1 -W 10 -p 0123456789abcdef -s "$size" ${args.map((arg) => `'${arg}'`).join(' ')} 2>&1`;
  // Ends at the first that fails: each one more would take its ten seconds.
  const script = `for size in ${sizes.join(' ')}; do out=$(${one}) && [[ $out != *wrong* ]] || { echo "$size: $out"; break; }; done`;
  const { stdout, stderr } = await ns.run('bash', ['--norc', '-c', script]);
  return stdout + stderr;
}

/** `size` as often as said, for `pingEach`. */
export function repeated(size: number, times: number): readonly number[] {
  return Array.from({ length: times }, () => size);
}
