// Node's own https and tls over two stacks: nothing of this goes to the real network.
import https from 'node:https';
import { text } from 'node:stream/consumers';
import { Stack, cable } from 'usernet';
import { createNet, httpsAgent, serve, tlsConnect } from 'usernet/node';

// A certificate for this example alone: openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes …
const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgv8HMDScm6dMdkFJJ
O163e+zJwRaIyvABSJqbTOv24BKhRANCAASXntPxDfjQYf+cUQiuQvZvw66J0Xjz
wJFhM8oqc9EEztWadGcRIlttsZIjrofnKSHocxpUIx3WL/MysaVfSKyv
-----END PRIVATE KEY-----`;
const cert = `-----BEGIN CERTIFICATE-----
MIIBpTCCAUqgAwIBAgIURNcGnV3sfiCfTSIKZeyggQ9LlEowCgYIKoZIzj0EAwIw
GTEXMBUGA1UEAwwOc2VydmVyLmV4YW1wbGUwIBcNMjYxMTMwMTQ0MDUxWhgPMjEy
NjExMDYxNDQwNTFaMBkxFzAVBgNVBAMMDnNlcnZlci5leGFtcGxlMFkwEwYHKoZI
zj0CAQYIKoZIzj0DAQcDQgAEl57T8Q340GH/nFEIrkL2b8OuidF488CRYTPKKnPR
BM7VmnRnESJbbbGSI66H5ykh6HMaVCMd1i/zMrGlX0isr6NuMGwwHQYDVR0OBBYE
FMxtRfesylAZW60rVQGUSgD8SzHuMB8GA1UdIwQYMBaAFMxtRfesylAZW60rVQGU
SgD8SzHuMA8GA1UdEwEB/wQFMAMBAf8wGQYDVR0RBBIwEIIOc2VydmVyLmV4YW1w
bGUwCgYIKoZIzj0EAwIDSQAwRgIhAIM2enYbxY8V4ywIG9k7t4O6Rgm3LOxduRQr
B4OJH19HAiEAxnyDaGLhuc6BES4w1mf/uCdCy0UvQBB7CNKitlcTvdI=
-----END CERTIFICATE-----`;

const [a, b] = cable();
const client = new Stack();
const server = new Stack();
client.attach(a, { addresses: ['10.0.0.1/24'] });
server.attach(b, { addresses: ['10.0.0.2/24'] });

const web = https.createServer({ key, cert }, (request, response) => {
  response.end(`${request.url} for ${request.socket.remoteAddress}\n`);
});
const listener = serve(web, createNet(server).createServer()).listen(443);

// Names go to dns.lookup unless there is another: here every name is the server's.
const lookup = (name, { all }, found) =>
  all ? found(null, [{ address: '10.0.0.2', family: 4 }]) : found(null, '10.0.0.2', 4);
const agent = httpsAgent(client, { ca: cert, lookup, keepAlive: true });
const get = (url) => new Promise((resolve, reject) => https.get(url, { agent }, resolve).on('error', reject));
for (const path of ['first', 'second']) process.stdout.write(await text(await get(`https://server.example/${path}`)));

const socket = tlsConnect(client, { host: 'server.example', port: 443, ca: cert, lookup });
socket.once('secureConnect', () => process.stdout.write(`${socket.remoteAddress}: `));
socket.end('GET /by-hand HTTP/1.1\r\nHost: server.example\r\nConnection: close\r\n\r\n');
const answer = await text(socket);
console.log(answer.slice(0, answer.indexOf('\r\n')));

agent.destroy();
listener.close();
await Promise.all([client.close(), server.close()]);
