import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { MessageChannel } from 'node:worker_threads';
import { WebSocket as UndiciWebSocket } from 'undici';
import { WebSocket, WebSocketServer } from 'ws';
import type { MessagePortLinkOptions } from '../../../src/link/message-port-link.ts';
import { messagePortLink } from '../../../src/link/message-port-link.ts';
import type { LinkPair } from '../../../src/link/suite.ts';
import type { WebSocketLike, WebSocketLinkOptions } from '../../../src/link/web-socket-link.ts';
import { webSocketLink } from '../../../src/link/web-socket-link.ts';
import { realPair } from './real-pairs.ts';
import { expectSuite } from './suites.ts';

const CARD = Uint8Array.of(2, 0, 0, 0, 0, 1);

function channel(options?: MessagePortLinkOptions): LinkPair {
  const { port1, port2 } = new MessageChannel();
  return realPair([messagePortLink(port1, options), messagePortLink(port2, options)]);
}

/** A WebSocket of one kind, and the end of `ws` that it is connected to. */
async function webSockets(connect: (url: string) => WebSocketLike, options?: WebSocketLinkOptions): Promise<LinkPair> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  const client = connect(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const [there] = (await once(server, 'connection')) as [WebSocket];
  return realPair([webSocketLink(client, options), webSocketLink(there, options)], () => {
    there.terminate();
    server.close();
  });
}

expectSuite('messagePortLink()', () => channel());
expectSuite('messagePortLink({ medium, mtu, queueBytes })', () =>
  channel({ medium: 'ethernet', address: CARD, mtu: 65_535, queueBytes: 131_072 }),
);
expectSuite('webSocketLink(ws)', () => webSockets((url) => new WebSocket(url)));
expectSuite('webSocketLink(undici), with little room', () =>
  webSockets((url) => new UndiciWebSocket(url), { medium: 'ethernet', address: CARD, queueBytes: 1 }),
);
