// A web server and its clients, by the named imports of a module.
import { once } from 'node:events';
import { Agent, createServer, get, request } from 'node:http';
import { text } from 'node:stream/consumers';

const server = createServer((asked, response) => {
  asked.pipe(response.setHeader('x-from', asked.socket.remoteAddress));
});
await once(server.listen(0, '127.0.0.1'), 'listening');
const { address, family, port } = server.address();
console.log(address, family, port > 0);

const agent = new Agent({ keepAlive: true });
for (const options of [{}, { agent: false }, { agent }, { agent }]) {
  const asked = request({ host: '127.0.0.1', port, method: 'POST', ...options }).end('posted');
  const [response] = await once(asked, 'response');
  console.log(response.statusCode, response.headers['x-from'], await text(response));
}
const fetched = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: 'fetched' });
console.log(fetched.status, await fetched.text());

const second = createServer().listen(port, '127.0.0.1');
const [taken] = await once(second, 'error');
console.log(taken.code, taken.syscall);

agent.destroy();
server.close(() => console.log('closed', server.listening));
await once(server, 'close');
const [refused] = await once(get({ host: '127.0.0.1', port }), 'error');
console.log(refused.code, refused.syscall);
