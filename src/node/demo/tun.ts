import * as http from 'node:http';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import { usageError } from '../../errors.ts';
import { Stack } from '../../stack/stack.ts';
import { Address } from '../../wire/address.ts';
import { Cidr } from '../../wire/cidr.ts';
import { serve } from '../http.ts';
import type { Net } from '../net.ts';
import { createNet } from '../net.ts';
import { openTun } from '../tun.ts';
import type { TunDemoOptions } from './arguments.ts';
import { answer } from './web.ts';

const HTTP_PORT = 80;
/** RFC 862. */
const ECHO_PORT = 7;

/**
 * A stack on a TUN device: serves HTTP and echo to whoever the kernel routes to it, until SIGINT or SIGTERM.
 *
 * @throws the device's error, and one with a code when the kernel has one of the addresses on another device
 */
export async function runTunDemo({ address, kernelAddress, name, mtu }: TunDemoOptions): Promise<void> {
  checkFree(address, undefined);
  checkFree(kernelAddress, name);
  // An existing device, too, is brought up.
  const device = await openTun({ kernelAddresses: [kernelAddress], up: true, ...defined({ name, mtu }) });
  const stack = new Stack();
  const gone = new Promise<Error | undefined>((resolve) => {
    stack.on('link', ({ up, error }) => {
      if (!up && error !== undefined) resolve(error);
    });
  });
  const net = createNet(stack);
  const web = http.createServer((request, response) => answer(stack, request, response));
  try {
    await stack.attach(device, { addresses: [address] }).ready;
    const listeners = [serve(web, net.createServer()).listen(HTTP_PORT), echoTcp(net)];
    echoUdp(stack);
    console.log(invitation(address, kernelAddress, device.name, device.mtu));
    const error = await Promise.race([gone, once(process, 'SIGINT'), once(process, 'SIGTERM')]);
    if (!(error instanceof Error)) console.log(`closing ${device.name} …`);
    for (const listener of listeners) listener.close();
    if (error instanceof Error) throw error;
  } finally {
    await stack.close();
    // Attached or not: the device disappears.
    device.close();
  }
}

/**
 * Of two devices with the same address, the kernel would use only one.
 *
 * @param wanted an address with prefix length
 * @param name the device that may have it
 */
export function checkFree(
  wanted: string,
  name: string | undefined,
  devices: ReturnType<typeof networkInterfaces> = networkInterfaces(),
): void {
  const { address: host } = Cidr.parse(wanted);
  for (const [device, addresses = []] of Object.entries(devices)) {
    if (device === name || !addresses.some(({ address }) => Address.tryParse(address)?.equals(host))) continue;
    const advice = 'take others with --address and --kernel-address (does this demo run already?)';
    throw usageError('ERR_INVALID_STATE', `the kernel has ${host} on ${device} already: ${advice}`, Error);
  }
}

/** Options without those that are undefined. */
function defined<Options extends object>(options: Options): { [Key in keyof Options]?: NonNullable<Options[Key]> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Options;
}

function echoTcp(net: Net): { close(): unknown } {
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    // A client that goes away without a word is no news here.
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  return server.listen(ECHO_PORT);
}

function echoUdp(stack: Stack): void {
  stack.udp.bind(
    { address: '::', port: ECHO_PORT },
    {
      onMessage: (bytes, { remoteAddress, remotePort }, socket) => {
        // Two echo services would talk to each other for ever.
        if (remotePort === ECHO_PORT) return;
        try {
          socket.send(bytes, remotePort, remoteAddress);
        } catch {
          // No way back: a datagram may be lost.
        }
      },
    },
  );
}

function invitation(address: string, kernelAddress: string, name: string, mtu: number): string {
  const { address: host } = Cidr.parse(address);
  const site = host.family === 4 ? `http://${host}` : `http://[${host}]`;
  // Brackets mean something to shells.
  const url = (path: string): string => (host.family === 4 ? `${site}${path}` : `'${site}${path}'`);
  const commands = [
    [`ping ${host}`, ''],
    [`curl ${url('/')}`, 'a page'],
    [`curl ${url('/bytes/1000000')} | sha256sum`, 'the same as its header x-sha256 says'],
    [`curl --data-binary @FILE ${url('/hash')}`, 'the sha256 of FILE'],
    [`nc ${host} ${ECHO_PORT}`, 'echo over TCP'],
    [`nc -u ${host} ${ECHO_PORT}`, 'echo over UDP'],
  ];
  return `A TCP/IP stack in this process has ${address} on ${name} (MTU ${mtu}); the kernel has ${kernelAddress}.

${commands.map(([command = '', gives]) => `  ${command.padEnd(50)} ${gives}`.trimEnd()).join('\n')}

ready: ${site}/ until Ctrl-C`;
}
