import nodeDgram from 'node:dgram';
import nodeNet from 'node:net';
import { Stack } from '../../src/index.ts';
import { createDgram, createNet } from '../../src/node/index.ts';
import { register } from '../../src/node/register/index.ts';

/** Node's own modules or a stack's, seen through Node's types: a test that passes on both shows that they are alike. */
export interface Modules {
  readonly name: string;
  readonly net: typeof nodeNet;
  readonly dgram: typeof nodeDgram;
  /** Ends what was opened, and looks whether anything is left. */
  end(): Promise<void>;
}

/** Each test of this folder runs on all: `describe.each(MODULES)('$name', ({ make }) => …)`. All on 127.0.0.1. */
export const MODULES: readonly { readonly name: string; make(): Modules }[] = [
  { name: 'node', make: () => ({ name: 'node', net: nodeNet, dgram: nodeDgram, end: async () => {} }) },
  { name: 'usernet', make: makeModules },
  { name: 'usernet/register', make: redirectModules },
];

function makeModules(): Modules {
  const stack = new Stack();
  const net = createNet(stack);
  const dgram = createDgram(stack);
  return {
    name: 'usernet',
    net,
    dgram,
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
    end: async () => {
      undo();
      await stack.close({ timeout: 1000 });
      stack.assertQuiescent();
    },
  };
}
