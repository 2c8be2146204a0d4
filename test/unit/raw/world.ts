import type {
  PingOpenOptions,
  PingReplyInfo,
  PingSocket,
  RawOpenOptions,
  RawPacketInfo,
  RawSocket,
} from '../../../src/index.ts';
import { cable, Stack } from '../../../src/index.ts';
import type { PingError, SystemError } from '../../../src/index.ts';
import { seededRandom, VirtualClock } from '../../../src/sim/index.ts';
import { RawLink } from '../../support/raw-link.ts';

export const MS = 1000;
const text = new TextDecoder();

/** Two stacks on a cable, both families and link-local addresses. */
export class Pair {
  readonly clock: VirtualClock = new VirtualClock();
  readonly alice: Stack = new Stack({ clock: this.clock, random: seededRandom(1) });
  readonly bob: Stack = new Stack({ clock: this.clock, random: seededRandom(2) });

  constructor(mtu: number = 1500) {
    const [a, b] = cable({ mtu });
    this.alice.attach(a, { name: 'tun0', addresses: ['10.0.0.1/24', 'fd00::1/64', 'fe80::1/64'] });
    this.bob.attach(b, { name: 'tun1', addresses: ['10.0.0.2/24', 'fd00::2/64', 'fe80::2/64'] });
    this.clock.advance(0);
  }

  /** What has been dropped by either. */
  drops(): Record<string, number> {
    return { ...this.alice.statistics().drops, ...this.bob.statistics().drops };
  }

  async end(): Promise<void> {
    const ends = [this.alice.destroy(), this.bob.destroy()];
    this.clock.advance(0);
    await Promise.all(ends);
  }
}

/** A stack whose link is the test. */
export class Alone {
  readonly clock: VirtualClock = new VirtualClock();
  readonly link: RawLink;
  readonly stack: Stack;

  constructor(mtu: number = 1500) {
    this.link = new RawLink(mtu);
    this.stack = new Stack({ clock: this.clock, random: seededRandom(1) });
    this.stack.attach(this.link, { name: 'tun0', addresses: ['10.0.0.2/24', 'fd00::2/64', 'fe80::2/64'] });
    this.stack.routes.add('0.0.0.0/0', { via: '10.0.0.1' });
    this.clock.advance(0);
  }

  /** The packets sent since the last call. */
  sent(): Uint8Array[] {
    this.clock.advance(0);
    return this.link.take();
  }

  /** These packets arrive, and their owners are told. */
  arrive(...packets: Uint8Array[]): void {
    this.link.inject(...packets);
    this.clock.advance(0);
  }

  async end(): Promise<void> {
    const end = this.stack.destroy();
    this.clock.advance(0);
    await end;
  }
}

/** A raw socket with all that its handler was told. */
export interface Opened {
  socket: RawSocket;
  packets: { bytes: Uint8Array; info: RawPacketInfo; payload: Uint8Array; text: string }[];
  errors: SystemError[];
  writable: number;
  closed: number;
}

export function open(stack: Stack, options: RawOpenOptions): Opened {
  const told: Omit<Opened, 'socket'> = { packets: [], errors: [], writable: 0, closed: 0 };
  const opened = told as Opened;
  opened.socket = stack.raw.open(options, {
    onPacket: (bytes, info) => {
      const payload = bytes.subarray(info.offset);
      opened.packets.push({ bytes, info, payload, text: text.decode(payload) });
    },
    onError: (error) => opened.errors.push(error),
    onWritable: () => opened.writable++,
    onClose: () => opened.closed++,
  });
  return opened;
}

/** A ping socket with all that its handler was told. */
export interface Pinging {
  socket: PingSocket;
  replies: PingReplyInfo[];
  data: Uint8Array[];
  errors: PingError[];
  writable: number;
  closed: number;
}

export function openPing(stack: Stack, options: PingOpenOptions): Pinging {
  const told: Omit<Pinging, 'socket'> = { replies: [], data: [], errors: [], writable: 0, closed: 0 };
  const pinging = told as Pinging;
  pinging.socket = stack.raw.openPing(options, {
    onReply: (data, info) => {
      pinging.data.push(data);
      pinging.replies.push(info);
    },
    onError: (error) => pinging.errors.push(error),
    onWritable: () => pinging.writable++,
    onClose: () => pinging.closed++,
  });
  return pinging;
}

export function bytesOf(words: string): Uint8Array {
  return new TextEncoder().encode(words);
}

/** The code of what `fn` throws. */
export function codeOf(fn: () => unknown): string {
  try {
    fn();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return 'nothing';
}
