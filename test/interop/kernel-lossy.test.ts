import { describe, expect, it } from 'vitest';
import { captureOn, duplicateSackers, sackers } from '../support/kernel-capture.ts';
import type { Faults } from '../support/kernel.ts';
import { connect, part, transfer, withStack } from '../support/kernel.ts';
import { canUseTun } from '../support/namespace.ts';
import { kernelSocket, numberOf } from '../support/socket-statistics.ts';

const unavailable = canUseTun('tcpdump', 'ping', 'ss');

const PORT = 5000;
const BYTES = 2_000_000;
/** ACKs that were overtaken have an older timestamp; not each of them is answered. */
const OVERTAKEN = ['tcp-paws', 'tcp-challenge-limited'];
/** Now and then a segment is lost so often in a row that IP is advised to look for another way. */
const LOST_AGAIN = ['tcp-r1'];

interface Case {
  name: string;
  congestion: 'cubic' | 'bbr';
  faults: Faults;
}

const CASES: Case[] = (['cubic', 'bbr'] as const).flatMap((congestion) => [
  { name: `1 % loss, ${congestion}`, congestion, faults: { loss: 0.01, duplicate: 0.01 } },
  { name: `5 % loss, ${congestion}`, congestion, faults: { loss: 0.05, duplicate: 0.01 } },
  {
    name: `1 % loss and 5 % reordered, ${congestion}`,
    congestion,
    faults: { loss: 0.01, duplicate: 0.01, reorder: 0.05, reorderDelay: 3 },
  },
]);

describe.skipIf(unavailable)('a stack behind TUN and the kernel, with a bad line between them', () => {
  it.each(CASES)(
    '[S-076] [S-077] $name: all arrives both ways, and both sides use SACK and D-SACK',
    async ({ congestion, faults }) => {
      const options = {
        tcp: { congestion },
        impair: { delay: 2, seed: 11, ...faults },
        drops: [...OVERTAKEN, ...LOST_AGAIN],
      };
      await withStack(async ({ ns, stack, startKernel }) => {
        const kernel = await startKernel();
        const seen = await captureOn(ns);
        await stack.ask({ do: 'listen', port: PORT });
        const ends = await connect('kernel', { stack, kernel }, { port: PORT });
        await transfer(ends.ours, ends.theirs, BYTES);
        await transfer(ends.theirs, ends.ours, BYTES);
        const socket = await kernelSocket(ns, ['dport', String(PORT)]);
        // Both have seen what the other one told of duplicates, and sent again what was lost.
        expect(numberOf(socket, 'dsack_dups'), socket.text).toBeGreaterThan(0);
        expect(numberOf(socket, 'bytes_retrans'), socket.text).toBeGreaterThan(0);
        const info = await stack.ask({ do: 'info', id: ends.ours.id });
        expect(info['retransmits']).toBeGreaterThan(0);
        await part(ends);
        const captured = await seen.stop();
        for (const side of [captured.stack, captured.kernel]) {
          expect(sackers(side).length).toBeGreaterThan(0);
          expect(duplicateSackers(side).length).toBeGreaterThan(0);
        }
      }, options);
    },
  );
});
