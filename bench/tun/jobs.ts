/** Who serves. */
export type WorldName = 'usernet' | 'C' | 'node:net' | 'Linux' | PeerName;
/** Other stacks in user space, where they are installed: see peers.ts. */
export type PeerName = 'gVisor' | 'lwIP';

/** What is measured, and how. */
export interface Job {
  readonly name: string;
  readonly title: string;
  readonly unit: 'Gbit/s' | 'k/s';
  /** What the driver counts in one of the unit. */
  readonly perUnit: number;
  /** The driver's job and its options. */
  readonly driver: readonly string[];
  readonly worlds: readonly WorldName[];
  /** Of the device. */
  readonly offload: boolean;
  /** Of usernet's device. */
  readonly device: 'tun' | 'tap';
  readonly family: 4 | 6;
  /** Of the plain C loop, besides. */
  readonly ceiling: readonly string[];
  /** Driver and server take turns on one processor, instead of having one each. */
  readonly oneCore: boolean;
  /** What the driver counts in the first run, from which the length of the others follows. */
  readonly first: number;
  /** At least this much of another world's median; undefined: it is only good to know. */
  readonly target: { readonly of: 'C' | 'node:net'; readonly share: number } | undefined;
  /** What the C loop should give on the machine it was written on. */
  readonly ceilingShouldGive?: number;
  /** Part of `--quick`. */
  readonly quick: boolean;
}

const GBIT = 1e9 / 8;
/** Looks for packets for some 100 µs before it sleeps: being woken costs more than a packet. */
const SPINS = ['--spin', '1000'];
/** Sleeps in read(), answers packet by packet. */
const BLOCKS = ['--blocking'];

type Common =
  | 'unit'
  | 'perUnit'
  | 'offload'
  | 'device'
  | 'family'
  | 'oneCore'
  | 'target'
  | 'ceiling'
  | 'quick'
  | 'first';

function job(parts: Omit<Job, Common> & Partial<Job>): Job {
  return {
    unit: 'k/s',
    perUnit: 1000,
    offload: true,
    device: 'tun',
    family: 4,
    oneCore: false,
    target: { of: 'C', share: 0.6 },
    ceiling: BLOCKS,
    quick: false,
    first: 2000,
    ...parts,
  };
}

const BULK = { unit: 'Gbit/s', perUnit: GBIT, ceiling: SPINS, first: 3e7 } as const;
const ALL = ['usernet', 'C', 'node:net', 'Linux', 'gVisor', 'lwIP'] as const;
/** lwIP has no offload. */
const LARGE = ['usernet', 'C', 'node:net', 'Linux', 'gVisor'] as const;
/** Between the kernel and itself nothing is cut to 1500 bytes. */
const OVER_TUN = ['usernet', 'C', 'gVisor', 'lwIP'] as const;

export const JOBS: readonly Job[] = [
  job({
    ...BULK,
    name: 'receive',
    title: 'bulk receive, TUN with offload',
    driver: ['source'],
    worlds: LARGE,
    ceilingShouldGive: 43,
    quick: true,
  }),
  job({
    ...BULK,
    name: 'send',
    title: 'bulk send, TUN with offload',
    driver: ['sink'],
    worlds: LARGE,
    ceilingShouldGive: 70,
    quick: true,
  }),
  job({
    ...BULK,
    name: 'receive-1500',
    title: 'bulk receive, packets of 1500 B',
    driver: ['source'],
    worlds: OVER_TUN,
    offload: false,
    ceilingShouldGive: 11,
  }),
  job({
    ...BULK,
    name: 'send-1500',
    title: 'bulk send, packets of 1500 B',
    driver: ['sink'],
    worlds: OVER_TUN,
    offload: false,
    ceilingShouldGive: 5,
  }),
  ...(['receive', 'send'] as const).flatMap((way) => {
    const common = { ...BULK, driver: [way === 'receive' ? 'source' : 'sink'], target: undefined };
    return [
      // The C loop knows neither IPv6 nor Ethernet: beside the job over IPv4 and TUN one sees what they cost.
      job({
        ...common,
        name: `${way}-ipv6`,
        title: `bulk ${way}, TUN with offload, IPv6`,
        worlds: ['usernet', 'node:net'],
        family: 6,
      }),
      job({
        ...common,
        name: `${way}-tap`,
        title: `bulk ${way}, TAP with offload`,
        worlds: ['usernet'],
        device: 'tap',
      }),
    ];
  }),
  job({
    name: 'ping-pong',
    title: 'round trips of 64 B, one core',
    driver: ['ping-pong', '--size', '64'],
    worlds: ALL,
    oneCore: true,
    target: { of: 'C', share: 0.7 },
    ceilingShouldGive: 250,
    quick: true,
  }),
  job({
    name: 'connect-1',
    title: 'connect, 1 B each way, close, one core',
    driver: ['connect'],
    worlds: ALL,
    oneCore: true,
    target: { of: 'node:net', share: 1 },
    first: 500,
  }),
  job({
    name: 'connect-32',
    title: 'connect, 1 B each way, close, 32 at once',
    driver: ['connect', '--window', '32'],
    worlds: ALL,
    target: { of: 'node:net', share: 1 },
    first: 500,
  }),
  job({
    name: 'udp-64',
    title: 'UDP echo, 64 B, 64 on their way',
    driver: ['udp-echo', '--size', '64', '--window', '64'],
    worlds: ALL,
  }),
  job({
    name: 'udp-1400',
    title: 'UDP echo, 1400 B, 64 on their way',
    driver: ['udp-echo', '--size', '1400', '--window', '64'],
    worlds: ALL,
  }),
  job({
    name: 'udp-send',
    title: 'UDP send, 1400 B (USO)',
    driver: ['udp-sink', '--size', '1400', '--window', '1024'],
    worlds: ALL,
    ceiling: SPINS,
  }),
];
