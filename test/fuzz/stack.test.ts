import { describe, expect, it } from 'vitest';
import { FuzzWorld } from './stack-world.ts';

const PACKETS = Number(process.env['USERNET_FUZZ_PACKETS'] ?? 100_000);
const SEED = Number(process.env['USERNET_FUZZ_SEED'] ?? 1);
/** Each seed gets a fresh stack, so that a failure is repeated quickly. */
const PACKETS_A_SEED = 10_000;

describe('a stack under fire', () => {
  it(`survives ${PACKETS} malicious packets, answers only what may be answered, and serves on`, async () => {
    const worlds = Math.ceil(PACKETS / PACKETS_A_SEED);
    const effects: Record<string, number> = {};
    for (let seed = SEED; seed < SEED + worlds; seed++) {
      const world = new FuzzWorld(seed);
      try {
        world.run(PACKETS_A_SEED);
        await world.end();
      } catch (error) {
        const again = `USERNET_FUZZ_SEED=${seed} USERNET_FUZZ_PACKETS=${PACKETS_A_SEED}`;
        throw new Error(`seed ${seed}, packet ${world.packets} (${again} repeats it): ${String(error)}`, {
          cause: error,
        });
      }
      for (const [name, n] of Object.entries(world.effects)) effects[name] = (effects[name] ?? 0) + n;
    }
    if (process.env['USERNET_FUZZ_VERBOSE'] !== undefined) console.log(effects);
    // The fire has reached every room; else the test would prove little.
    for (const name of EXPECTED_EFFECTS) expect(effects[name] ?? 0, `how often ${name}`).toBeGreaterThan(0);
  });
});

/** Reasons and deliveries that must have happened. */
const EXPECTED_EFFECTS = [
  'ipv4-truncated',
  'ipv4-bad-version',
  'ipv4-bad-header-length',
  'ipv4-bad-total-length',
  'ipv4-bad-checksum',
  'ipv4-martian-source',
  'ipv4-martian-destination',
  'ipv4-not-for-us',
  'ipv4-reassembly-unaligned',
  'ipv4-reassembly-too-long',
  'ipv4-reassembly-timeout',
  'ip-unknown-protocol',
  'igmp-truncated',
  'igmp-bad-checksum',
  'igmp-bad-ttl',
  'igmp-no-router-alert',
  'igmp-bad-destination',
  'igmp-report-ignored',
  'icmp-truncated',
  'icmp-bad-checksum',
  'icmp-bad-quote',
  'icmp-unknown-type',
  'icmp-error-not-ours',
  'icmp-group-ignored',
  'tcp-truncated',
  'tcp-bad-header-length',
  'tcp-bad-checksum',
  'tcp-no-socket',
  'tcp-to-group',
  'tcp-port-zero',
  'tcp-out-of-window',
  'tcp-syn-cookies-sent',
  'tcp-syn-cookies-failed',
  'tcp-memory-budget',
  'udp-truncated',
  'udp-bad-length',
  'udp-bad-checksum',
  'udp-no-listener',
  'echo reply sent',
  'unreachable sent',
  'time exceeded sent',
  'RST sent',
  'SYN, ACK sent',
  'ACK sent',
  'datagram sent',
  'connections reset',
];
