import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { selfSigned } from '../support/certificate.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PROGRAMS = fileURLToPath(new URL('programs/', import.meta.url));
const PRELOAD = ['--no-warnings', '--import', 'usernet/register'];
const CERTIFICATE = selfSigned('localhost');

interface Outcome {
  status: unknown;
  stdout: string;
  stderr: string;
}

/** Runs Node in the repository, where the package's own name means its dist/. */
async function run(args: readonly string[], environment: Record<string, string> = {}): Promise<Outcome> {
  const env = { ...process.env, KEY: CERTIFICATE.key, CERT: CERTIFICATE.cert, NODE_OPTIONS: '', ...environment };
  const child = spawn(process.execPath, args, { cwd: ROOT, env, timeout: 60_000, stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr, [code, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[unknown, unknown]>,
  ]);
  return { status: code ?? signal, stdout, stderr };
}

/** Runs a program of this folder, with this module for the description of its stack. */
function redirected(program: string, config: string): Promise<Outcome> {
  return run([...PRELOAD, PROGRAMS + program], { USERNET_CONFIG: PROGRAMS + config });
}

/** How a program ends that never began: one line, and an exit code. */
function refusal(reason: RegExp): unknown {
  const line = new RegExp(`^usernet/register: [^\\n]*${reason.source}[^\\n]*\\n$`);
  return { status: 1, stdout: '', stderr: expect.stringMatching(line) };
}

const PRINTS = ['-e', 'console.log("began")'];

describe.skipIf(!existsSync(`${ROOT}dist/node/register/preload.js`))('node --import usernet/register', () => {
  it.each(['web.mjs', 'web.cjs', 'secure.mjs', 'sockets.mjs', 'libraries.mjs'])(
    '%s does over a stack what it does by itself',
    async (program) => {
      const plain = await run([PROGRAMS + program]);
      expect(plain).toMatchObject({ status: 0, stderr: '' });
      expect(plain.stdout.split('\n').length).toBeGreaterThan(3);
      const over = await redirected(program, 'config-lo.mjs');
      expect(over).toEqual({ status: 0, stdout: plain.stdout, stderr: 'over lo: true, sockets left: 0\n' });
    },
  );

  it('serves another host of its own network, and is its client', async () => {
    const { status, stdout, stderr } = await redirected('cable.mjs', 'config-cable.mjs');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toBe('200 hello ::ffff:10.0.0.2\necho\nECONNREFUSED\nENETUNREACH\n');
  });

  it('works by NODE_OPTIONS, too, and with a description', async () => {
    const environment = { NODE_OPTIONS: '--import=usernet/register', USERNET_STACK: '{"tcp":{"noDelay":true}}' };
    const { status, stdout } = await run([PROGRAMS + 'sockets.mjs'], environment);
    expect([status, stdout.startsWith('connect hello true\n')]).toEqual([0, true]);
  });

  it('without a description gives a stack that has lo and nothing else', async () => {
    const script = 'require("net").connect(80, "192.0.2.1").on("error", (e) => console.log(e.code, e.cause.message))';
    const { status, stdout } = await run([...PRELOAD, '-e', script]);
    expect([status, stdout]).toEqual([0, expect.stringMatching(/^ENETUNREACH .*realNetwork: 'outside-routes'\n$/)]);
  });

  it.each([
    ['is not JSON', { USERNET_STACK: '{' }, /USERNET_STACK is not JSON/],
    ['is no object', { USERNET_STACK: '[]' }, /USERNET_STACK must describe a stack/],
    ['has an unknown word', { USERNET_STACK: '{"address":"10.0.0.1"}' }, /no option 'address'/],
    ['has a wrong policy', { USERNET_STACK: '{"realNetwork":"always"}' }, /must be one of never, outside-routes/],
    ['has addresses for nothing', { USERNET_STACK: '{"addresses":["10.0.0.1/24"]}' }, /no tun to have them/],
    ['asks for a device that can not be', { USERNET_STACK: '{"tun":{"mtu":1}}' }, /mtu must be an integer from 68/],
    ['is in a module that is not there', { USERNET_CONFIG: '/no/where.mjs' }, /Cannot find module '\/no\/where.mjs'/],
    ['is in a module without it', { USERNET_CONFIG: `${PROGRAMS}nothing.mjs` }, /nothing.mjs has no default export/],
    ['is there twice', { USERNET_STACK: '{}', USERNET_CONFIG: '/x' }, /both set/],
  ])('does not begin the program when the description %s', async (_flaw, environment, reason) => {
    expect(await run([...PRELOAD, ...PRINTS], environment)).toEqual(refusal(reason));
  });

  it('is not for --require, and says so', async () => {
    expect(await run(['--require', 'usernet/register', ...PRINTS])).toEqual(
      refusal(/load it with --import, --require can not wait for a stack/),
    );
  });

  it('does nothing by itself where a program imports it', async () => {
    const script =
      'const { register } = require("usernet/register"); console.log(typeof register, require("net").connect.length)';
    expect(await run(['--no-warnings', '-e', script])).toMatchObject({ status: 0, stdout: 'function 0\n' });
    const module =
      'import { register } from "usernet/register"; import net from "node:net"; console.log(typeof register, net.Server)';
    const { status, stdout } = await run(['--input-type=module', '-e', module]);
    expect([status, stdout]).toEqual([0, 'function [Function: Server]\n']);
  });

  it('changes what other modules have imported already, and changes it back', async () => {
    const script = `
      import net, { connect } from 'node:net';
      import { Stack } from 'usernet';
      import { register } from 'usernet/register';
      const own = connect;
      const undo = register({ stack: new Stack() });
      console.log(connect === own, connect === net.connect);
      undo();
      console.log(connect === own, connect === net.connect);`;
    const { status, stdout } = await run(['--input-type=module', '-e', script]);
    expect([status, stdout]).toEqual([0, 'false true\ntrue true\n']);
  });
});
