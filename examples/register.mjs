// An unmodified server and an unmodified client, on a stack that nobody else can reach.
import { once } from 'node:events';
import http from 'node:http';
import { Stack } from 'usernet';
import { register } from 'usernet/register';

const stack = new Stack();
const undo = register({ stack }); // and lookup, realNetwork
const server = http.createServer((request, response) => response.end(`hello ${request.socket.remoteAddress}\n`));
await once(server.listen(80), 'listening');
const response = await fetch('http://127.0.0.1/');
process.stdout.write(await response.text());
server.close();
undo(); // Node's own functions are back, exactly as they were
await stack.close();
