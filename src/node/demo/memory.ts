import * as http from 'node:http';
import { text } from 'node:stream/consumers';
import { cable } from '../../link/cable.ts';
import { Ladder } from '../../sim/ladder.ts';
import { Stack } from '../../stack/stack.ts';
import { httpAgent, serve } from '../http.ts';
import { createNet } from '../net.ts';

const PAGE = `<!doctype html>
<title>usernet</title>
<h1>Hello from a TCP/IP stack in JavaScript</h1>
<p>No kernel carried this page: its packets went over a cable in memory.</p>
`;

/**
 * An unmodified `node:http` server on one stack, an unmodified `http.request` on another, a cable in memory between
 * them. Prints the page that came over and the packets that carried it.
 */
export async function runMemoryDemo(): Promise<void> {
  const ladder = new Ladder();
  const [a, b] = cable();
  const client = new Stack();
  const server = new Stack();
  client.attach(ladder.watch(client, a, 'client'), { addresses: ['10.0.0.1/24'] });
  server.attach(ladder.watch(server, b, 'server'), { addresses: ['10.0.0.2/24'] });

  const web = http.createServer((_request, response) => {
    response.setHeader('content-type', 'text/html; charset=utf-8');
    response.end(PAGE);
  });
  const listener = serve(web, createNet(server).createServer()).listen(80);
  const response = await get({ host: '10.0.0.2', agent: httpAgent(createNet(client)) });
  const page = await text(response);

  // The client first: it waits until the server has acknowledged its FIN.
  await client.close();
  listener.close();
  await server.close();
  print(response, page, ladder);
}

function get(options: http.RequestOptions): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    http.request(options, resolve).once('error', reject).end();
  });
}

function print(response: http.IncomingMessage, page: string, ladder: Ladder): void {
  const { httpVersion, statusCode, statusMessage, headers } = response;
  console.log(`Two TCP/IP stacks in this process, joined by a cable in memory. A node:http server runs on one,
an http.request on the other, and this came back:
`);
  console.log(`    HTTP/${httpVersion} ${statusCode} ${statusMessage}`);
  for (const [name, value] of Object.entries(headers)) console.log(`    ${name}: ${String(value)}`);
  console.log(`\n${page.trimEnd().replaceAll(/^/gm, '    ')}

These packets carried it. Beside each stand the states that it brought its sender and receiver to:

${ladder.lines().join('\n')}

The ACK that ends the handshake rides on the request: the client had something to say.
seq and ack count from the number that each side chose at random to begin with ("seq 0 =").
win is the room for more, in bytes: the packet's field times 2 to the wscale of the SYN.
len is the payload, in bytes.`);
}
