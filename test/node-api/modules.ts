import nodeDgram from 'node:dgram';
import { once } from 'node:events';
import nodeNet from 'node:net';
import { Worker } from 'node:worker_threads';
import { cable, Stack } from '../../src/index.ts';
import { createDgram, createNet } from '../../src/node/index.ts';
import { register } from '../../src/node/register/index.ts';

/** Node's own modules or a stack's, seen through Node's types: a test that passes on both shows that they are alike. */
export interface Modules {
  readonly name: string;
  readonly net: typeof nodeNet;
  readonly dgram: typeof nodeDgram;
  /** An address that never answers a SYN to this port; `end` ends it. */
  silent(): Promise<{ address: string; port: number }>;
  /** Ends what was opened, and looks whether anything is left. */
  end(): Promise<void>;
}

/** Each test of this folder runs on all: `describe.each(MODULES)('$name', ({ make }) => …)`. All on 127.0.0.1. */
export const MODULES: readonly { readonly name: string; make(): Modules }[] = [
  { name: 'node', make: nodeModules },
  { name: 'usernet', make: makeModules },
  { name: 'usernet/register', make: redirectModules },
];

function nodeModules(): Modules {
  const full = new FullServer();
  return {
    name: 'node',
    net: nodeNet,
    dgram: nodeDgram,
    silent: () => full.open(),
    end: () => full.close(),
  };
}

/** A thread that listens and then blocks: a server that takes no connections, of which Linux drops SYNs when it is full. */
class FullServer {
  #thread: Worker | undefined;
  readonly #fill: nodeNet.Socket[] = [];

  async open(): Promise<{ address: string; port: number }> {
    const address = '127.0.0.9';
    const program = `
      const { parentPort } = require('node:worker_threads');
      const server = require('node:net').createServer().listen({ port: 0, host: '${address}', backlog: 1 }, () => {
        parentPort.postMessage(server.address().port);
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000);
      });`;
    this.#thread = new Worker(program, { eval: true });
    const [port] = (await once(this.#thread, 'message')) as [number];
    // A queue of n holds n + 1 (sk_acceptq_is_full).
    for (let i = 0; i < 2; i++) {
      const socket = nodeNet.connect(port, address).on('error', () => {});
      this.#fill.push(socket);
      await once(socket, 'connect');
    }
    return { address, port };
  }

  async close(): Promise<void> {
    for (const socket of this.#fill) socket.destroy();
    await this.#thread?.terminate();
  }
}

/** Gives the stack a cable with nobody at its other end. */
async function silence(stack: Stack): Promise<{ address: string; port: number }> {
  await stack.attach(cable()[0], { addresses: ['192.0.2.1/24'] }).ready;
  return { address: '192.0.2.2', port: 4000 };
}

function makeModules(): Modules {
  const stack = new Stack();
  const net = createNet(stack);
  const dgram = createDgram(stack);
  return {
    name: 'usernet',
    net,
    dgram,
    silent: () => silence(stack),
    end: async () => {
      await stack.close({ timeout: 1000 });
      stack.assertQuiescent();
    },
  };
}

/** Node's own modules, while they are redirected to a stack. */
function redirectModules(): Modules {
  const stack = new Stack();
  const undo = register({ stack });
  return {
    name: 'usernet/register',
    net: nodeNet,
    dgram: nodeDgram,
    silent: () => silence(stack),
    end: async () => {
      undo();
      await stack.close({ timeout: 1000 });
      stack.assertQuiescent();
    },
  };
}
