import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { createDgram, createNet } from '../../../src/node/index.ts';
import type { Socket } from '../../../src/node/index.ts';
import { cable, Stack } from '../../../src/index.ts';

/** What its peer resets at the end of a test is nobody's error. */
function resume(socket: Socket): void {
  socket.resume().on('error', () => {});
}

/** Two stacks on a cable; the second has 10.0.0.2 and 10.0.0.3. */
async function scene(): Promise<{ client: Stack; server: Stack; iface: Stack['interfaces'][number] }> {
  const [a, b] = cable();
  const [client, server] = [new Stack(), new Stack()];
  const near = client.attach(a, { addresses: ['10.0.0.1/24'] });
  const iface = server.attach(b, { addresses: ['10.0.0.2/24', '10.0.0.3/24'] });
  await Promise.all([near.ready, iface.ready]);
  return { client, server, iface };
}

describe('an address that is taken away', () => {
  it('a socket ends with ECONNABORTED, its peer with ECONNRESET; the server is told, and goes on when it is back', async () => {
    const { client, server, iface } = await scene();
    const listening = createNet(server).createServer(resume).listen(7, '10.0.0.3');
    const accepted = once(listening, 'connection');
    const socket = createNet(client).connect(7, '10.0.0.3');
    const [ours] = await accepted;
    const ends = [once(ours, 'error'), once(socket, 'error'), once(listening, 'error')];
    iface.removeAddress('10.0.0.3');
    const errors = await Promise.all(ends);
    expect(errors.map(([error]) => (error as { code: string }).code)).toEqual([
      'ECONNABORTED',
      'ECONNRESET',
      'EADDRNOTAVAIL',
    ]);
    expect(listening.listening).toBe(true);
    iface.addAddress('10.0.0.3/24');
    const again = createNet(client).connect(7, '10.0.0.3');
    await once(listening, 'connection');
    again.destroy();
    listening.close();
    await Promise.all([client.destroy(), server.destroy()]);
  });

  it('a datagram socket that is bound to it is told', async () => {
    const { client, server, iface } = await scene();
    const socket = createDgram(server).createSocket('udp4');
    socket.bind(7, '10.0.0.3');
    await once(socket, 'listening');
    const error = once(socket, 'error');
    iface.removeAddress('10.0.0.3');
    expect(await error).toMatchObject([{ code: 'EADDRNOTAVAIL' }]);
    socket.close();
    await Promise.all([client.destroy(), server.destroy()]);
  });
});

describe('tcp.device', () => {
  it('of createNet, of connect and of createServer', async () => {
    const { client, server } = await scene();
    const bound = createNet(server, { tcp: { device: 'eth0' } });
    const listening = bound.createServer(resume).listen(7);
    const socket = createNet(client).connect({ port: 7, host: '10.0.0.2', tcp: { device: 'eth0' } });
    const [accepted] = await once(listening, 'connection');
    expect(accepted.tcp.get('device')).toBe('eth0');
    expect(socket.tcp?.get('device')).toBe('eth0');
    socket.destroy();
    listening.close();
    const failing = createNet(client).connect({ port: 7, host: '10.0.0.2', tcp: { device: 'eth7' } });
    expect(await once(failing, 'error')).toMatchObject([{ code: 'ENODEV', syscall: 'connect' }]);
    const server2 = createNet(server, { tcp: { device: 'eth7' } })
      .createServer()
      .listen(8);
    expect(await once(server2, 'error')).toMatchObject([{ code: 'ENODEV', syscall: 'listen' }]);
    expect(() => createNet(client, { tcp: { device: 7 as unknown as string } })).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }),
    );
    await Promise.all([client.destroy(), server.destroy()]);
  });
});
