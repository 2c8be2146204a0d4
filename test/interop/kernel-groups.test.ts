import { describe, expect, it } from 'vitest';
import { fileURLToPath } from 'node:url';
import { KERNEL, PATIENTLY, STACK, STACK_LINK } from '../support/kernel.ts';
import type { Fixture, Namespace } from '../support/namespace.ts';
import { canUseTun, withNamespace } from '../support/namespace.ts';

const unavailable = canUseTun('socat', 'tcpdump', 'python3');
const QUERY = fileURLToPath(new URL('fixtures/query.py', import.meta.url));
const GROUP = '239.7.7.7';
const GROUP6 = 'ff05::7:7';
const PORT = 5007;

/** Who plays: the stack's program, and what tcpdump says of membership, line by line. */
interface Scene {
  ns: Namespace;
  stack: Fixture;
  said(): string;
}

async function withGroups(play: (scene: Scene) => Promise<void>, drops: readonly string[] = []): Promise<void> {
  await withNamespace(async (ns) => {
    const stack = await ns.start('groups.mjs');
    expect(stack.ready).toEqual({ event: 'ready' });
    const tcpdump = ns.spawn('tcpdump', [
      '-i',
      'tun0',
      '-n',
      '-l',
      '-vv',
      '-t',
      '--immediate-mode',
      'igmp or ip6 proto 0',
    ]);
    let text = '';
    let errors = '';
    tcpdump.stdout.setEncoding('utf8').on('data', (piece: string) => (text += piece));
    tcpdump.stderr.setEncoding('utf8').on('data', (piece: string) => (errors += piece));
    await expect.poll(() => errors, PATIENTLY).toContain('listening on');
    // One packet a line: what tcpdump continues is indented.
    await play({ ns, stack, said: () => text.replaceAll(/\n\s+/g, ' ') });
    const found = Object.keys((await stack.ask({ do: 'drops' }))['drops'] as object);
    expect(found.filter((reason) => !CHATTER.includes(reason) && !drops.includes(reason))).toEqual([]);
    expect([await stack.stop(), stack.stderr]).toEqual([0, '']);
  });
}

/** What the kernel says to routers by itself, of groups of its own too. */
const CHATTER = [
  'icmpv6-neighbor-ignored',
  'ipv6-martian-source',
  'mld-report-ignored',
  'mld-bad-source',
  'igmp-report-ignored',
];

async function bound(stack: Fixture, type: 'udp4' | 'udp6' = 'udp4', port: number = PORT): Promise<unknown> {
  return (await stack.ask({ do: 'bind', type, port }))['id'];
}

/** The kernel sends to a group. */
async function kernelSends(ns: Namespace, text: string, to: string): Promise<void> {
  const { stderr, status } = await ns.run('socat', ['-u', 'STDIN', to], { input: text });
  expect([stderr, status]).toEqual(['', 0]);
}

const to4 = (group: string): string => `UDP4-DATAGRAM:${group}:${PORT},ip-multicast-if=${KERNEL}`;
const to6 = (group: string): string => `UDP6-DATAGRAM:[${group}]:${PORT},so-bindtodevice=tun0`;

describe.skipIf(unavailable)('multicast between the kernel and a stack behind TUN', () => {
  it('[S-022] what the kernel sends to a group reaches its members, and them alone', async () => {
    await withGroups(
      async ({ ns, stack, said }) => {
        const id = await bound(stack);
        await kernelSends(ns, 'too early', to4(GROUP));
        await stack.ask({ do: 'join', id, group: GROUP, own: STACK });
        await kernelSends(ns, 'to all', to4(GROUP));
        await kernelSends(ns, 'to others', to4('239.7.7.8'));
        expect(await stack.next('message')).toMatchObject({ id, text: 'to all', address: KERNEL });
        await stack.ask({ do: 'leave', id, group: GROUP, own: STACK });
        await kernelSends(ns, 'too late', to4(GROUP));
        await stack.ask({ do: 'join', id, group: GROUP, own: STACK, source: '10.7.0.99' });
        await kernelSends(ns, 'not from there', to4(GROUP));
        await stack.ask({ do: 'join', id, group: GROUP, own: STACK, source: KERNEL });
        await kernelSends(ns, 'from there', to4(GROUP));
        expect(await stack.next('message')).toMatchObject({ text: 'from there' });
        expect(stack.unread.filter(({ event }) => event === 'message')).toEqual([]);
        // As tcpdump reads it.
        const header = 'IP (tos 0xc0, ttl 1, id 0, offset 0, flags [DF], proto IGMP (2), length 40, options (RA))';
        const report = `${STACK} > 224.0.0.22: igmp v3 report, 1 group record(s)`;
        // What is still to be said of the leaving may go before the sources.
        await expect
          .poll(said, PATIENTLY)
          .toMatch(/\[gaddr 239\.7\.7\.7 (allow|to_in) \{ (10\.7\.0\.99 )?10\.7\.0\.1 \}\]/);
        expect(said()).toContain(`${header} ${report} [gaddr ${GROUP} to_ex { }]`);
        expect(said()).toContain(`${report} [gaddr ${GROUP} to_in { }]`);
      },
      ['udp-no-listener'],
    );
  });

  it('[S-022] of IPv6, too', async () => {
    await withGroups(
      async ({ ns, stack, said }) => {
        const id = await bound(stack, 'udp6');
        await kernelSends(ns, 'too early', to6(GROUP6));
        await stack.ask({ do: 'join', id, group: GROUP6, own: '::%tun0' });
        await kernelSends(ns, 'to all', to6(GROUP6));
        await kernelSends(ns, 'to others', to6('ff05::7:8'));
        await kernelSends(ns, 'to all nodes', to6('ff02::1'));
        expect(await stack.next('message')).toMatchObject({ id, text: 'to all' });
        expect(await stack.next('message')).toMatchObject({ text: 'to all nodes' });
        await stack.ask({ do: 'leave', id, group: GROUP6, own: '::%tun0' });
        const report = `${STACK_LINK} > ff02::16: HBH (rtalert: 0x0000) (padn) [icmp6 sum ok] ICMP6, multicast listener report v2, 1 group record(s)`;
        await expect.poll(said, PATIENTLY).toContain(`${report} [gaddr ${GROUP6} to_in { }]`);
        expect(said()).toMatch(/hlim 1, next-header Options \(0\) payload length: 36\) fe80::7:2 > ff02::16/);
        expect(said()).toContain(`${report} [gaddr ${GROUP6} to_ex { }]`);
      },
      ['udp-no-listener'],
    );
  });

  it.each([
    ['udp4', GROUP, `UDP4-RECV:${PORT},ip-add-membership=${GROUP}:${KERNEL}`],
    ['udp6', `${GROUP6}%tun0`, `UDP6-RECV:${PORT},ipv6-join-group=[${GROUP6}]:tun0`],
  ] as const)(
    'what the stack sends to a group reaches the kernel’s members, and its own: %s',
    async (type, group, receive) => {
      await withGroups(async ({ ns, stack }) => {
        const socat = ns.spawn('socat', ['-u', receive, 'STDOUT']);
        let heard = '';
        socat.stdout.setEncoding('utf8').on('data', (text: string) => (heard += text));
        await expect.poll(() => ns.ip('maddr', 'show', 'dev', 'tun0'), PATIENTLY).toContain(group.split('%')[0]);
        const sender = await bound(stack, type, 0);
        const member = await bound(stack, type);
        const own = type === 'udp4' ? STACK : '::%tun0';
        await stack.ask({ do: 'join', id: member, group: group.split('%')[0], own });
        await stack.ask({ do: 'send', id: sender, group, port: PORT, text: 'one,' });
        await stack.ask({ do: 'send', id: sender, group, port: PORT, text: 'two,', loop: false });
        await stack.ask({ do: 'send', id: sender, group, port: PORT, text: 'three' });
        await expect.poll(() => heard, PATIENTLY).toBe('one,two,three');
        expect(await stack.next('message')).toMatchObject({ id: member, text: 'one,' });
        expect(await stack.next('message')).toMatchObject({ id: member, text: 'three' });
        expect(stack.unread.filter(({ event }) => event === 'message')).toEqual([]);
        socat.kill();
      });
    },
  );

  it('[S-022] queries are answered in the querier’s version', async () => {
    await withGroups(async ({ ns, stack, said }) => {
      const id = await bound(stack, 'udp4');
      const id6 = await bound(stack, 'udp6', PORT + 1);
      await stack.ask({ do: 'join', id, group: GROUP, own: STACK });
      await stack.ask({ do: 'join', id: id6, group: GROUP6, own: '::%tun0' });
      const query = async (...args: string[]): Promise<void> => {
        const { status, stderr } = await ns.run('python3', [QUERY, ...args]);
        expect([status, stderr]).toEqual([0, '']);
      };
      const asked4 = (...args: string[]): Promise<void> => query('4', 'tun0', KERNEL, ...args);
      const asked6 = (...args: string[]): Promise<void> => query('6', 'tun0', '-', ...args);
      await asked4('-', '5', '3');
      await expect
        .poll(said, PATIENTLY)
        .toContain(`${STACK} > 224.0.0.22: igmp v3 report, 1 group record(s) [gaddr ${GROUP} is_ex { }]`);
      await asked4(GROUP, '5', '3', '10.7.0.77');
      await expect.poll(said, PATIENTLY).toContain(`[gaddr ${GROUP} is_in { 10.7.0.77 }]`);
      await asked6('-', '500', '2');
      await expect.poll(said, PATIENTLY).toContain(`[gaddr ${GROUP6} is_ex { }]`);
      await asked4('-', '5', '2');
      await expect.poll(said, PATIENTLY).toContain(`${STACK} > ${GROUP}: igmp v2 report ${GROUP}`);
      await stack.ask({ do: 'leave', id, group: GROUP, own: STACK });
      await expect.poll(said, PATIENTLY).toContain(`${STACK} > 224.0.0.2: igmp leave ${GROUP}`);
      await asked6('-', '500', '1');
      await expect
        .poll(said, PATIENTLY)
        .toMatch(/fe80::7:2 > ff05::7:7: HBH .* multicast listener reportmax resp delay: 0 addr: ff05::7:7/);
      await stack.ask({ do: 'leave', id: id6, group: GROUP6, own: '::%tun0' });
      await expect
        .poll(said, PATIENTLY)
        .toMatch(/fe80::7:2 > ff02::2: HBH .* multicast listener donemax resp delay: 0 addr: ff05::7:7/);
    });
  });
});
