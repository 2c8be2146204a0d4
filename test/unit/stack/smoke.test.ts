import { describe, expect, it } from 'vitest';
import { Stack, cable } from '../../../src/index.ts';
import { describePacket } from '../../../src/wire/describe.ts';
import { tap } from '../../../src/link/tap.ts';
import { VirtualClock, seededRandom } from '../../../src/sim/index.ts';

describe('two stacks on a cable', () => {
  it('carry an echo and close in order', () => {
    const clock = new VirtualClock();
    const [a, b] = cable({ mtu: 1500 });
    const alice = new Stack({ clock, random: seededRandom(1) });
    const lines: string[] = [];
    alice.attach(tap(a, { onSend: (batch) => { for (const p of batch) lines.push('-> ' + describePacket(p)); }, onReceive: (batch) => { for (const p of batch) lines.push('<- ' + describePacket(p)); } }), { addresses: ['10.0.0.1/24'] });
    const bob = new Stack({ clock, random: seededRandom(2) });
    bob.attach(b, { addresses: ['10.0.0.2/24'] });
    bob.tcp.listen({ port: 7 }, (c) => {
      c.handler = { onReadable: () => { for (let x = c.read(); x; x = c.read()) c.write(x); }, onEnd: () => c.shutdown() };
    });
    let got = 0;
    const events: string[] = [];
    const size = 300_000;
    const data = new Uint8Array(size).map((_, i) => i);
    let sent = 0;
    const c = alice.tcp.connect({ remoteAddress: '10.0.0.2', remotePort: 7 }, {
      onConnect: () => { events.push('connect'); sent += c.write(data); if (sent === size) c.shutdown(); },
      onWritable: () => { sent += c.write(data.subarray(sent)); if (sent === size) c.shutdown(); },
      onReadable: () => { for (let x = c.read(); x; x = c.read()) { for (const y of x) { if (y !== (got & 255)) throw new Error('bad'); got++; } } },
      onEnd: () => { events.push('end'); }, onError: (e) => events.push(e.message), onClose: () => events.push('close'),
    });
    clock.advance(5_000_000);
    console.log(lines.slice(0, 12).join('\n'), '\n...\n', lines.slice(-8).join('\n'), lines.length);
    console.log(c.info(), alice.statistics());
    expect(got).toBe(size);
    expect(events).toEqual(['connect', 'end', 'close']);
    alice.assertQuiescent({ timeWait: true });
  });
});
