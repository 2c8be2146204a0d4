import { describe, expect, it } from 'vitest';
import { runProgram } from './programs.ts';

/** The scenarios of `programs/alive.mjs`; after the scene and each step the process is alive, or it ends by itself. */
const SCENARIOS: readonly [title: string, life: string][] = [
  ['nothing', 'idle'],
  ['a socket that has not connected', 'idle'],
  ['a server that does not listen', 'idle'],
  ['a listening server', 'alive idle'],
  ['a listening server, unref then ref', 'alive idle'],
  ['a listening server that is closed', 'alive idle'],
  ['a server with unref before listen', 'idle'],
  ['a server with unref and ref before listen', 'alive idle'],
  ['a server that was closed while unref’d and listens again', 'idle'],
  ['an open connection, of both ends', 'alive alive idle'],
  ['an unref’d connection and an unref’d server', 'idle'],
  ['unref before connect', 'idle'],
  ['unref and ref before connect', 'alive idle'],
  ['unref while connecting', 'idle'],
  ['ref twice, unref once', 'alive idle'],
  ['unread data in an unref’d socket', 'idle'],
  ['unread data and the peer’s end', 'idle'],
  ['a paused socket', 'alive alive idle'],
  ['a connection that the server accepted paused', 'idle'],
  ['half-closed by this end', 'alive idle'],
  ['half-closed by the peer', 'idle'],
  ['ended by both', 'idle'],
  ['destroyed', 'alive idle'],
  ['setTimeout of an unref’d socket', 'idle'],
  ['setTimeout of a socket that has not connected', 'idle'],
  ['keep-alive of an unref’d socket', 'idle'],
  ['a refused connection', 'idle'],
  ['an endless lookup', 'idle'],
  ['a server whose last connection stays', 'alive idle'],
  ['a datagram socket that is not bound', 'idle'],
  ['a bound datagram socket', 'alive idle'],
  ['a bound datagram socket, unref then ref', 'alive idle'],
  ['a datagram socket with unref before bind', 'idle'],
  ['a datagram socket with unref and ref before bind', 'alive idle'],
  ['a datagram socket that send has bound', 'alive idle'],
  ['a connected datagram socket', 'alive alive idle'],
];

/** Whether the process was alive when its parent asked, each time until it would have ended by itself. */
async function livesOf(module: string, ...titles: string[]): Promise<Record<string, string>> {
  const asked = (line: string): string | undefined => /^ready (\d+)$/.exec(line)?.[1];
  const { lines, errors, code } = await runProgram('alive.mjs', [module, ...titles], asked);
  expect({ errors, code }).toEqual({ errors: '', code: 0 });
  const lives: Record<string, string> = {};
  let title = '';
  for (const line of lines.filter((each) => !each.startsWith('ready'))) {
    if (line === 'alive' || line === 'idle') lives[title] = `${lives[title] ?? ''} ${line}`.trim();
    else title = line;
  }
  return lives;
}

describe.each(['node', 'usernet'])('what keeps a process alive: %s', (module) => {
  it('ends by itself after', async () => {
    const expected = Object.fromEntries(SCENARIOS);
    expect(await livesOf(module, ...Object.keys(expected))).toEqual(expected);
  });

  it('lives on for a write that waits, also that of an unref’d socket', async () => {
    const title = 'a write that waits in an unref’d socket';
    expect(await livesOf(module, title)).toEqual({ [title]: 'alive' });
  });

  it('the kernel sends on for a program that has ended; here the program lives until all is sent', async () => {
    const title = 'destroyed with a write under way';
    expect(await livesOf(module, title)).toEqual({ [title]: module === 'node' ? 'alive idle' : 'alive alive' });
  });
});
