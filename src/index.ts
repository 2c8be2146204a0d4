/**
 * usernet: a TCP/IP stack that runs inside a JavaScript program, in any runtime.
 *
 * Subpaths add a runtime: `usernet/node` (sockets like node:net and node:dgram), `usernet/register` (puts them in the place
 * of Node's own), `usernet/tun` (Linux TUN devices), `usernet/sim` (virtual time), `usernet/link-suite` (the rules that every link must pass).
 */
export { Stack } from './stack/stack.ts';
export type { ForwardingOption, StackOptions } from './stack/stack.ts';
export type { AttachOptions, Interface, InterfaceCounters } from './stack/interface.ts';
export type { Neighbours } from './stack/neighbours.ts';
export type { AutoconfigurationOptions, Ipv6AddressInfo } from './stack/autoconfiguration.ts';
export type { StackEvents } from './stack/events.ts';
export type { StackStatistics } from './stack/statistics.ts';
export type { ConnectOptions, ListenOptions, StackTcp } from './stack/tcp.ts';
export type { BindOptions, StackUdp } from './stack/udp.ts';
export type { PingOptions, PingReply, PingResult, PingSignal } from './stack/ping.ts';
export type { PingOpenOptions, RawOpenOptions, RawPlace, StackRaw } from './stack/raw.ts';
export type { Connection, WriteOptions } from './tcp/connection.ts';
export type { ConnectionHandler } from './tcp/handler.ts';
export type { ConnectionInfo } from './tcp/info.ts';
export type { Listener, SynCookiesOption } from './tcp/listener.ts';
export type { ConnectionOptions } from './tcp/options.ts';
export type { State, StateEvent } from './tcp/states.ts';
export type { FlowLimit } from './tcp/allowance.ts';
export type { EcnMode } from './tcp/ecn.ts';
export type { FastOpenStatus } from './tcp/fast-open-state.ts';
export type { LossCause, RecoveryEvent, RetransmitCause } from './tcp/observer.ts';
export type { PathMtuMode } from './tcp/path-mtu.ts';
export type { RecoveryPhase } from './tcp/recovery.ts';
export type { UndoCause } from './tcp/undo.ts';
export { congestionControls } from './tcp/congestion/registry.ts';
export type {
  CongestionController,
  CongestionFactory,
  CongestionKind,
  CongestionSample,
  CongestionStart,
} from './tcp/congestion/controller.ts';
export type { UdpHandler, UdpMessageInfo } from './udp/handler.ts';
export type { ResolvedUdpOptions, UdpOptions, UdpTunables } from './udp/options.ts';
export type { UdpSocket, UdpSocketCounters } from './udp/socket.ts';
export type { HostModel } from './ip/local-addresses.ts';
export type { RawHandler, RawPacketInfo } from './raw/handler.ts';
export type { RawOptions, RawTunables, ResolvedRawOptions } from './raw/options.ts';
export type { PingError, PingHandler, PingReplyInfo } from './raw/ping-handler.ts';
export type { PingSocket, PingSocketCounters, PingSocketOptions } from './raw/ping-socket.ts';
export type { RawSendOptions, RawSocket, RawSocketCounters } from './raw/socket.ts';
export type { Route, RouteOptions, RoutingTable } from './ip/routes.ts';
export type { NetworkInterface } from './ip/interface.ts';
export type { NeighbourInfo, NeighbourState } from './ip/neighbour.ts';
export type { DnsConfiguration } from './ip/ndp/dns.ts';
export type { AddressOrigin, AddressState } from './ip/ndp/own-address.ts';
export { cable } from './link/cable.ts';
export type { CableOptions } from './link/cable.ts';
export type { LaneLimits, MemoryDrop, MemoryLink } from './link/lane.ts';
export { capture } from './link/capture.ts';
export type { CaptureOptions, CaptureSink } from './link/capture.ts';
export { impair } from './link/impair.ts';
export type { ImpairedLink } from './link/impair.ts';
export type { ImpairCounters } from './link/impair-lane.ts';
export type { ImpairChanges, ImpairOptions, Impairments } from './link/impair-options.ts';
export { loopback } from './link/loopback.ts';
export { messagePortLink } from './link/message-port-link.ts';
export type { MessagePortLike, MessagePortLinkOptions } from './link/message-port-link.ts';
export { webSocketLink } from './link/web-socket-link.ts';
export type { WebSocketEvent, WebSocketLike, WebSocketLinkOptions } from './link/web-socket-link.ts';
export { streamLink } from './link/stream-link.ts';
export type { StreamLinkOptions } from './link/stream-link.ts';
export type { DuplexLike, WebReader, WebStreamPair, WebWriter } from './link/stream-ends.ts';
export type { LengthFraming } from './link/framing.ts';
export type { CarrierDrop, CarrierLink } from './link/carrier-link.ts';
export type { CarrierOptions } from './link/carrier-options.ts';
export { ethernetSwitch } from './link/switch.ts';
export type { EthernetSwitch, EthernetSwitchOptions, SwitchStatistics, SwitchUplink } from './link/switch.ts';
export type { MacTableEntry } from './link/mac-table.ts';
export type { SwitchDrop, SwitchPortCounters } from './link/switch-port.ts';
export type { WireDrop } from './link/refusal.ts';
export { tap } from './link/tap.ts';
export type { LinkObserver } from './link/tap.ts';
export { NO_OFFLOAD } from './link/link.ts';
export type { Link, LinkHost, LinkOffload, OwnsFlow } from './link/link.ts';
export { Batch, Checksum, batchOf } from './buffer/batch.ts';
export type { ChecksumMark } from './buffer/batch.ts';
export type { Counters } from './buffer/counters.ts';
export type { Memory } from './buffer/memory.ts';
export { memoryOf } from './buffer/memory.ts';
export { Address } from './wire/address.ts';
export type { AddressWords } from './wire/address.ts';
export { Cidr } from './wire/cidr.ts';
export { describePacket } from './wire/describe.ts';
export { systemError } from './errors.ts';
export type { ErrorCode, ErrorPlace, SystemError, UsageError } from './errors.ts';
export type { Clock, Random, Timer } from './time/clock.ts';
