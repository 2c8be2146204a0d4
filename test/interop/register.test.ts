import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { KERNEL, STACK } from '../support/kernel.ts';
import type { Namespace, RunResult } from '../support/namespace.ts';
import { canUseTun, withNamespace } from '../support/namespace.ts';

const unavailable = canUseTun('curl', 'setpriv', 'env');

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PROGRAMS = `${ROOT}test/apps/programs/`;
const PRELOAD = ['--no-warnings', '--import', `${ROOT}dist/node/register/preload.js`];
const ROUTED = '192.0.2.1';
const LINK = {
  tun: { name: 'tun0', kernelAddresses: [`${KERNEL}/24`] },
  addresses: [`${STACK}/24`],
};

/** A user without any right, who may read this folder wherever it is. */
const UNPRIVILEGED =
  '--bounding-set=-all,+dac_read_search --inh-caps=-all,+dac_read_search --ambient-caps=+dac_read_search';
const NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', ...UNPRIVILEGED.split(' ')];

/** The command that runs an unmodified program on the stack described. */
function command(description: object, program: string, ...args: string[]): [string, string[]] {
  const environment = `USERNET_STACK=${JSON.stringify(description)}`;
  return ['env', [environment, process.execPath, ...PRELOAD, PROGRAMS + program, ...args]];
}

function visit(ns: Namespace, description: object, ...hosts: string[]): Promise<RunResult> {
  return ns.run(...command(description, 'visit.mjs', ...hosts));
}

describe.skipIf(unavailable)('node --import usernet/register on a TUN device', () => {
  it('serves the kernel a page by an unmodified program', async () => {
    await withNamespace(async (ns) => {
      const [program, args] = command(LINK, 'hello.mjs');
      const server = ns.spawn(program, args);
      const [ready] = (await once(createInterface(server.stdout), 'line')) as [string];
      expect(ready).toBe('ready');
      const curl = await ns.run('curl', ['-sS', '--max-time', '20', `http://${STACK}/`]);
      expect(curl).toMatchObject({ status: 0, stdout: `hello ::ffff:${KERNEL}\n`, stderr: '' });
      server.kill('SIGTERM');
      await once(server, 'close');
      expect(await ns.ip('-brief', 'link')).not.toContain('tun0');
    });
  });

  it('connects an unmodified program by its routes', async () => {
    await withNamespace(async (ns) => {
      await ns.ip('address', 'add', `${ROUTED}/32`, 'dev', 'lo');
      const answers = await ns.start('answers.mjs');
      const routes = { '0.0.0.0/0': KERNEL };
      const { status, stdout, stderr } = await visit(ns, { ...LINK, routes }, KERNEL, ROUTED);
      const seen = (host: string): string => `${host} ${STACK} ${STACK} ${STACK}\n`;
      expect([status, stdout, stderr]).toEqual([0, seen(KERNEL) + seen(ROUTED), '']);
      expect(await answers.stop()).toBe(0);
    });
  });

  it('goes to the real network outside its routes where it is allowed, and only there', async () => {
    await withNamespace(async (ns) => {
      await ns.ip('address', 'add', `${ROUTED}/32`, 'dev', 'lo');
      const answers = await ns.start('answers.mjs');
      const allowed = await visit(ns, { ...LINK, realNetwork: 'outside-routes' }, KERNEL, ROUTED);
      const inside = `${KERNEL} ${STACK} ${STACK} ${STACK}\n`;
      const outside = `${ROUTED} ${ROUTED} ${ROUTED} ${ROUTED}\n`;
      expect([allowed.status, allowed.stdout, allowed.stderr]).toEqual([0, inside + outside, '']);
      const never = await visit(ns, LINK, ROUTED);
      expect([never.status, never.stdout]).toEqual([1, '']);
      expect(never.stderr).toContain(`connect ENETUNREACH ${ROUTED}:8000`);
      expect(await answers.stop()).toBe(0);
    });
  });

  it('sends the last words of a program that exits, and tells its peers that it has gone', async () => {
    await withNamespace(async (ns) => {
      const answers = await ns.start('answers.mjs');
      // With `write` there is no FIN, so it gets a reset, which libuv may report as an end.
      for (const last of ['end', 'write']) {
        expect(await ns.run(...command(LINK, 'leave.mjs', KERNEL, last))).toMatchObject({ status: 0, stderr: '' });
        expect(await answers.next('closed')).toMatchObject({ text: 'bye' });
      }
      expect(await answers.stop()).toBe(0);
    });
  });

  it('does not begin the program where there can be no device', async () => {
    await withNamespace(async (ns) => {
      const [program, args] = command(LINK, 'hello.mjs');
      const { status, stdout, stderr } = await ns.run(NOBODY[0]!, [...NOBODY.slice(1), program, ...args]);
      expect([status, stdout]).toEqual([1, '']);
      expect(stderr).toMatch(/^usernet\/register: [^\n]*(EPERM|EACCES)[^\n]*\n$/);
    });
  });
});
