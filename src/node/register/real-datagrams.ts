import { Buffer } from 'node:buffer';
import nodeDgram from 'node:dgram';
import type { Socket } from 'node:dgram';
import type { UdpHandler } from '../../udp/handler.ts';
import type { UdpSocket } from '../../udp/socket.ts';
import { Address } from '../../wire/address.ts';
import { onRealNetwork } from './real-network.ts';

/**
 * Lets a socket of the stack send to the real network, too, from a port of its own there; answers come to the same
 * handler. Connected sockets stay within the stack.
 */
export function extendReally(
  socket: UdpSocket,
  handler: UdpHandler,
  isOutside: (address: string | Address) => boolean,
): void {
  let real: Socket | undefined;
  let referenced = true;
  const send: UdpSocket['send'] = socket.send.bind(socket);
  const close = socket.close.bind(socket);
  const ref = socket.ref.bind(socket);
  const unref = socket.unref.bind(socket);
  const open = (): Socket => {
    const opened = onRealNetwork(() => nodeDgram.createSocket(socket.boundAddress.family === 6 ? 'udp6' : 'udp4'));
    opened.on('message', (bytes, { address, port, size }) => {
      const remoteAddress = Address.parse(address);
      const info = {
        remoteAddress,
        remotePort: port,
        localAddress: socket.localAddress,
        size,
        ttl: 64,
        trafficClass: 0,
      };
      handler.onMessage(bytes, info, socket);
    });
    opened.on('error', () => {}); // as on an unconnected socket: nobody hears of it
    if (socket.get('broadcast')) opened.once('listening', () => opened.setBroadcast(true));
    if (!referenced) opened.unref();
    return opened;
  };
  socket.send = (bytes, port, address) => {
    if (address === undefined || !isOutside(address)) return send(bytes, port, address);
    real ??= open();
    // The caller may reuse its memory at once.
    const copy = Buffer.concat(bytes instanceof Uint8Array ? [bytes] : bytes);
    real.send(copy, port, address.toString(), () => {});
    return true;
  };
  socket.close = () => {
    close();
    real?.close();
    real = undefined;
  };
  socket.ref = () => {
    referenced = true;
    ref();
    real?.ref();
  };
  socket.unref = () => {
    referenced = false;
    unref();
    real?.unref();
  };
}
