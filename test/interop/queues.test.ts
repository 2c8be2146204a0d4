import { availableParallelism } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Fixture, Namespace } from '../support/namespace.ts';
import { canUseTun, withNamespace } from '../support/namespace.ts';

const available = canUseTun('setpriv') === undefined;

/** The kernel's own steering forgets a flow after so long: TUN_FLOW_EXPIRE of drivers/net/tun.c, three seconds; in milliseconds. */
const FORGOTTEN = 3000;
/** And looks for such flows once in as long. */
const LONGER = FORGOTTEN + 1000;

const CLIENTS = 200;

/** Of the example. */
const WORKERS = Math.max(2, availableParallelism());
const EXAMPLE = fileURLToPath(new URL('../../examples/workers.mjs', import.meta.url));

/** Workers, each with what it opens its queue with, besides. */
const openQueues = (ns: Namespace, workers: readonly object[], wrapper: readonly string[] = []): Promise<Fixture> =>
  ns.start('queues.mjs', [JSON.stringify(workers)], wrapper);

async function startQueues(ns: Namespace, of: number): Promise<Fixture> {
  const queues = await openQueues(ns, new Array(of).fill({}));
  expect(queues.ready).toEqual({ event: 'ready' });
  return queues;
}

const startClients = (ns: Namespace, host = '10.7.0.2', count = CLIENTS): Promise<Fixture> =>
  ns.start('clients.mjs', [`${count}`, host]);

async function taken(queues: Fixture, of: number): Promise<number[]> {
  const counts: number[] = [];
  for (let worker = 0; worker < of; worker++) {
    counts.push((await queues.ask({ do: 'count', worker }))['taken'] as number);
  }
  return counts;
}

describe.skipIf(!available)('a TUN device with a queue for each worker', () => {
  it.each(['10.7.0.2', 'fd07::2'])('shares out connections to %s, which stay where they are when idle', (host) =>
    withNamespace(async (ns) => {
      const queues = await startQueues(ns, 2);
      const clients = await startClients(ns, host);
      expect(await clients.ask({ do: 'round', size: 10_000 })).toMatchObject({ right: CLIENTS, ended: 0 });
      const counts = await taken(queues, 2);
      expect(counts[0]! + counts[1]!).toBe(CLIENTS);
      expect(Math.min(...counts)).toBeGreaterThan(CLIENTS / 4);
      // The one real wait: the kernel's constant.
      await setTimeout(LONGER);
      expect(await clients.ask({ do: 'round', size: 10_000 })).toMatchObject({ right: CLIENTS, ended: 0 });
      expect(await taken(queues, 2)).toEqual(counts);
      expect(await clients.stop()).toBe(0);
      expect(await queues.stop()).toBe(0);
    }),
  );

  it.each(['10.7.0.1', 'fd07::1'])('has the answers to connections to %s come to the worker that made them', (host) =>
    withNamespace(async (ns) => {
      const queues = await startQueues(ns, 3);
      const server = await ns.start('echo-server.mjs');
      for (let worker = 0; worker < 3; worker++) {
        expect(await queues.ask({ do: 'connect', worker, host, port: 8, times: 50 })).toMatchObject({ right: 50 });
      }
      expect(await server.stop()).toBe(0);
      expect(await queues.stop()).toBe(0);
    }),
  );

  it('carries datagrams both ways', () =>
    withNamespace(async (ns) => {
      const queues = await startQueues(ns, 2);
      const clients = await startClients(ns, '10.7.0.2', 50);
      expect(await clients.ask({ do: 'datagrams' })).toMatchObject({ right: 50 });
      const server = await ns.start('echo-server.mjs');
      for (let worker = 0; worker < 2; worker++) {
        expect((await queues.ask({ do: 'count', worker }))['messages']).toBeGreaterThan(5);
        for (let i = 0; i < 10; i++) {
          expect(await queues.ask({ do: 'datagram', worker, host: '10.7.0.1', port: 8 })).toMatchObject({
            text: 'hello',
          });
        }
      }
      for (const fixture of [server, clients, queues]) expect(await fixture.stop()).toBe(0);
    }));

  it('refuses a local port whose answers come to another worker', () =>
    withNamespace(async (ns) => {
      const queues = await startQueues(ns, 2);
      const server = await ns.start('echo-server.mjs');
      const codes: unknown[] = [];
      for (let worker = 0; worker < 2; worker++) {
        for (const localPort of [5000, 40_000]) {
          const { code } = await queues.ask({ do: 'bound', worker, host: '10.7.0.1', port: 8, localPort });
          codes.push(code);
        }
      }
      // Each port is one worker's, and works there.
      for (const pair of [
        [codes[0], codes[2]],
        [codes[1], codes[3]],
      ]) {
        expect(pair).toContain('EADDRNOTAVAIL');
        expect(pair).toContain(null);
      }
      for (const fixture of [server, queues]) expect(await fixture.stop()).toBe(0);
    }));

  it.each([0, 1, 2])('of three workers, the end of worker %i leaves the connections of the others alone', (gone) =>
    withNamespace(async (ns) => {
      const queues = await startQueues(ns, 3);
      const clients = await startClients(ns);
      const counts = await taken(queues, 3);
      expect(await queues.ask({ do: 'terminate', worker: gone })).toMatchObject({ code: 1 });
      // Those of the dead one have nobody any more, and are told so.
      const left = CLIENTS - counts[gone]!;
      expect(await clients.ask({ do: 'round', size: 1000 })).toMatchObject({ right: left, ended: counts[gone]! });
      // New ones are for those that are there.
      const more = await startClients(ns);
      expect(await more.ask({ do: 'round', size: 1000 })).toMatchObject({ right: CLIENTS, ended: 0 });
      // Another in its place has its share again.
      await queues.ask({ do: 'replace', worker: gone });
      expect(await clients.ask({ do: 'round', size: 1000 })).toMatchObject({ right: left });
      const last = await startClients(ns);
      expect(await last.ask({ do: 'round', size: 1000 })).toMatchObject({ right: CLIENTS, ended: 0 });
      expect((await taken(queues, 3))[gone]).toBeGreaterThan(CLIENTS / 6);
      for (const fixture of [clients, more, last, queues]) expect(await fixture.stop()).toBe(0);
    }),
  );

  it('has errors of ICMP come to the worker whose datagram they are about', () =>
    withNamespace(async (ns) => {
      const queues = await startQueues(ns, 3);
      for (let worker = 0; worker < 3; worker++) {
        for (const host of ['10.7.0.1', 'fd07::1']) {
          // Nobody is at that port.
          expect(await queues.ask({ do: 'refused', worker, host, port: 9 })).toMatchObject({ code: 'ECONNREFUSED' });
        }
      }
      expect(await queues.stop()).toBe(0);
    }));

  it('comes up with the last of them', () =>
    withNamespace(async (ns) => {
      const first = await openQueues(ns, [{ multiQueue: { index: 0, of: 2 } }]);
      expect(await ns.ip('link', 'show', 'tun0')).not.toMatch(/[<,]UP[,>]/);
      expect(await first.stop()).toBe(0);
      const both = await startQueues(ns, 2);
      expect(await ns.ip('link', 'show', 'tun0')).toMatch(/[<,]UP[,>]/);
      expect(await both.stop()).toBe(0);
    }));

  it('serves as the example has it', () =>
    withNamespace(async (ns) => {
      const example = ns.spawn(process.execPath, [EXAMPLE]);
      let said = '';
      example.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
      await expect.poll(() => said.match(/listens/g)?.length, { timeout: 30_000, interval: 20 }).toBe(WORKERS);
      const script = `
        const { connect } = require('node:net');
        let left = 40;
        const next = () => left-- > 0 && connect(7000, '10.7.0.2').on('data', (d) => process.stdout.write(d)).on('close', next);
        next();`;
      const { stdout } = await ns.run(process.execPath, ['-e', script]);
      const answers = stdout.trimEnd().split('\n');
      expect(answers.length).toBe(40);
      for (let i = 0; i < WORKERS; i++) expect(answers).toContain(`this is worker ${i}`);
    }));
});

describe.skipIf(!available)('a queue can’t be opened', () => {
  it.each([
    [[{}, { multiQueue: { index: 0, of: 2 } }], 'EBUSY', /this queue of the device is open/],
    [[{}, { multiQueue: { index: 1, of: 3 } }], 'EINVAL', /another `of` or `offload`/],
    [[{}, { offload: false }], 'EINVAL', /another `of` or `offload`/],
  ])('that doesn’t fit the others: %j', (workers, code, message) =>
    withNamespace(async (ns) => {
      const queues = await openQueues(ns, workers);
      expect(queues.ready).toMatchObject({ event: 'failed', code, message: expect.stringMatching(message) as string });
      expect(await queues.end()).toBe(1);
    }),
  );

  it('of a device with one queue, or of another program’s', () =>
    withNamespace(async (ns) => {
      await ns.ip('tuntap', 'add', 'tun0', 'mode', 'tun');
      const one = await openQueues(ns, [{}]);
      const message = expect.stringMatching(/is not a TUN device with several queues/) as string;
      expect(one.ready).toMatchObject({ event: 'failed', code: 'EINVAL', message });
      await one.end();
      await ns.ip('link', 'delete', 'tun0');
      const mine = await startQueues(ns, 2);
      const others = await openQueues(ns, [{}, {}]);
      expect(others.ready).toMatchObject({ event: 'failed', code: 'EBUSY' });
      await others.end();
      expect((await startClients(ns).then((clients) => clients.ask({ do: 'round', size: 100 })))['right']).toBe(
        CLIENTS,
      );
      expect(await mine.stop()).toBe(0);
    }));

  it('without the right to load a program into the kernel', () =>
    withNamespace(async (ns) => {
      const wrapper = ['setpriv', '--bounding-set=-all,+net_admin', '--inh-caps=-all,+net_admin'];
      const queues = await openQueues(ns, [{}, {}], wrapper);
      const message = expect.stringMatching(/^bpf\(.*: steering flows to queues by a BPF program needs root/) as string;
      expect(queues.ready).toMatchObject({ event: 'failed', code: 'EPERM', message });
      expect(await queues.end()).toBe(1);
    }));
});
