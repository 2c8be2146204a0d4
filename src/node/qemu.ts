import { once } from 'node:events';
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { requireMethods, requireOptions, requirePort, requireType, usageError } from '../errors.ts';
import type { CarrierLink } from '../link/carrier-link.ts';
import { streamLink } from '../link/stream-link.ts';
import { randomCardAddress } from './card-address.ts';

/** Where a virtual machine's card is reached, and what it is. One of `path`, `port` and `socket`. */
export interface QemuLinkOptions {
  /** A unix stream socket on which QEMU listens. */
  path?: string;
  /** A TCP port on which QEMU listens, on `host`. */
  port?: number;
  /** Default `'127.0.0.1'`. */
  host?: string;
  /** A connection that is there already, as when QEMU connects to a server of this program. */
  socket?: Socket;
  /** Largest IP packet in bytes, 68 to 65,535. Default 1500. */
  mtu?: number;
  /** Hardware address of this end's card, `'02:00:00:00:00:01'` or 6 bytes. Default: random, locally administered. */
  address?: string | Uint8Array;
}

const QEMU_OPTIONS: readonly string[] = Object.keys({
  path: true,
  port: true,
  host: true,
  socket: true,
  mtu: true,
  address: true,
} satisfies Record<keyof QemuLinkOptions, true>);

/** QEMU's net/stream.c and net/socket.c: the length of each frame in 32 bits, network byte order. */
const FRAMING = { lengthBytes: 4 } as const;

/**
 * Connects to the network card of a virtual machine: QEMU's `-netdev stream` and `-netdev socket`, Ethernet frames over a
 * stream socket, each behind its length. The link ends when QEMU does. It does not keep the process alive.
 *
 * Rejects with Node's error when there is no connection (ENOENT, ECONNREFUSED …), and with its `ERR_INVALID_ARG_TYPE`,
 * `ERR_INVALID_ARG_VALUE`, `ERR_SOCKET_BAD_PORT` and `ERR_OUT_OF_RANGE`.
 *
 * @example
 * // qemu-system-x86_64 … -netdev stream,id=n,server=on,addr.type=unix,addr.path=/tmp/vm.sock -device virtio-net,netdev=n
 * stack.attach(await qemuLink({ path: '/tmp/vm.sock' }), { addresses: ['10.0.2.2/24'] });
 */
export async function qemuLink(options: QemuLinkOptions): Promise<CarrierLink> {
  requireOptions('qemuLink', options, QEMU_OPTIONS);
  const { mtu = 1500, address = randomCardAddress() } = options;
  const socket = await connected(options);
  // Without it each small batch would wait for the acknowledgment of the one before.
  socket.setNoDelay(true);
  try {
    const link = streamLink(socket, { medium: 'ethernet', mtu, address, framing: FRAMING });
    socket.unref();
    return link;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

async function connected({ path, port, host = '127.0.0.1', socket }: QemuLinkOptions): Promise<Socket> {
  const ways = [path, port, socket].filter((way) => way !== undefined);
  if (ways.length !== 1) {
    throw usageError('ERR_INVALID_ARG_VALUE', 'qemuLink: one of path, port and socket says where the card is');
  }
  if (socket !== undefined) {
    requireMethods('socket', socket, ['write', 'on', 'setNoDelay', 'unref'], 'a Socket of node:net');
    return socket;
  }
  requireType('host', host, 'string');
  if (path === undefined) requirePort('port', port, 1);
  else requireType('path', path, 'string');
  const made = path === undefined ? connect({ port: port!, host }) : connect({ path });
  await once(made, 'connect');
  return made;
}
