import { createHash } from 'node:crypto';
import * as http from 'node:http';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Stack, cable } from '../../../../src/index.ts';
import { createNet, httpAgent, serve } from '../../../../src/node/index.ts';
import { answer } from '../../../../src/node/demo/web.ts';

let client: Stack;
let server: Stack;
let agent: http.Agent;

beforeEach(() => {
  const [a, b] = cable();
  client = new Stack();
  server = new Stack();
  client.attach(a, { addresses: ['10.0.0.1/24'] });
  server.attach(b, { addresses: ['10.0.0.2/24'] });
  agent = httpAgent(createNet(client));
  serve(
    http.createServer((request, response) => answer(server, request, response)),
    createNet(server).createServer(),
  ).listen(80);
});

afterEach(async () => {
  await client.close();
  await server.close();
  client.assertQuiescent();
  server.assertQuiescent();
});

interface Answer {
  status: number | undefined;
  headers: http.IncomingHttpHeaders;
  body: Buffer;
}

async function ask(method: string, path: string, body?: Uint8Array): Promise<Answer> {
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    http.request({ host: '10.0.0.2', method, path, agent }, resolve).once('error', reject).end(body);
  });
  return { status: response.statusCode, headers: response.headers, body: await buffer(response) };
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe('the demo’s web server', () => {
  it('greets', async () => {
    const { status, headers, body } = await ask('GET', '/?from=a+test');
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    expect(body.toString()).toContain('You are 10.0.0.1 port ');
    expect(body.toString()).toContain('TCP connections: 1\n');
  });

  it.each([0, 1, 65_536, 1_000_001])('sends %i bytes, with their hash in front', async (size) => {
    const first = await ask('GET', `/bytes/${size}`);
    expect(first.status).toBe(200);
    expect(first.body.byteLength).toBe(size);
    expect(first.headers['x-sha256']).toBe(sha256(first.body));
    // The same at any time, and in part.
    const again = await ask('GET', `/bytes/${size + 1}`);
    expect(again.body.subarray(0, size).equals(first.body)).toBe(true);
    const head = await ask('HEAD', `/bytes/${size}`);
    expect(head.body.byteLength).toBe(0);
    expect(head.headers['x-sha256']).toBe(first.headers['x-sha256']);
    expect(head.headers['content-length']).toBe(String(size));
  });

  it('hashes what it gets', async () => {
    const bytes = new Uint8Array(300_000).map((_, i) => i * 7);
    const { status, body } = await ask('POST', '/hash', bytes);
    expect(status).toBe(200);
    expect(body.toString()).toBe(`${sha256(bytes)}\n`);
    expect((await ask('POST', '/hash')).body.toString()).toBe(`${sha256(new Uint8Array())}\n`);
  });

  it('refuses the rest', async () => {
    expect((await ask('GET', '/nothing')).status).toBe(404);
    expect((await ask('GET', '/bytes/-1')).status).toBe(404);
    expect((await ask('GET', '/bytes/99999999999')).status).toBe(400);
    const post = await ask('POST', '/', new Uint8Array(3));
    expect([post.status, post.headers.allow]).toEqual([405, 'GET, HEAD']);
    const get = await ask('GET', '/hash');
    expect([get.status, get.headers.allow]).toEqual([405, 'POST, PUT']);
  });

  it('goes on when a client has left half-way', async () => {
    const request = http.request({ host: '10.0.0.2', path: '/bytes/100000000', agent });
    const response = await new Promise<http.IncomingMessage>((resolve) => request.once('response', resolve).end());
    await new Promise((resolve) => response.once('data', resolve));
    response.destroy();
    expect((await ask('GET', '/')).status).toBe(200);
  });
});
