// A web server at 10.0.0.1 that is reached by way of another host, which passes port 8080 on to it.
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { text } from 'node:stream/consumers';

const web = http.createServer((request, response) => response.end(`hello ${request.socket.remoteAddress}`));
await once(web.listen(80), 'listening');
const [response] = await once(http.get({ host: '10.0.0.2', port: 8080, agent: false }), 'response');
console.log(response.statusCode, await text(response));
console.log(await text(net.connect(7, '10.0.0.2').end('echo')));
for (const host of ['10.0.0.2', '192.0.2.1']) {
  const [error] = await once(net.connect(9, host), 'error');
  console.log(error.code);
}
web.close();
