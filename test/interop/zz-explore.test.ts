import { it } from 'vitest';
import { captureOn, duplicateSackers, sackers } from '../support/kernel-capture.ts';
import { connect, part, transfer, withStack } from '../support/kernel.ts';
import { kernelSocket, numberOf } from '../support/socket-statistics.ts';
for (const congestion of ['cubic', 'bbr'] as const)
for (const faults of [{ loss: 0.01 }, { loss: 0.05 }, { reorder: 0.05, reorderDelay: 3 }])
  it('x', async () => {
    await withStack(async ({ ns, stack, startKernel }) => {
      const kernel = await startKernel();
      const seen = await captureOn(ns);
      await stack.ask({ do: 'listen', port: 5000 });
      const ends = await connect('kernel', { stack, kernel }, { port: 5000 });
      let t = performance.now();
      await transfer(ends.ours, ends.theirs, 2e6);
      const t1 = performance.now() - t;
      const i1 = await stack.ask({ do: 'impairments' }) as any;
      const info = await stack.ask({ do: 'info', id: ends.ours.id }) as any;
      const k1 = await kernelSocket(ns, ['dport', '5000']);
      t = performance.now();
      await transfer(ends.theirs, ends.ours, 2e6);
      const t2 = performance.now() - t;
      const i2 = await stack.ask({ do: 'impairments' }) as any;
      const socket = await kernelSocket(ns, ['dport', '5000']);
      await stack.ask({ do: 'impair', changes: { loss: 0 } });
      await part(ends);
      const c = await seen.stop();
      process.stderr.write(JSON.stringify({ congestion, ...faults, up: { ms: t1 | 0, lost: i1.send.lost, retransmits: info.retransmits, timeouts: info.timeouts, undos: info.undos, dupsTold: duplicateSackers(c.kernel).length, rto: info.rto, srtt: info.rtt },
       down: { ms: t2 | 0, lost: i2.receive.lost - i1.receive.lost, retrans: socket.values.get('retrans'), dsack: numberOf(socket, 'dsack_dups'), us: duplicateSackers(c.stack).length }, drops: (await stack.ask({ do: 'statistics' }) as any).drops }) + '\n');
    }, { tcp: { congestion }, impair: { delay: 2, seed: 11, ...faults }, drops: ['tcp-paws', 'tcp-challenge-limited', 'tcp-r1'] });
  });
