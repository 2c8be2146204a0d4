import dgram from 'node:dgram';
import net from 'node:net';
import { Stack } from '../../../dist/index.js';
import { createDgram, createNet } from '../../../dist/node/index.js';

/** Node's own modules, or those of a stack: the programs of this folder run on both. */
export function makeModules(name) {
  if (name === 'node') return { net, dgram };
  const stack = new Stack();
  return { net: createNet(stack), dgram: createDgram(stack) };
}

/** The next event of this name; an 'error' is one like any other. */
export function event(emitter, name) {
  return new Promise((resolve) => {
    emitter.once(name, resolve);
  });
}

/** Resolves when `emitter` closes, or has closed. */
export async function closed(emitter) {
  if (!emitter.closed) await event(emitter, 'close');
}

/** All that can happen without new packets or time has happened; on the kernel's loopback, too, a round is enough for a packet. */
export async function settled() {
  for (let i = 0; i < 20; i++) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}
