// Asks each host, by TCP and by UDP, who it sees.
import dgram from 'node:dgram';
import { once } from 'node:events';
import http from 'node:http';
import { text } from 'node:stream/consumers';

for (const host of process.argv.slice(2)) {
  const fetched = await fetch(`http://${host}:8000/`);
  const [response] = await once(http.get({ host, port: 8000, agent: false }), 'response');
  const udp = dgram.createSocket('udp4');
  udp.send('who', 8000, host);
  const [message] = await once(udp, 'message');
  udp.close();
  console.log(host, await fetched.text(), await text(response), String(message));
}
