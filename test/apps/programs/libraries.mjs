// What libraries make of node:http and node:net, and a worker, which has a network of its own where it is redirected.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { Worker } from 'node:worker_threads';
import { request } from 'undici';
import { WebSocket, WebSocketServer } from 'ws';

const web = createServer((_asked, response) => response.end('a page'));
const sockets = new WebSocketServer({ server: web });
sockets.on('connection', (socket) => socket.on('message', (message) => socket.send(message, { binary: false })));
await once(web.listen(0, '127.0.0.1'), 'listening');
const { port } = web.address();

const { statusCode, body } = await request(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } });
console.log(statusCode, await body.text());

const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
await once(socket, 'open');
socket.send('hello');
console.log(String((await once(socket, 'message'))[0]));
socket.close();
await once(socket, 'close');

const script = `
  const server = require('net').createServer().listen(0, '127.0.0.1', () => {
    require('worker_threads').parentPort.postMessage(server.address().port > 0);
    server.close();
  });`;
const worker = new Worker(script, { eval: true, env: { ...process.env, USERNET_CONFIG: '' } });
// What a worker says last and its end may come in one go.
const ended = once(worker, 'exit');
console.log('worker', ...(await once(worker, 'message')));
await ended;
web.closeAllConnections();
web.close();
