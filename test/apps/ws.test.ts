import { once } from 'node:events';
import * as http from 'node:http';
import * as https from 'node:https';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { createNet, httpAgent, httpsAgent, serve } from '../../src/node/index.ts';
import type { Server } from '../../src/node/index.ts';
import { selfSigned } from '../support/certificate.ts';
import { twoStacks } from '../support/two-stacks.ts';
import type { TwoStacks } from '../support/two-stacks.ts';
import { hostAt, inUrl, seenByBoth } from '../support/family.ts';

const { key, cert } = selfSigned(hostAt(2));

describe.each(['ws', 'wss'])('%s: over two stacks', (scheme) => {
  let stacks: TwoStacks;
  let listener: Server;
  let sockets: WebSocketServer;
  let agent: http.Agent;

  beforeEach(() => {
    stacks = twoStacks();
    const web = scheme === 'ws' ? http.createServer() : https.createServer({ key, cert });
    listener = serve(web, createNet(stacks.server).createServer()).listen(8080);
    sockets = new WebSocketServer({ server: web });
    agent = scheme === 'ws' ? httpAgent(stacks.client) : httpsAgent(stacks.client, { ca: cert });
  });
  afterEach(async () => {
    sockets.close();
    agent.destroy();
    await stacks.end(listener);
  });

  const open = (): WebSocket => new WebSocket(`${scheme}://${inUrl(hostAt(2))}:8080/chat`, { agent });

  it('carries messages of all sizes both ways', async () => {
    sockets.on('connection', (socket) => {
      socket.on('message', (message, isBinary) => socket.send(message, { binary: isBinary }));
    });
    const socket = open();
    await once(socket, 'open');
    for (const size of [0, 1, 125, 126, 65_535, 65_536, 3_000_000]) {
      socket.send(Buffer.alloc(size, 'x'));
      const [echo, isBinary] = (await once(socket, 'message')) as [Buffer, boolean];
      expect([echo.length, isBinary]).toEqual([size, true]);
    }
    socket.close(4001, 'enough');
    expect(await once(socket, 'close')).toEqual([4001, Buffer.from('enough')]);
  });

  it('hears a ping, the end and a break', async () => {
    const socket = open();
    const [peer, request] = (await once(sockets, 'connection')) as [WebSocket, http.IncomingMessage];
    expect([request.url, request.socket.remoteAddress]).toEqual(['/chat', seenByBoth(hostAt(1))]);
    await once(socket, 'open');
    socket.ping('hey');
    expect(await once(peer, 'ping')).toEqual([Buffer.from('hey')]);
    peer.close(1000);
    expect((await once(socket, 'close'))[0]).toBe(1000);
    const second = open();
    const [gone] = (await once(sockets, 'connection')) as [WebSocket];
    await once(second, 'open');
    gone.terminate();
    expect((await once(second, 'close'))[0]).toBe(1006);
  });

  it('lets a refused connection be an error', async () => {
    const socket = new WebSocket(`${scheme}://${inUrl(hostAt(2))}:1`, { agent });
    const [error] = (await once(socket, 'error')) as [Error];
    expect(error).toMatchObject({ code: 'ECONNREFUSED' });
  });
});
