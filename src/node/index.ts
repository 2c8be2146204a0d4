/** What needs Node: modules shaped like `node:net` and `node:dgram` over a stack, and the glue for `http`,
 * `https`, `http2`, `tls` and undici. */

export { createDgram } from './dgram.ts';
export type { Dgram, DgramSocketConstructor } from './dgram.ts';
export type { BindOptions, DgramOptions, DgramUdpOptions, RemoteInfo } from './dgram-options.ts';
export type { Socket as DgramSocket } from './dgram-socket.ts';
export { httpAgent, httpsAgent, serve } from './http.ts';
export type { ServedServer } from './http.ts';
export { createNet } from './net.ts';
export type { Connect, Net, NetOptions, ServerConstructor, SocketConstructor } from './net.ts';
export type { DropArgument, ListenOptions, Server, ServerOptions, ServerTcpOptions } from './server.ts';
export type { Socket } from './socket.ts';
export type { NetConnectOptions, SocketOptions } from './socket-options.ts';
export { qemuLink } from './qemu.ts';
export type { QemuLinkOptions } from './qemu.ts';
export { rawSocketLink } from './raw-socket.ts';
export type { RawSocketLike, RawSocketLinkOptions, RawSocketModule } from './raw-socket.ts';
export { tlsConnect } from './tls.ts';
export type { TlsConnectOptions } from './tls.ts';
export { undiciConnector } from './undici.ts';
export type { UndiciConnector, UndiciConnectorOptions, UndiciTarget } from './undici.ts';
export type { OnRead } from './user-buffer.ts';
