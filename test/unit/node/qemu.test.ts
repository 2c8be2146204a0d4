import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { batchOf } from '../../../src/buffer/batch.ts';
import { testPacket } from '../../../src/link/suite-packets.ts';
import type { QemuLinkOptions } from '../../../src/node/qemu.ts';
import { qemuLink } from '../../../src/node/qemu.ts';
import { VirtualClock } from '../../../src/time/virtual-clock.ts';
import { RecordingHost } from '../link/pairs.ts';
import { realPair, unixSockets } from '../link/real-pairs.ts';
import { expectSuite } from '../link/suites.ts';

expectSuite('qemuLink({ socket }), two of them', async () => {
  const [one, two] = await unixSockets();
  return realPair([await qemuLink({ socket: one }), await qemuLink({ socket: two })]);
});

describe('qemuLink', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'usernet-qemu-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it.each(['unix', 'tcp'])('connects to a %s socket, and speaks as QEMU does', async (kind) => {
    const server = createServer();
    server.listen(kind === 'unix' ? { path: join(folder, 'vm') } : { port: 0, host: '127.0.0.1' });
    await once(server, 'listening');
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const address = server.address() as AddressInfo;
    const link = await qemuLink(kind === 'unix' ? { path: join(folder, 'vm') } : { port: address.port });
    const [machine] = await accepted;
    server.close();
    expect(link).toMatchObject({ medium: 'ethernet', mtu: 1500 });
    expect([link.address!.length, link.address![0]! & 3]).toEqual([6, 2]);

    const clock = new VirtualClock();
    const host = new RecordingHost(clock);
    await link.open(host);
    const frame = testPacket('ethernet', 46, 1);
    link.send(batchOf([frame]));
    const [bytes] = (await once(machine, 'data')) as [Buffer];
    expect([...bytes]).toEqual([0, 0, 0, 60, ...frame]);
    machine.end(bytes);
    await clock.run({ until: () => host.events.length > 0, quiet: 20 });
    expect(host.packets.map((packet) => [...packet])).toEqual([[...frame]]);
    expect(host.events).toEqual(['closed']);
  });

  it('says why there is no machine', async () => {
    await expect(qemuLink({ path: join(folder, 'nobody') })).rejects.toMatchObject({
      code: 'ENOENT',
      syscall: 'connect',
    });
  });

  it.each([
    [{}, 'ERR_INVALID_ARG_VALUE'],
    [{ path: '/x', port: 1 }, 'ERR_INVALID_ARG_VALUE'],
    [{ path: 5 }, 'ERR_INVALID_ARG_TYPE'],
    [{ port: 0 }, 'ERR_SOCKET_BAD_PORT'],
    [{ port: 1, host: 5 }, 'ERR_INVALID_ARG_TYPE'],
    [{ socket: {} }, 'ERR_INVALID_ARG_TYPE'],
    [{ paths: '/x' }, 'ERR_INVALID_ARG_VALUE'],
  ])('refuses %j', async (options, code) => {
    await expect(qemuLink(options as QemuLinkOptions)).rejects.toMatchObject({ code });
  });

  it('lets the connection go when another option is wrong', async () => {
    const [socket, other] = await unixSockets();
    await expect(qemuLink({ socket, mtu: 1 })).rejects.toMatchObject({ code: 'ERR_OUT_OF_RANGE' });
    expect(socket.destroyed).toBe(true);
    other.destroy();
  });
});
