import { AsyncLocalStorage } from 'node:async_hooks';
import type nodeDgram from 'node:dgram';
import { once } from 'node:events';
import type nodeNet from 'node:net';
import { describe, expect, it } from 'vitest';
import { closing, gone, portOf, settled } from './helpers.ts';
import { MODULES } from './modules.ts';
import type { Modules } from './modules.ts';

const HOST = '127.0.0.1';

/** Which context each event and callback of an emitter saw, in order; neighbours that are alike once. */
type Recorded = Record<string, string[]>;

class Recorder {
  readonly recorded: Recorded = {};
  readonly #storage = new AsyncLocalStorage<string>();

  /** Runs `fn` in the context `name`. */
  within<T>(name: string, fn: () => T): T {
    return this.#storage.run(name, fn);
  }

  note(who: string, what: string): void {
    const list = (this.recorded[who] ??= []);
    const entry = `${what}: ${this.#storage.getStore() ?? 'none'}`;
    if (list.at(-1) !== entry) list.push(entry);
  }

  /** A callback that is noted; `then` is called afterwards. */
  noting(who: string, what: string, then?: () => void): () => void {
    return () => {
      this.note(who, what);
      then?.();
    };
  }

  watch<E extends NodeJS.EventEmitter>(who: string, emitter: E, ...events: string[]): E {
    for (const event of events) emitter.on(event, () => this.note(who, event));
    return emitter;
  }
}

const LIFE = ['lookup', 'connectionAttempt', 'connectionAttemptFailed', 'connect', 'ready', 'data', 'end', 'finish'];
const ALL = [...LIFE, 'drain', 'timeout', 'error', 'close'];

interface Story {
  (modules: Modules, recorder: Recorder): Promise<void>;
}

/** A server whose sockets are handed to `onConnection`, listening in the context 'listen'. */
async function serve(
  { net }: Modules,
  recorder: Recorder,
  onConnection: (socket: nodeNet.Socket) => void,
  options: nodeNet.ServerOpts = {},
): Promise<nodeNet.Server> {
  const server = recorder.within('createServer', () => net.createServer(options, onConnection));
  recorder.watch('server', server, 'listening', 'connection', 'close');
  await new Promise<void>((resolve) => {
    recorder.within('listen', () => server.listen(0, HOST, recorder.noting('server', 'listen callback', resolve)));
  });
  return server;
}

/** Closes the server when all its sockets have gone: it does not matter to which module's sockets that takes longer. */
async function end(server: nodeNet.Server, recorder: Recorder): Promise<void> {
  const open = (): Promise<number> =>
    new Promise((resolve) => {
      server.getConnections((_error, count) => resolve(count));
    });
  while ((await open()) > 0) await settled();
  await new Promise<void>((resolve) => {
    recorder.within('server.close', () => server.close(recorder.noting('server', 'close callback', resolve)));
  });
}

const NET: Record<string, Story> = {
  'a life': async (modules, recorder) => {
    const server = await serve(
      modules,
      recorder,
      (far) => {
        recorder.note('server', 'connectionListener');
        recorder.watch('far', far, ...ALL);
        recorder.within('far.write', () => far.write('hello', recorder.noting('far', 'write callback')));
        far.on('end', () => {
          recorder.within('far.end', () => far.end(recorder.noting('far', 'end callback')));
        });
      },
      { allowHalfOpen: true },
    );
    recorder.within('getConnections', () => server.getConnections(recorder.noting('server', 'getConnections')));
    const near = recorder.watch(
      'near',
      recorder.within('new Socket', () => new modules.net.Socket()),
      ...ALL,
    );
    const connected = recorder.noting('near', 'connect callback');
    recorder.within('connect', () => near.connect(portOf(server), HOST, connected));
    recorder.within('write', () => near.write('early', recorder.noting('near', 'early write callback')));
    await once(near, 'data');
    recorder.within('late write', () => near.write('x', recorder.noting('near', 'late write callback')));
    await settled();
    const closes = closing(near);
    recorder.within('end', () => near.end(recorder.noting('near', 'end callback')));
    await closes;
    await end(server, recorder);
  },
  'writes that must wait': async (modules, recorder) => {
    const server = await serve(modules, recorder, (far) => void recorder.watch('far', far.pause(), 'close').resume());
    const near = recorder.within('connect', () => modules.net.connect(portOf(server), HOST));
    await once(near, 'connect');
    recorder.watch('near', near, 'drain', 'close');
    const much = Buffer.alloc(20_000_000);
    recorder.within('first', () => near.write(much, recorder.noting('near', 'first write callback')));
    recorder.within('second', () => near.write('x', recorder.noting('near', 'second write callback')));
    await once(near, 'drain');
    recorder.within('third', () => near.write(much, recorder.noting('near', 'third write callback')));
    const closes = closing(near);
    recorder.within('destroy', () => near.destroy());
    await closes;
    await end(server, recorder);
  },
  'a timeout, set once': async (modules, recorder) => {
    const server = await serve(modules, recorder, (far) => void far.resume());
    const near = recorder.within('connect', () => modules.net.connect(portOf(server), HOST));
    await once(near, 'connect');
    recorder.watch('near', near, 'timeout', 'close');
    const told = once(near, 'timeout');
    recorder.within('setTimeout', () => near.setTimeout(10, recorder.noting('near', 'timeout callback')));
    await told;
    const again = once(near, 'timeout');
    recorder.within('write', () => near.write('x'));
    await again;
    const closes = closing(near);
    near.destroy();
    await closes;
    await end(server, recorder);
  },
  'destroy with an error, from elsewhere': async (modules, recorder) => {
    const server = await serve(modules, recorder, (far) => void recorder.watch('far', far.resume(), ...ALL));
    const near = recorder.watch(
      'near',
      recorder.within('connect', () => modules.net.connect(portOf(server), HOST)),
      ...ALL,
    );
    await once(near, 'connect');
    const closes = closing(near);
    recorder.within('destroy', () => near.destroy(new Error('mine')));
    await closes;
    await end(server, recorder);
  },
  'destroy while connecting': async (modules, recorder) => {
    const server = await serve(modules, recorder, (far) => void far.destroy());
    const near = recorder.watch(
      'near',
      recorder.within('connect', () => modules.net.connect(portOf(server), HOST)),
      'close',
    );
    const closes = closing(near);
    recorder.within('destroy', () => near.destroy());
    await closes;
    await end(server, recorder);
  },
  'a refused connection': async (modules, recorder) => {
    const server = await serve(modules, recorder, () => {});
    const port = portOf(server);
    await end(server, recorder);
    const near = recorder.watch(
      'near',
      recorder.within('connect', () => modules.net.connect(port, HOST)),
      ...ALL,
    );
    await closing(near);
  },
  'a name, found elsewhere': async (modules, recorder) => {
    const server = await serve(modules, recorder, (far) => void far.end('hello'));
    const lookup = ((_name: string, { all }: { all?: boolean }, found: (...args: unknown[]) => void) => {
      recorder.note('near', 'lookup function');
      recorder.within('lookup', () => {
        setImmediate(() => (all ? found(null, [{ address: HOST, family: 4 }]) : found(null, HOST, 4)));
      });
    }) as unknown as nodeNet.LookupFunction;
    const options = { port: portOf(server), host: 'name.test', lookup };
    const near = recorder.watch(
      'near',
      recorder.within('connect', () => modules.net.connect(options)),
      ...ALL,
    );
    await closing(near);
    await end(server, recorder);
  },
  'several addresses, the first in vain': async (modules, recorder) => {
    const server = await serve(modules, recorder, (far) => void far.end('hello'));
    const lookup = ((_name: string, _options: object, found: (...args: unknown[]) => void) => {
      recorder.within('lookup', () => {
        setImmediate(() =>
          found(null, [
            { address: '127.0.0.2', family: 4 },
            { address: HOST, family: 4 },
          ]),
        );
      });
    }) as unknown as nodeNet.LookupFunction;
    const options = { port: portOf(server), host: 'name.test', lookup, autoSelectFamily: true };
    const near = recorder.watch(
      'near',
      recorder.within('connect', () => modules.net.connect(options)),
      ...ALL,
    );
    await closing(near);
    await end(server, recorder);
  },
  'paused, resumed from elsewhere': async (modules, recorder) => {
    const server = await serve(
      modules,
      recorder,
      (far) => {
        recorder.watch('far', far, 'data', 'end', 'close');
        far.on('end', () => far.end());
        setImmediate(() => recorder.within('resume', () => far.resume()));
      },
      { pauseOnConnect: true, allowHalfOpen: true },
    );
    const near = recorder.watch(
      'near',
      recorder.within('connect', () => modules.net.connect(portOf(server), HOST)),
      'end',
      'close',
    );
    near.resume();
    near.end('hello');
    await closing(near);
    await end(server, recorder);
  },
  'a reset': async (modules, recorder) => {
    const server = await serve(modules, recorder, (far) => void recorder.watch('far', far, 'error', 'close'));
    const near = recorder.watch(
      'near',
      recorder.within('connect', () => modules.net.connect(portOf(server), HOST)),
      'error',
      'close',
    );
    const [far] = (await once(server, 'connection')) as [nodeNet.Socket];
    const closes = Promise.all([closing(near), closing(far)]);
    recorder.within('resetAndDestroy', () => near.resetAndDestroy());
    await closes;
    await end(server, recorder);
  },
  'a connection that is one too many': async (modules, recorder) => {
    const taken: nodeNet.Socket[] = [];
    const server = await serve(modules, recorder, (far) => void taken.push(far));
    server.maxConnections = 1;
    const first = modules.net.connect(portOf(server), HOST);
    await once(server, 'connection');
    recorder.watch('server', server, 'drop');
    const dropped = once(server, 'drop');
    const near = modules.net.connect(portOf(server), HOST).resume();
    await Promise.all([dropped, closing(near)]);
    await gone(first, ...taken);
    await end(server, recorder);
  },
};

/** Binds a socket that was made in the context `${who}.createSocket`. */
function udp({ dgram }: Modules, recorder: Recorder, who: string): nodeDgram.Socket {
  const socket = recorder.within(`${who}.createSocket`, () => dgram.createSocket('udp4'));
  return recorder.watch(who, socket, 'listening', 'message', 'connect', 'error', 'close');
}

const DGRAM: Record<string, Story> = {
  messages: async (modules, recorder) => {
    const near = udp(modules, recorder, 'near');
    const far = udp(modules, recorder, 'far');
    await new Promise<void>((resolve) => {
      recorder.within('bind', () => far.bind(0, HOST, recorder.noting('far', 'bind callback', resolve)));
    });
    const { port } = far.address();
    const heard = once(far, 'message');
    recorder.within('send', () => near.send('x', port, HOST, recorder.noting('near', 'first send callback')));
    recorder.within('send again', () => near.send('x', port, HOST, recorder.noting('near', 'second send callback')));
    await heard;
    await once(far, 'message');
    const named = once(far, 'message');
    recorder.within('send to a name', () =>
      near.send('x', port, 'localhost', recorder.noting('near', 'third send callback')),
    );
    await named;
    const connected = once(near, 'connect');
    recorder.within('connect', () => near.connect(port, HOST, recorder.noting('near', 'connect callback')));
    await connected;
    const last = once(far, 'message');
    recorder.within('send connected', () => near.send('x', recorder.noting('near', 'fourth send callback')));
    await last;
    const closes = closing(far);
    recorder.within('far.close', () => far.close(recorder.noting('far', 'close callback')));
    await closes;
    const refused = once(
      near.on('error', () => {}),
      'error',
    ).catch(() => {});
    recorder.within('send in vain', () => near.send('x'));
    await refused;
    const ended = closing(near);
    recorder.within('near.close', () => near.close());
    await ended;
  },
};

describe('AsyncLocalStorage: the same context on both in', () => {
  async function record(index: number, story: Story): Promise<Recorded> {
    const modules = MODULES[index]!.make();
    const recorder = new Recorder();
    await story(modules, recorder);
    await modules.end();
    return recorder.recorded;
  }

  it.each(Object.keys(NET))('net: %s', async (name) => {
    const story = NET[name]!;
    const [node, ours] = [await record(0, story), await record(1, story)];
    expect(Object.values(node).flat().length).toBeGreaterThan(1);
    expect(ours).toEqual(node);
  });

  it.each(Object.keys(DGRAM))('dgram: %s', async (name) => {
    const story = DGRAM[name]!;
    const [node, ours] = [await record(0, story), await record(1, story)];
    expect(Object.values(node).flat().length).toBeGreaterThan(1);
    expect(ours).toEqual(node);
  });

  it('which is that of connect(), listen() and createSocket()', async () => {
    const life = await record(1, NET['a life']!);
    expect(life['near']).toEqual(expect.arrayContaining(['connect: connect', 'data: connect', 'close: connect']));
    expect(life['near']).toEqual(expect.arrayContaining(['late write callback: late write', 'end callback: end']));
    expect(life['server']).toEqual(expect.arrayContaining(['connection: listen', 'close: server.close']));
    expect(life['far']).toEqual(expect.arrayContaining(['data: none', 'end callback: far.end']));
    const { far } = await record(1, DGRAM['messages']!);
    expect(far).toEqual(expect.arrayContaining(['message: far.createSocket', 'close callback: far.close']));
  });
});
