import { describe, expect, it } from 'vitest';
import type { Batch, Link, LinkHost, LinkOffload } from '../../../src/index.ts';
import { NO_OFFLOAD, Stack, cable, tap } from '../../../src/index.ts';
import type { LadderOptions } from '../../../src/sim/index.ts';
import { Ladder, VirtualClock, seededRandom } from '../../../src/sim/index.ts';
import { tcpFlags, tcpSequence } from '../../../src/wire/tcp.ts';

const bytes = (text: string): Uint8Array => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

/** Carries packets in single file and loses some of those that arrive, by their number from 0 on. */
class LossyLink implements Link {
  readonly medium = 'ip';
  readonly offload: LinkOffload = NO_OFFLOAD;
  readonly #inner: Link;
  readonly #lost: readonly number[];
  #arrived: number = 0;

  constructor(inner: Link, lost: readonly number[]) {
    this.#inner = inner;
    this.#lost = lost;
  }

  get mtu(): number {
    return this.#inner.mtu;
  }

  get up(): boolean {
    return this.#inner.up;
  }

  open(host: LinkHost): void | Promise<void> {
    return this.#inner.open({
      clock: host.clock,
      random: host.random,
      receive: (batch) => {
        if (!this.#lost.includes(this.#arrived++)) host.receive(batch);
      },
      writable: () => host.writable(),
      changed: () => host.changed(),
      closed: (error) => host.closed(error),
    });
  }

  send(batch: Batch): number {
    return this.#inner.send(batch);
  }

  close(): void | Promise<void> {
    return this.#inner.close();
  }
}

interface Wishes extends LadderOptions {
  /** Which of the packets for bob are lost. */
  lost?: readonly number[];
  /** Is bob watched, too? */
  both?: boolean;
  /** Of alice and bob. */
  addresses?: readonly [string, string];
}

/** Two stacks on a cable, alice and bob; alice's link is the observer's, to look at. */
class Scene {
  readonly clock: VirtualClock = new VirtualClock();
  readonly ladder: Ladder;
  readonly alice: Stack;
  readonly bob: Stack;
  /** What alice has sent. */
  readonly sent: DataView[] = [];

  constructor({ lost = [], both = true, addresses = ['10.0.0.1/24', '10.0.0.2/24'], ...options }: Wishes = {}) {
    const { clock } = this;
    this.ladder = new Ladder(options);
    const [a, b] = cable();
    this.alice = new Stack({ clock, random: seededRandom(1) });
    this.bob = new Stack({ clock, random: seededRandom(2) });
    const noted = tap(a, {
      onSend: (batch) => {
        for (const packet of batch) this.sent.push(new DataView(packet.slice().buffer));
      },
    });
    this.alice.attach(this.ladder.watch(this.alice, noted, 'alice'), { addresses: [addresses[0]] });
    const far = new LossyLink(b, lost);
    this.bob.attach(both ? this.ladder.watch(this.bob, far, 'bob') : far, { addresses: [addresses[1]] });
  }

  /** Alice asks, bob answers with `reply` and ends, then alice ends. */
  talk(reply: Uint8Array, remoteAddress: string = '10.0.0.2'): this {
    this.bob.tcp.listen({ address: '::', port: 80 }, (connection) => {
      connection.handler = {
        onReadable: (c) => {
          while (c.read() !== undefined);
          c.write(reply);
          c.shutdown();
        },
      };
    });
    this.alice.tcp.connect(
      { remoteAddress, remotePort: 80, localPort: 40_000 },
      {
        onConnect: (c) => void c.write(bytes('GET /\r\nHost: bob\r\n')),
        onReadable: (c) => {
          while (c.read() !== undefined);
        },
        onEnd: (c) => c.shutdown(),
      },
    );
    this.clock.advance(50_000_000);
    return this;
  }

  /** The lines without times, with spaces and dashes run together. */
  gist(): string[] {
    return this.ladder.lines().map((line) => {
      const shown = line.replace(/^ *\d+\.\d{3} /, '');
      return shown.replaceAll(/[ ─]+/g, ' ').trim();
    });
  }
}

describe('Ladder', () => {
  it('draws a connection from SYN to TIME-WAIT, each state beside the packet it came with', () => {
    const scene = new Scene().talk(bytes('hello\n'));
    expect(scene.gist().slice(2)).toEqual([
      'CLOSED │ │ LISTEN',
      'SYN_SENT ├ SYN seq=0 win=65535 mss=1460 sackOK … >│ SYN_RECV',
      'ESTABLISHED │< SYN,ACK seq=0 ack=1 win=65535 mss=1460 sackOK … ┤',
      '├ PSH,ACK seq=1 ack=1 win=131072 len=18 >│ ESTABLISHED',
      '│ GET / │',
      'CLOSE_WAIT │< FIN,PSH,ACK seq=1 ack=19 win=131072 len=6 ┤ FIN_WAIT_1',
      '│ hello │',
      'LAST_ACK ├ FIN,ACK seq=19 ack=8 win=131072 len=0 >│ FIN_WAIT_2',
      '│ │ TIME_WAIT',
      'CLOSED │< ACK seq=8 ack=20 win=131072 len=0 ┤',
    ]);
  });

  it('draws what is in frames on Ethernet, and counts ARP with what is not TCP', () => {
    const clock = new VirtualClock();
    const ladder = new Ladder();
    const ends = cable({ medium: 'ethernet' }).map((link, i) => {
      const stack = new Stack({ clock, random: seededRandom(i) });
      const watched = ladder.watch(stack, link, ['alice', 'bob'][i]!);
      stack.attach(watched, { addresses: [`10.0.0.${i + 1}/24`], autoconfiguration: false });
      return stack;
    });
    ends[1]!.tcp.listen({ port: 80 }, () => {});
    ends[0]!.tcp.connect({ remoteAddress: '10.0.0.2', remotePort: 80, localPort: 40_000 }, {});
    clock.advance(1_000_000);
    const lines = ladder.lines();
    expect(lines[0]!.trim().split(/ {2,}/)).toEqual(['alice 10.0.0.1:40000', '10.0.0.2:80 bob']);
    expect(lines.filter((line) => /SYN|ESTABLISHED/.test(line))).toHaveLength(3);
    // Two announcements, a question and its answer.
    expect(lines.at(-1)).toBe('Packets that are not TCP: 4');
  });

  it('says at the head who talks, and which sequence numbers stand as 0', () => {
    const { ladder, sent } = new Scene().talk(bytes('hello\n'));
    const [names = '', origins = ''] = ladder.lines();
    expect(names.trim().split(/ {2,}/)).toEqual(['alice 10.0.0.1:40000', '10.0.0.2:80 bob']);
    const [syn] = sent;
    expect(tcpFlags(syn!, 20)).toBe(2);
    expect(origins).toContain(`seq 0 = ${tcpSequence(syn!, 20)} `);
  });

  it.each([
    ['fd00::1/64', 'fd00::2/64', 'fd00::2', ['alice [fd00::1]:40000', '[fd00::2]:80 bob']],
    // A packet says nothing of zones.
    ['fe80::1/64', 'fe80::2/64', 'fe80::2%eth0', ['alice [fe80::1]:40000', '[fe80::2]:80 bob']],
  ] as const)('draws IPv6: %s and %s', (ours, theirs, to, head) => {
    const scene = new Scene({ addresses: [ours, theirs] }).talk(bytes('hello\n'), to);
    const [names = ''] = scene.ladder.lines();
    expect(names.trim().split(/ {2,}/)).toEqual(head);
    expect(scene.gist()).toContain('SYN_SENT ├ SYN seq=0 win=65535 mss=1440 sackOK … >│ SYN_RECV');
    expect(scene.gist().at(-1)).toBe('CLOSED │< ACK seq=8 ack=20 win=131072 len=0 ┤');
  });

  it('finds the packet that changed a state among those that came at once', () => {
    const scene = new Scene().talk(new Uint8Array(4000).fill(0xff));
    const data = scene.gist().filter((line) => line.includes('<') && line.includes('len=') && !line.includes('len=0'));
    expect(data).toEqual([
      '│< ACK seq=1 ack=19 win=131072 len=1448 ┤ FIN_WAIT_1',
      '│< ACK seq=1449 ack=19 win=131072 len=1448 ┤',
      'CLOSE_WAIT │< FIN,PSH,ACK seq=2897 ack=19 win=131072 len=1104 ┤',
    ]);
  });

  it('marks what was lost and what is sent again', () => {
    // The SYN arrives, the request does not.
    const scene = new Scene({ lost: [1] }).talk(bytes('hello\n'));
    const requests = scene.gist().filter((line) => line.includes('len=18'));
    expect(requests).toEqual([
      '├ PSH,ACK seq=1 ack=1 win=131072 len=18 x│',
      '├ PSH,ACK seq=1 ack=1 win=131072 len=18 again >│ ESTABLISHED',
    ]);
    expect(scene.gist().filter((line) => /x│|│x/.test(line))).toHaveLength(1);
  });

  it.each([76, 100, 140])('marks a SYN that is sent again, %i columns wide', (width) => {
    const { ladder } = new Scene({ width, lost: [0] }).talk(bytes('hello\n'));
    const [first, second] = ladder.lines().filter((line) => line.includes('├── SYN '));
    expect(first).toMatch(/ SYN +seq=0 .*x│/);
    expect(second).toMatch(/ SYN +seq=0 .* again ─*>│/);
    expect(Math.max(...ladder.lines().map((line) => line.length))).toBeLessThanOrEqual(width);
  });

  it('makes do with one end', () => {
    const scene = new Scene({ both: false }).talk(bytes('hello\n'));
    const lines = scene.gist();
    expect(lines[0]).toBe('alice 10.0.0.1:40000 10.0.0.2:80');
    expect(lines).toContain('SYN_SENT ├ SYN seq=0 win=65535 mss=1460 sackOK … >│');
    expect(lines.at(-1)).toBe('CLOSED │< ACK seq=8 ack=20 win=131072 len=0 ┤');
    expect(lines.filter((line) => /LISTEN|FIN_WAIT|x│|│x/.test(line))).toEqual([]);
  });

  it('shows a refusal, and a reset', () => {
    const scene = new Scene();
    scene.bob.tcp.listen({ port: 80 }, () => {});
    const at = { remoteAddress: '10.0.0.2', localPort: 40_000 };
    scene.alice.tcp.connect({ ...at, remotePort: 81 }, {});
    scene.clock.advance(1000);
    scene.alice.tcp.connect({ ...at, remotePort: 80 }, { onConnect: (c) => c.abort() });
    scene.clock.advance(1000);
    const lines = scene.gist();
    const gap = lines.indexOf('');
    expect(lines[gap - 1]).toBe('CLOSED │< RST,ACK seq=0 ack=1 win=0 len=0 ┤');
    expect(lines.slice(gap + 1)[0]).toBe('alice 10.0.0.1:40000 10.0.0.2:80 bob');
    expect(lines.at(-1)).toBe('CLOSED ├ RST,ACK seq=1 ack=1 win=0 len=0 >│ CLOSED');
  });

  it('shows the last changes, which no packet carries', () => {
    const scene = new Scene().talk(bytes('hello\n'));
    scene.clock.advance(60_000_000);
    expect(scene.ladder.lines().at(-1)).toMatch(/^60000\.000 +│ +│ CLOSED$/);
  });

  it.each([
    [99_999_999, '99999.999'],
    [100_000_999, '100000.99'],
    [1_000_000_999, '1000000.9'],
    [10_000_000_999, '10000000'],
    [100_000_000_999, '100000000'],
  ])('stands straight after %i microseconds', (microseconds, shown) => {
    const { ladder, alice, clock } = new Scene();
    const connect = (): void => {
      alice.tcp.connect({ remoteAddress: '10.0.0.2', remotePort: 81 }, {});
      clock.advance(0);
    };
    connect();
    clock.advance(microseconds);
    connect();
    const [first = '', second = ''] = ladder.lines().filter((line) => line.includes(' SYN '));
    expect(second.slice(0, 9)).toBe(shown.padStart(9));
    expect(second.slice(9)).toBe(first.slice(9));
  });

  it('keeps to its width and its limit', () => {
    for (const width of [76, 100, 140]) {
      const { ladder } = new Scene({ width }).talk(bytes(`${'hello '.repeat(19)}\n`));
      const rungs = ladder.lines().filter((line) => line.includes('│') || line.includes('├'));
      expect(rungs.length).toBeGreaterThan(8);
      expect(Math.max(...ladder.lines().map((line) => line.length))).toBeLessThanOrEqual(width);
      // The uprights stand in two straight lines.
      const uprights = rungs.map((line) => [line.search(/[│├]/), line.search(/[│┤](?=[^│┤]*$)/)].join(' '));
      expect(new Set(uprights).size).toBe(1);
    }
    // One connection and three packets of six.
    const { ladder } = new Scene({ limit: 4 }).talk(bytes('hello\n'));
    expect(ladder.lines().filter((line) => line.includes('seq='))).toHaveLength(3);
    expect(ladder.lines().at(-1)).toBe("Packets beyond the ladder's limit: 3");
    const other = new Scene({ limit: 1 });
    other.alice.tcp.connect({ remoteAddress: '10.0.0.2', remotePort: 81 }, {});
    other.alice.tcp.connect({ remoteAddress: '10.0.0.2', remotePort: 82 }, {});
    other.clock.advance(1000);
    expect(other.ladder.lines().at(-1)).toBe("Packets beyond the ladder's limit: 4");
    expect(() => new Ladder({ width: 75 })).toThrow(/width must be at least 76, not 75/);
    expect(() => new Ladder({ limit: 0 })).toThrow(/limit must be at least 1/);
    expect(() => new Ladder({ limit: NaN })).toThrow(RangeError);
  });

  it('counts what is not TCP', () => {
    const { ladder, alice, bob, clock } = new Scene();
    clock.advance(1);
    const socket = alice.udp.bind({}, { onMessage: () => {} });
    bob.udp.bind({ port: 7 }, { onMessage: () => {} });
    socket.send(bytes('hello'), 7, '10.0.0.2');
    clock.advance(1000);
    expect(ladder.lines()).toEqual(['Packets that are not TCP: 1']);
  });
});
