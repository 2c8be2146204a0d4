// https, tls and http2, clear and secure; the certificate comes by the environment.
import { once } from 'node:events';
import http2 from 'node:http2';
import https from 'node:https';
import { text } from 'node:stream/consumers';
import * as tls from 'node:tls';

const { KEY: key, CERT: cert } = process.env;
const listen = async (server) => {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return server.address().port;
};
const close = async (server) => {
  server.close();
  await once(server, 'close');
};

const web = https.createServer({ key, cert }, (request, response) => response.end(request.socket.remoteAddress));
const webPort = await listen(web);
for (const agent of [undefined, false, new https.Agent({ ca: cert })]) {
  const asked = https.get({ host: 'localhost', family: 4, port: webPort, ca: cert, agent });
  const [response] = await once(asked, 'response');
  console.log(response.statusCode, response.socket.authorized, await text(response));
}
const [unknown] = await once(https.get({ host: '127.0.0.1', port: webPort, agent: false }), 'error');
console.log(unknown.code);
web.closeAllConnections();
await close(web);

const server = tls.createServer({ key, cert, ALPNProtocols: ['x'] }, (socket) => {
  socket.end(`${socket.remoteAddress} ${socket.alpnProtocol} ${socket.servername}`);
});
const options = { host: '127.0.0.1', servername: 'localhost', ca: cert, ALPNProtocols: ['x'] };
const port = await listen(server);
const socket = tls.connect(port, options);
const events = [];
for (const event of ['connect', 'secureConnect']) socket.on(event, () => events.push(event));
console.log(await text(socket), socket.authorized, events.join(' '));
await close(server);
const [refused] = await once(tls.connect(port, options), 'error');
console.log(refused.code, refused.syscall);

const servers = { http: http2.createServer(), https: http2.createSecureServer({ key, cert }) };
for (const [kind, two] of Object.entries(servers)) {
  two.on('stream', (stream, headers) => stream.end(`page ${headers[':path']}`));
  const session = http2.connect(`${kind}://127.0.0.1:${await listen(two)}`, { ca: cert, servername: 'localhost' });
  const pages = ['/a', '/b'].map((path) => text(session.request({ ':path': path })));
  console.log(kind, ...(await Promise.all(pages)));
  session.close();
  await close(two);
}
