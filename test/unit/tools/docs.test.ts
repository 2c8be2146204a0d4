import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { ConnectionOptions } from '../../../src/index.ts';
import { FIXED_OPTIONS, resolveOptions } from '../../../src/tcp/options.ts';
import { parseScript } from '../../../src/sim/script-parse.ts';
import { resolveRawOptions } from '../../../src/raw/options.ts';
import { resolveUdpOptions } from '../../../src/udp/options.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

const PAGES = [
  'README.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'docs/architecture.md',
  'docs/congestion.md',
  'docs/defaults.md',
  'docs/devices.md',
  'docs/glue.md',
  'docs/links.md',
  'docs/node-api.md',
  'docs/packet-scripts.md',
  'docs/plan.md',
  'docs/raw-socket-link.md',
  'docs/raw.md',
  'docs/register.md',
  'docs/workers.md',
] as const;

/** The JavaScript that a page shows. */
const snippets = (page: string): string[] => [...read(page).matchAll(/^```js\n(.*?)^```$/gms)].map(([, code]) => code!);

/** Does a pattern of `files` take in this path? Only `*` in a file's name is known. */
function covers(pattern: string, path: string): boolean {
  const [before = '', after] = pattern.split('*');
  if (after === undefined) return path === pattern;
  return path.startsWith(before) && path.endsWith(after) && !path.slice(before.length).includes('/');
}

/** Runs an example over dist/, as a user would. */
function run(example: string | readonly string[]): string {
  if (!existsSync(join(root, 'dist/index.js'))) throw new Error('there is no dist/: run `npm run build`');
  const { status, stdout, stderr } = spawnSync(process.execPath, [example].flat(), { cwd: root, encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout;
}

describe('the examples', () => {
  it('say hello: the README’s own', () => {
    expect(run('examples/echo.mjs')).toBe('10.0.0.2 says: hello, userspace\n\n');
  });

  it('speak https and tls over two stacks: that of docs/glue.md', () => {
    const pages = '/first for ::ffff:10.0.0.1\n/second for ::ffff:10.0.0.1\n';
    expect(run('examples/https.mjs')).toBe(`${pages}10.0.0.2: HTTP/1.1 200 OK\n`);
    expect(snippets('docs/glue.md')).toEqual([read('examples/https.mjs')]);
  });

  it('redirect a program: that of docs/register.md', () => {
    expect(run('examples/register.mjs')).toBe('hello ::ffff:127.0.0.1\n');
    expect(snippets('docs/register.md')[0]).toBe(read('examples/register.mjs'));
  });

  it('carry a million bytes through loss, over a link that keeps the rules, the same at every run', () => {
    const story = run('examples/lossy.mjs');
    expect(story).toMatch(
      /^\d\d rules kept\n1000000 bytes arrived, 0 wrong, after [\d.]+ s\n\d{2,} segments were sent again\n$/,
    );
    expect(run('examples/lossy.mjs')).toBe(story);
  });

  it('tell what happens on a bad line, the same at every run', () => {
    const story = run('examples/impaired.mjs');
    expect(story).toMatch(/^[\d.]+ s: loss sack$/m);
    expect(story).toMatch(/^[\d.]+ s: loss timeout$/m);
    expect(story).toMatch(/^\d\.\d\d Mbit\/s; \d+ packets lost, \d+ found the queue full\n\d+ sent again; .*$/m);
    expect(run('examples/impaired.mjs')).toBe(story);
  });

  it('ping, and hear the requests in a raw socket', () => {
    const story = run('examples/ping.mjs');
    expect(story).toMatch(/^56 bytes from 10\.0\.0\.2: seq=\d ttl=64 time=2\d\.\d\d ms$/m);
    expect(story).toMatch(/^56 bytes from fd00::2: seq=\d ttl=64 time=2\d\.\d\d ms$/m);
    expect(story).toMatch(/^ping ETIMEDOUT 10\.0\.0\.77\nbob has heard of 10\.0\.0\.1: type 8, 36 bytes .*\n$/m);
    expect(run('examples/ping.mjs')).toBe(story);
  });

  it('talk among five stacks on a switch', () => {
    const all = '[ann,bob,cid,dan,eve]';
    const [one, two, many, many6, rest] = run('examples/switch.mjs').split('\n');
    expect(one).toBe('one to one: ann [bob] bob [cid] cid [dan] dan [] eve [ann]');
    expect(two).toBe('one to two members: ann [] bob [ann,cid] cid [] dan [ann,cid] eve []');
    const everybody = `ann ${all} bob ${all} cid ${all} dan ${all} eve ${all}`;
    expect(many).toBe(`many to many, 239.1.2.3: ${everybody}`);
    expect(many6).toBe(`many to many, ff05::123: ${everybody}`);
    expect(rest).toMatch(/^the switch has passed on \d+ frames to one port, and \d+ to all$/);
  });

  it('trace a route over two routers, of both families', () => {
    expect(run('examples/traceroute.mjs')).toBe(
      [
        'to 10.0.2.2:',
        '1  10.0.0.2  2 ms',
        '2  10.0.1.2  42 ms',
        '3  10.0.2.2  52 ms',
        'to fd00:2::2:',
        '1  fd00::2  2 ms',
        '2  fd00:1::2  42 ms',
        '3  fd00:2::2  52 ms',
        '',
      ].join('\n'),
    );
  });

  it('play a packet script', () => {
    expect(run('examples/script.mjs')).toBe('as the script says\n');
  });

  it('compare a congestion controller that yields to nothing with those that do', () => {
    const [head, ...rows] = run('examples/congestion.mjs').trimEnd().split('\n');
    expect(head).toMatch(/^loss +bbr +cubic +reno +fixed$/);
    expect(rows.length).toBe(3);
    const [, bbr, cubic, reno, fixed] = rows
      .at(-1)!
      .split(/ +(?!%)/)
      .map(Number);
    expect(Math.min(bbr!, fixed!)).toBeGreaterThan(Math.max(cubic!, reno!));
  });

  it('draw the same ladder at every run', () => {
    const ladder = run('examples/virtual-time.mjs');
    expect(ladder).toMatch(/^60000\.000 +CLOSED │/m);
    expect(run('examples/virtual-time.mjs')).toBe(ladder);
  });
});

describe('README.md', () => {
  it('shows whole examples', () => {
    const shown = ['echo', 'tun', 'impaired', 'script'].map((name) => read(`examples/${name}.mjs`));
    expect(snippets('README.md')).toEqual(shown);
  });

  it('links to nothing that the package leaves out', () => {
    const { files } = JSON.parse(read('package.json')) as { files: string[] };
    const links = [...read('README.md').matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, path]) => path!);
    expect(links.length).toBeGreaterThan(4);
    expect(links.filter((path) => !files.some((pattern) => covers(pattern, path)))).toEqual([]);
  });
});

describe('docs/workers.md', () => {
  // It runs in test/interop/queues.test.ts.
  it('shows the example', () => {
    expect(snippets('docs/workers.md')).toEqual([read('examples/workers.mjs')]);
  });
});

describe('docs/devices.md', () => {
  // It runs in test/interop/kernel-ethernet.test.ts.
  it('shows the example', () => {
    expect(snippets('docs/devices.md')).toEqual([read('examples/veth.mjs')]);
  });
});

describe('docs/plan.md', () => {
  it('names tests that exist', () => {
    const named = [...read('docs/plan.md').matchAll(/`((?:unit|rfc|node-api|sim|fuzz|interop|apps)\/[\w/-]+)`/g)].map(
      ([, name]) => name!,
    );
    expect(named.length).toBeGreaterThan(50);
    expect(named.filter((name) => !existsSync(join(root, `test/${name}.test.ts`)))).toEqual([]);
  });
});

describe('docs/congestion.md', () => {
  it('shows the controller of the example', () => {
    const example = read('examples/congestion.mjs');
    const shown = snippets('docs/congestion.md');
    expect(shown.length).toBe(1);
    for (const code of shown) expect(example).toContain(code);
  });
});

describe('docs/links.md', () => {
  const shown = snippets('docs/links.md');

  it.each(shown.slice(0, -1).map((code) => [/(\w+Link)\(/.exec(code)![1], code] as const))(
    'shows how to use %s',
    (_link, code) => {
      const [, printed] = /console\.log\(.*\); \/\/ (.*)$/m.exec(code) ?? [];
      expect(run(['--input-type=module', '--eval', code])).toBe(`${printed}\n`);
    },
  );

  it('shows how to use messagePortLink', () => {
    expect(shown.at(-1)).toBe(read('examples/worker.mjs'));
    expect(run('examples/worker.mjs')).toBe('10.0.0.2 is there\nthe worker has ended with 0\n');
  });
});

describe('docs/packet-scripts.md', () => {
  const page = read('docs/packet-scripts.md');
  /** What the comment says is printed. */
  const [, printed] = /console\.log\(.*\); \/\/ (.*)$/m.exec(page) ?? [];

  it('shows a script that plays', () => {
    const [code = ''] = snippets('docs/packet-scripts.md');
    expect(run(['--input-type=module', '--eval', code])).toBe(`${printed}\n`);
  });

  it('has every word that a script may have', () => {
    for (const line of ['jump', '< A bla', '< A <bla>']) {
      const [, list = ''] = /is none of (?:the options )?(.*)/.exec(refusal(line)) ?? [];
      const words = list.split(/[\s,]+/).filter((word) => word !== '');
      expect(words.length).toBeGreaterThan(7);
      expect(words.filter((word) => !page.includes(word))).toEqual([]);
    }
  });
});

describe('docs/raw.md', () => {
  it('docs/routing.md: addresses and routes come and go', () => {
    const code = snippets('docs/routing.md');
    expect(code.length).toBe(1);
    const before = `
      import { Stack, cable } from 'usernet';
      const stack = new Stack({ forwarding: { ipv6: true }, hostModel: 'strong' });
      const [link] = cable();
    `;
    const after = `
      console.log(eth0.addresses.join(), stack.routes.list().filter(({ origin }) => origin === 'static').length);
      console.log(JSON.stringify(stack.forwarding), stack.statistics().forwarded.packets);
      await stack.close();
    `;
    expect(run(['--input-type=module', '--eval', [before, ...code, after].join('')]).split('\n')).toEqual([
      '10.0.0.2/24,fd00::2/64 1',
      '{"ipv4":false,"ipv6":true} 0',
      '',
    ]);
  });

  it('shows code that runs', () => {
    const code = snippets('docs/raw.md');
    expect(code.length).toBe(2);
    const before = `
      import { Stack, cable } from 'usernet';
      const [stack, bob] = [new Stack(), new Stack()];
      const [a, b] = cable();
      stack.attach(a, { addresses: ['10.0.0.1/24', 'fd00::1/64'] });
      bob.attach(b, { addresses: ['10.0.0.2/24', 'fd00::2/64'] });
      const answers = bob.raw.open({ protocol: 89 }, { onPacket: (bytes) => answers.send(bytes.subarray(20), '10.0.0.1') });
    `;
    const after = `
      console.log(String(address), ttl, size, time > 0, sent, received, replies.length, errors.length);
      await stack.ping('10.0.0.2');
      await Promise.all([stack.close(), bob.close()]);
    `;
    expect(run(['--input-type=module', '--eval', [before, ...code, after].join('')]).split('\n')).toEqual([
      '10.0.0.2 64 56 true 10 10 10 0',
      '10.0.0.2 says 1,2,3, with a TTL of 64',
      '',
    ]);
  });
});

/** Why a line of a script can't be read. */
function refusal(line: string): string {
  try {
    parseScript(line);
  } catch (error) {
    return String(error);
  }
  return '';
}

describe('what the package has of docs', () => {
  it.each([
    'docs/congestion.md',
    'docs/devices.md',
    'docs/glue.md',
    'docs/packet-scripts.md',
    'docs/raw.md',
    'README.md',
  ])('%s names no file that it leaves out', (page) => {
    expect(read(page).match(/\b(?:src|test)\/[\w./-]+\.ts/g) ?? []).toEqual([]);
  });
});

describe('docs/defaults.md', () => {
  /** Values by option, from the tables that have a column of options. */
  const tables = read('docs/defaults.md')
    .split(/^## /m)
    .filter((section) => section.includes('| option |'))
    .map(
      (section) => new Map([...section.matchAll(/^\| `(\w+)` \| (.*?) \|/gm)].map(([, name, value]) => [name, value])),
    );

  it.each([
    ['TCP', tables[0], resolveOptions({})],
    ['UDP', tables[1], resolveUdpOptions()],
    ['raw sockets', tables[2], resolveRawOptions({}, 1)],
  ])('has every option of %s, with the value that the code has', (_protocol, shown, options) => {
    const inCode = Object.entries(options).map(([name, value]) => [name, String(value)]);
    expect(Object.fromEntries(shown ?? [])).toEqual(Object.fromEntries(inCode));
  });

  it('says which options an open connection takes', () => {
    const [section = ''] = read('docs/defaults.md').split(/^## TCP, fixed/m);
    const rows = [...section.matchAll(/^\| `(\w+)` \| .*? \| (yes|no) \|/gm)].map(([, name, change]) => [name, change]);
    const inCode = Object.keys(resolveOptions({})).map((name) => [
      name,
      FIXED_OPTIONS.has(name as keyof ConnectionOptions) ? 'no' : 'yes',
    ]);
    expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(inCode));
  });
});

describe.each(PAGES)('%s', (page) => {
  it('links to pages and names files that exist', () => {
    const text = read(page);
    const links = [...text.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, path]) => join(dirname(page), path!));
    const sources = [...text.matchAll(/`((?:src|test|docs|examples|scripts|native)\/[\w./-]+\.\w+)`/g)];
    const inRooms = [...text.matchAll(/`((?:wire|buffer|time|link|ip|udp|tcp|raw|stack|sim|node)\/[\w/-]+\.ts)`/g)];
    const named = [...sources.map(([, path]) => path!), ...inRooms.map(([, path]) => `src/${path}`)];
    expect([...links, ...named].filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });
});
