import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { batchOf } from '../../../src/buffer/batch.ts';
import { testPacket } from '../../../src/link/suite-packets.ts';
import type { RawSocketLinkOptions, RawSocketModule } from '../../../src/node/raw-socket.ts';
import { loadRawSocket, rawSocketLink } from '../../../src/node/raw-socket.ts';
import { VirtualClock } from '../../../src/time/virtual-clock.ts';
import { RecordingHost } from '../link/pairs.ts';

/** A socket of the module's shape that the test plays. */
class Played extends EventEmitter {
  readonly options: { protocol: number; addressFamily: number; bufferSize: number };
  readonly set: [level: number, option: number, value: number][] = [];
  readonly sent: [bytes: number[], address: string][] = [];
  readonly done: ((error: Error | null, bytes: number) => void)[] = [];
  closed = false;

  constructor(options: Played['options']) {
    super();
    this.options = options;
  }

  setOption(level: number, option: number, value: number): void {
    this.set.push([level, option, value]);
  }

  send(buffer: Buffer, offset: number, length: number, address: string, callback: Played['done'][0]): void {
    this.sent.push([[...buffer.subarray(offset, offset + length)], address]);
    this.done.push(callback);
  }

  close(): void {
    this.closed = true;
    this.emit('close');
  }
}

function opened(options: RawSocketLinkOptions = {}, failure?: string) {
  const sockets: Played[] = [];
  const module: RawSocketModule = {
    AddressFamily: { IPv4: 11 },
    SocketLevel: { IPPROTO_IP: 22 },
    SocketOption: { IP_HDRINCL: 33 },
    createSocket: (each) => {
      if (failure !== undefined && sockets.length === 1) throw new Error(failure);
      const socket = new Played(each);
      sockets.push(socket);
      return socket;
    },
  };
  const clock = new VirtualClock();
  const host = new RecordingHost(clock);
  const link = rawSocketLink({ ...options, module });
  return { clock, host, link, sockets, open: () => link.open(host) };
}

function packet(protocol: number, length: number = 40): Uint8Array {
  const bytes = testPacket('ip', length, 1);
  bytes[9] = protocol;
  return bytes;
}

describe('rawSocketLink', () => {
  it('opens a socket for each protocol, with headers included', () => {
    const { sockets, open, link } = opened({ protocols: ['icmp', 'tcp', 89, 'tcp'] });
    expect(sockets).toEqual([]);
    void open();
    expect(sockets.map(({ options }) => options)).toEqual(
      [1, 6, 89].map((protocol) => ({ protocol, addressFamily: 11, bufferSize: 65_535 })),
    );
    expect(sockets.map(({ set }) => set)).toEqual([[[22, 33, 1]], [[22, 33, 1]], [[22, 33, 1]]]);
    expect(link).toMatchObject({ medium: 'ip', mtu: 1500, up: true });
  });

  it('sends a packet by the socket of its protocol, to the address in its header', () => {
    const { sockets, open, link } = opened();
    void open();
    const v6 = new Uint8Array(40);
    v6[0] = 0x60;
    expect(link.send(batchOf([packet(6), packet(17), packet(132), v6, packet(6, 1501), new Uint8Array(5)]))).toBe(6);
    expect(sockets.map(({ sent }) => sent)).toEqual([
      [],
      [[[...packet(17)], '192.0.2.2']],
      [[[...packet(6)], '192.0.2.2']],
    ]);
    expect(link.dropped.snapshot()).toEqual({ 'no-socket': 3, 'too-big': 1 });
  });

  it('copies what comes: the module reads the next packet into the same memory', () => {
    const { clock, sockets, open, host, link } = opened({ trustChecksums: true });
    void open();
    const buffer = Buffer.from(packet(6));
    sockets[2]!.emit('message', buffer.subarray(0, 30), '192.0.2.1');
    buffer.fill(0xee);
    sockets[0]!.emit('message', buffer.subarray(0, 0), '192.0.2.1');
    clock.advance(1);
    expect(host.packets).toEqual([packet(6).slice(0, 30)]);
    expect(host.marks).toEqual([[1, 0]]);
    expect(link.dropped.snapshot()).toEqual({ 'received-not-bytes': 1 });
  });

  it('takes no more than may wait, and counts what the kernel refuses', () => {
    const { clock, sockets, open, host, link } = opened({ protocols: ['udp'], queue: 4 });
    void open();
    const packets = Array.from({ length: 6 }, () => packet(17));
    expect(link.send(batchOf(packets))).toBe(4);
    const { done } = sockets[0]!;
    done[0]!(null, 40);
    clock.advance(1);
    expect(host.events).toEqual([]);
    done[1]!(new Error('Network is unreachable'), 0);
    clock.advance(1);
    expect(host.events).toEqual(['writable']);
    expect(link.dropped.snapshot()).toEqual({ refused: 1 });
  });

  it('ends with a socket, and closes the others', () => {
    const { clock, sockets, open, host, link } = opened();
    void open();
    sockets[1]!.emit('error', new Error('no buffer space'));
    expect(link.up).toBe(false);
    clock.advance(1);
    expect(host.events).toEqual(['closed: no buffer space']);
    expect(sockets.every(({ closed }) => closed)).toBe(true);
  });

  it('closes its sockets when all is sent, or after a second', () => {
    for (const sends of [true, false]) {
      const { clock, sockets, open, host, link } = opened({ protocols: ['tcp'] });
      void open();
      link.send(batchOf([packet(6)]));
      void link.close();
      void link.close();
      clock.advance(999_999);
      expect(sockets[0]!.closed).toBe(false);
      if (sends) sockets[0]!.done[0]!(null, 40);
      else clock.advance(1);
      expect(sockets[0]!.closed).toBe(true);
      expect([clock.pending, host.events]).toEqual([0, []]);
    }
  });

  it('says what is missing when it may not be opened', () => {
    const { sockets, open } = opened({}, 'Operation not permitted');
    expect(() => open()).toThrow(
      expect.objectContaining({ code: 'EPERM', message: expect.stringContaining('CAP_NET_RAW') }),
    );
    expect(sockets[0]!.closed).toBe(true);
    expect(() => opened({}, 'Protocol not supported').open()).toThrow('Protocol not supported');
  });

  it('names the package that is missing', () => {
    expect(() => loadRawSocket(['no-such-raw-socket', 'nor-this'])).toThrow(
      expect.objectContaining({
        code: 'ERR_USERNET_NO_RAW_SOCKET',
        message:
          'rawSocketLink needs the package no-such-raw-socket: run `npm install no-such-raw-socket`, or pass a module of ' +
          'its shape as `module`; tried no-such-raw-socket (not found), nor-this (not found)',
      }),
    );
  });

  it.each([
    [{ protocols: [] }, 'ERR_INVALID_ARG_TYPE'],
    [{ protocols: 'tcp' }, 'ERR_INVALID_ARG_TYPE'],
    [{ protocols: ['sctp'] }, 'ERR_INVALID_ARG_VALUE'],
    [{ protocols: [0] }, 'ERR_INVALID_ARG_VALUE'],
    [{ protocols: [255] }, 'ERR_INVALID_ARG_VALUE'],
    [{ mtu: 67 }, 'ERR_OUT_OF_RANGE'],
    [{ queue: 0 }, 'ERR_OUT_OF_RANGE'],
    [{ trustChecksums: 1 }, 'ERR_INVALID_ARG_TYPE'],
    [{ module: {} }, 'ERR_INVALID_ARG_TYPE'],
    [{ protocol: 'tcp' }, 'ERR_INVALID_ARG_VALUE'],
  ])('refuses %j', (options, code) => {
    expect(() => rawSocketLink(options as unknown as RawSocketLinkOptions)).toThrow(expect.objectContaining({ code }));
  });
});
