import { once } from 'node:events';
import type { LookupFunction } from 'node:net';
import { Stack, cable } from '../../src/index.ts';
import type { Server } from '../../src/node/index.ts';
import { FAMILY, cidrAt, hostAt } from './family.ts';

/** The hosts 1 and 2 (`hostAt`) on a cable, for Node's own modules to run over. */
export interface TwoStacks {
  readonly client: Stack;
  readonly server: Stack;
  /** Closes the servers and the stacks, and checks that nothing is left. */
  end(...servers: Server[]): Promise<void>;
}

export function twoStacks(): TwoStacks {
  const [a, b] = cable();
  const client = new Stack();
  const server = new Stack();
  client.attach(a, { addresses: [cidrAt(1)] });
  server.attach(b, { addresses: [cidrAt(2)] });
  return {
    client,
    server,
    end: async (...servers) => {
      for (const listener of servers) {
        if (!listener.listening) continue;
        listener.close();
        await once(listener, 'close');
      }
      await Promise.all([client.close(), server.close()]);
      client.assertQuiescent();
      server.assertQuiescent();
    },
  };
}

/** Every name is the server's. */
export const lookup: LookupFunction = (_name, options, callback) => {
  if (options.all) callback(null, [{ address: hostAt(2), family: FAMILY }]);
  else callback(null, hostAt(2), FAMILY);
};
