// Eight virtual seconds of a transfer over a bad line, in a fraction of a second, the same at every run.
import { Stack, cable, impair } from 'usernet';
import { VirtualClock, seededRandom } from 'usernet/sim';

const clock = new VirtualClock();
const alice = new Stack({ clock, random: seededRandom(1) });
const bob = new Stack({ clock, random: seededRandom(2) });
const [a, b] = cable();
const line = impair(b, { delay: 20, rate: 10e6, loss: 0.0005, seed: 7 }); // ms, bit/s, a probability
alice.attach(a, { addresses: ['10.0.0.1/24'] });
bob.attach(line, { addresses: ['10.0.0.2/24'] });

let arrived = 0;
bob.tcp.listen({ port: 9 }, (connection) => {
  connection.handler = {
    onReadable: (c) => {
      for (let bytes = c.read(); bytes; bytes = c.read()) arrived += bytes.length;
    },
  };
});
const chunk = new Uint8Array(65_536);
const fill = (c) => {
  while (c.write(chunk) === chunk.length); // until the send buffer is full; onWritable follows
};
const to = { remoteAddress: '10.0.0.2', remotePort: 9 };
const connection = alice.tcp.connect(to, { onConnect: fill, onWritable: fill });
alice.on('tcp-recovery', ({ type, cause = '' }) => {
  if (type !== 'retransmit') console.log(`${(clock.now() / 1e6).toFixed(3)} s: ${type} ${cause}`);
});
clock.advance(3_000_000); // microseconds
line.set({ loss: 1 }); // the line is cut …
clock.advance(1_000_000);
line.set({ loss: 0.0005 }); // … for a second
clock.advance(4_000_000);

const { lost, queueDrops } = line.statistics().receive;
const { retransmits, rtt, limitedBy } = connection.info();
console.log(`${(arrived / 1e6).toFixed(2)} Mbit/s; ${lost} packets lost, ${queueDrops} found the queue full`);
console.log(`${retransmits} sent again; ${rtt.toFixed(0)} ms of round trip; limited by the ${limitedBy}`);
