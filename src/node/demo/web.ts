import { createCipheriv, createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setImmediate } from 'node:timers/promises';
import type { Stack } from '../../stack/stack.ts';

const LARGEST_BODY = 10_000_000_000;
const CHUNK = 65_536;
/** Hashes remembered, so that a body is not computed twice for everyone who asks. */
const REMEMBERED = 100;

/** The demo's web server: a page, bodies of any size to fetch, and a place to send one to. */
export function answer(stack: Stack, request: IncomingMessage, response: ServerResponse): void {
  route(stack, request, response).catch((error: unknown) => {
    // The client has gone, mostly; whatever it was, this answer can't be finished.
    response.destroy(error instanceof Error ? error : undefined);
  });
}

async function route(stack: Stack, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = 'GET', url = '/' } = request;
  const path = url.split('?', 1)[0]!;
  const size = /^\/bytes\/(\d{1,11})$/.exec(path)?.[1];
  if (path === '/hash') {
    if (method !== 'POST' && method !== 'PUT')
      return say(response, 405, 'POST something here\n', { allow: 'POST, PUT' });
    return hash(request, response);
  }
  if (method !== 'GET' && method !== 'HEAD') return say(response, 405, 'only GET\n', { allow: 'GET, HEAD' });
  if (path === '/') return say(response, 200, page(stack, request), { 'content-type': 'text/html; charset=utf-8' });
  if (size === undefined) return say(response, 404, 'There are /, /bytes/N and /hash\n');
  if (Number(size) > LARGEST_BODY) return say(response, 400, `at most ${LARGEST_BODY} bytes\n`);
  return sendBytes(Number(size), method, response);
}

function say(response: ServerResponse, status: number, body: string, headers: Record<string, string> = {}): void {
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    ...headers,
  });
  response.end(body);
}

function page(stack: Stack, { socket }: IncomingMessage): string {
  const { interfaces, tcp } = stack.statistics();
  // The server listens for both families: IPv4 comes as ::ffff:a.b.c.d.
  const visitor = socket.remoteAddress?.replace(/^::ffff:/, '');
  const rows = interfaces.map(
    ({ name, packetsReceived, packetsSent }) => `<li>${name}: ${packetsReceived} packets in, ${packetsSent} out`,
  );
  return `<!doctype html>
<title>usernet</title>
<h1>Hello from a TCP/IP stack in JavaScript</h1>
<p>You are ${visitor} port ${socket.remotePort}. The kernel gave your packets to a program, which took them apart itself.
<ul>
${rows.join('\n')}
<li>TCP connections: ${tcp.connections}
</ul>
<p><a href="/bytes/1000000">a million bytes</a>, and POST something to /hash.
`;
}

/** The sha256 of what the client sends, in hexadecimal. */
async function hash(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const sum = createHash('sha256');
  for await (const chunk of request) sum.update(chunk as Buffer);
  say(response, 200, `${sum.digest('hex')}\n`);
}

/** `size` bytes, the same for everyone, with their hash in front; no faster than the client takes them. */
async function sendBytes(size: number, method: string, response: ServerResponse): Promise<void> {
  response.writeHead(200, {
    'content-type': 'application/octet-stream',
    'content-length': size,
    'x-sha256': await hashOf(size, response),
  });
  if (method === 'HEAD') response.end();
  else await pipeline(Readable.from(randomLooking(size), { objectMode: false }), response);
}

/** The first `size` bytes of a keystream: they look random and are always the same. */
function* randomLooking(size: number): Generator<Buffer> {
  const stream = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16));
  const zeros = Buffer.alloc(CHUNK);
  for (let left = size; left > 0; left -= CHUNK) yield stream.update(left < CHUNK ? zeros.subarray(0, left) : zeros);
}

const hashes = new Map<number, string>();

/** The hash of these bytes, worked out while somebody waits for them. */
async function hashOf(size: number, response: ServerResponse): Promise<string> {
  const known = hashes.get(size);
  if (known !== undefined) return known;
  const sum = createHash('sha256');
  for (const chunk of randomLooking(size)) {
    sum.update(chunk);
    // Others want to be served meanwhile.
    await setImmediate();
    if (response.destroyed) throw new Error('the client has gone');
  }
  const hex = sum.digest('hex');
  if (hashes.size >= REMEMBERED) hashes.clear();
  hashes.set(size, hex);
  return hex;
}
