import { describe, expect, it } from 'vitest';
import { FAR, FAR6, withRouter } from '../support/kernel-router.ts';
import { KERNEL, KERNEL6, STACK, STACK6, withStack } from '../support/kernel.ts';
import type { Namespace } from '../support/namespace.ts';
import { canUseTun } from '../support/namespace.ts';

const unavailable = canUseTun('ping', 'python3', 'sysctl');

/** Experimental (RFC 3692). */
const PROTOCOL = 253;

/** Runs a piece of Python that has a raw socket of this family and protocol, and prints what it has to say. */
async function kernelRaw(
  ns: Namespace,
  family: 'AF_INET' | 'AF_INET6',
  protocol: number,
  body: string,
): Promise<string> {
  const script = `
import socket
s = socket.socket(socket.${family}, socket.SOCK_RAW, ${protocol})
s.settimeout(10)
${body}
`;
  const { stdout, stderr } = await ns.run('python3', ['-c', script]);
  expect(stderr).toBe('');
  return stdout;
}

describe.skipIf(unavailable)('pings to the kernel', () => {
  it.each([
    [KERNEL, [0, 1, 56, 1472, 1473, 9000, 65_507]],
    [KERNEL6, [0, 1, 56, 1452, 1453, 9000, 65_507]],
  ] as const)('[S-018] [S-047] %s answers %j bytes of data, and the round trips are measured', async (host, sizes) => {
    await withStack(async ({ stack }) => {
      for (const size of sizes) {
        const options = { size, count: 5, interval: 2, ttl: 17, timeout: 10_000 };
        const result = await stack.ask({ do: 'ping', host, options });
        expect(result).toMatchObject({ size, address: host, ttl: 64, sent: 5, received: 5, duplicates: 0, replies: 5 });
        expect(result['time']).toBeGreaterThan(0);
        expect(result['time']).toBeLessThan(10_000);
      }
    });
  });

  it('a kernel that answers no echoes is ETIMEDOUT', async () => {
    await withStack(
      async ({ stack }) => {
        const options = { timeout: 50 };
        expect(await stack.ask({ do: 'ping', host: KERNEL, options })).toMatchObject({ code: 'ETIMEDOUT' });
      },
      { sysctl: { icmp_echo_ignore_all: 1 } },
    );
  });

  it('a router says where the time to live ended, what it passes on, and that there is no such network', async () => {
    await withRouter(
      async ({ stack, ns }) => {
        const ping = (host: string, options: object): Promise<object> => stack.ask({ do: 'ping', host, options });
        const patient = { timeout: 10_000 };
        for (const [host, router] of [
          [FAR, KERNEL],
          [FAR6, KERNEL6],
        ] as const) {
          const exceeded = { code: 'EHOSTUNREACH', reporter: router, timeExceeded: true };
          expect(await ping(host, { ...patient, ttl: 1 })).toMatchObject(exceeded);
          // The far host is behind one router.
          expect(await ping(host, { ...patient, ttl: 2 })).toMatchObject({ address: host, ttl: 63 });
          const size = host === FAR ? 1472 : 1452;
          expect(await ping(host, { ...patient, size })).toMatchObject({
            code: 'EMSGSIZE',
            reporter: router,
            mtu: 1400,
          });
          expect(await ping(host, { ...patient, size })).toMatchObject({ address: host, size });
        }
        await ns.ip('route', 'add', 'unreachable', '10.8.0.128/25');
        const nowhere = { code: 'EHOSTUNREACH', reporter: KERNEL, timeExceeded: false };
        expect(await ping('10.8.0.200', patient)).toMatchObject(nowhere);
      },
      { largest: { toFar: 1400, toStack: 1500 } },
    );
  });
});

describe.skipIf(unavailable)('raw sockets of the stack and of the kernel', () => {
  it.each([
    ['AF_INET', KERNEL, STACK, 20],
    ['AF_INET6', KERNEL6, STACK6, 0],
  ] as const)('%s: packets both ways, and Linux gives its owner the same bytes', async (family, host, own, offset) => {
    await withStack(async ({ stack, ns }) => {
      await stack.ask({ do: 'rawOpen', options: { protocol: PROTOCOL, remoteAddress: host } });
      const played = kernelRaw(
        ns,
        family,
        PROTOCOL,
        `
s.sendto(b'from the kernel', ('${own}', 0))
packet, (host, *_) = s.recvfrom(100)
print(host, packet[${offset}:].decode(), len(packet))
`,
      );
      const raw = await stack.next('raw');
      expect(raw).toMatchObject({ from: host, to: own, offset, ttl: 64 });
      const bytes = Buffer.from(String(raw['hex']), 'hex');
      expect(bytes.subarray(offset).toString()).toBe('from the kernel');
      if (offset > 0) expect([bytes[0], bytes.readUInt16BE(2), bytes[9]]).toEqual([0x45, 35, PROTOCOL]);
      const text = Buffer.from('from the stack').toString('hex');
      expect(await stack.ask({ do: 'rawSend', text, options: { ttl: 9 } })).toMatchObject({ sent: true });
      expect(await played).toBe(`${own} from the stack ${offset + 14}\n`);
      await stack.ask({ do: 'rawClose' });
    });
  });

  it('a protocol that the kernel does not know is EPROTONOSUPPORT, one that we do not know is told the kernel', async () => {
    const provoked = { drops: ['ip-unknown-protocol', 'icmp-error-sent'] };
    await withStack(async ({ stack, ns }) => {
      await stack.ask({ do: 'rawOpen', options: { protocol: PROTOCOL, remoteAddress: KERNEL } });
      await stack.ask({ do: 'rawSend', text: '00'.repeat(20) });
      expect(await stack.next('rawError')).toMatchObject({ code: 'EPROTONOSUPPORT' });
      await stack.ask({ do: 'rawClose' });
      const body = `
s.setsockopt(socket.IPPROTO_IP, 11, 1)  # IP_RECVERR
s.connect(('${STACK}', 0))
s.send(b'anybody there?')
try:
    print(s.recv(100))
except OSError as error:
    print(error.errno)
`;
      // ENOPROTOOPT
      expect(await kernelRaw(ns, 'AF_INET', PROTOCOL + 1, body)).toBe('92\n');
    }, provoked);
  });

  it('headerIncluded: the kernel takes what we made, its checksum filled in', async () => {
    await withStack(
      async ({ stack, ns }) => {
        await stack.ask({ do: 'rawOpen', options: { protocol: 255 } });
        const played = kernelRaw(
          ns,
          'AF_INET',
          PROTOCOL,
          `
print('ready', flush=True)
packet, (host, *_) = s.recvfrom(100)
print(host, packet[8], packet[28:].decode(), packet[20:28].hex())
`,
        );
        // With a record of the route that has no room, IHL 7: version, length, id, flags, TTL, protocol, checksum, addresses.
        const header = `4700 0000 0000 0000 21fd 0000 00000000 0a070001 0000000000000000`.replaceAll(' ', '');
        const text = header + Buffer.from('made here').toString('hex');
        let done = false;
        void played.then(() => (done = true));
        // The kernel's socket may not be there yet: until it has the packet, it is sent again.
        while (!done) await stack.ask({ do: 'rawSend', text });
        expect(await played).toBe(`ready\n${STACK} 33 made here ${'00'.repeat(8)}\n`);
        await stack.ask({ do: 'rawClose' });
        // Before the kernel's socket was there it said so.
      },
      { drops: ['icmp-error-other-protocol'] },
    );
  });

  it('RFC 4443 §2.3: the kernel answers an echo of ours whose checksum the socket has filled in', async () => {
    await withStack(
      async ({ stack }) => {
        const options = { protocol: 58, family: 6, icmpTypes: [129], remoteAddress: KERNEL6 };
        await stack.ask({ do: 'rawOpen', options });
        await stack.ask({ do: 'rawSend', text: '8000 ffff 1234 0001 616263'.replaceAll(' ', '') });
        const { hex } = await stack.next('raw');
        expect(String(hex).slice(8)).toBe('12340001616263');
        await stack.ask({ do: 'rawClose' });
      },
      { drops: ['icmpv6-echo-reply-unexpected'] },
    );
  });
});
