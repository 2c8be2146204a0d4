// A congestion controller of your own in a few lines, against those that are there: goodput over one bad line.
import { Stack, cable, congestionControls, impair } from 'usernet';
import { VirtualClock, seededRandom } from 'usernet/sim';

/** Whatever happens, 40 segments are on their way. Never do this on a network that others use. */
class Fixed {
  name = 'fixed';
  constructor({ mss }) {
    this.cwnd = 40 * mss; // bytes
    this.ssthresh = 40 * mss; // how far fast recovery takes the flight down
  }
  onAck() {} // (sample): new data was acknowledged; the sample has numbers to go by
  onCongestion() {} // (kind, sample): a 'loss', a 'timeout' or an 'ecn' mark, told once for each event
  onRecovered() {} // (sample): what was lost has been repaired
  onIdle() {} // (idleFor, rto): about to send after a pause
}
congestionControls.register('fixed', (start) => new Fixed(start));

/** Mbit/s that the reader gets in 10 s of virtual time, of 10 Mbit/s with 40 ms of round trip. */
function goodput(congestion, loss) {
  const clock = new VirtualClock();
  const sender = new Stack({ clock, random: seededRandom(1), tcp: { congestion } });
  const receiver = new Stack({ clock, random: seededRandom(2) });
  const [a, b] = cable();
  sender.attach(a, { addresses: ['10.0.0.1/24'] });
  receiver.attach(impair(b, { delay: 20, rate: 10e6, loss, seed: 3 }), { addresses: ['10.0.0.2/24'] });

  let arrived = 0;
  receiver.tcp.listen({ port: 9 }, (connection) => {
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
  sender.tcp.connect({ remoteAddress: '10.0.0.2', remotePort: 9 }, { onConnect: fill, onWritable: fill });
  clock.advance(10_000_000); // microseconds
  return (arrived * 8) / 10e6;
}

console.log('loss   ', ...congestionControls.names().map((name) => name.padStart(7)));
for (const loss of [0, 0.001, 0.01]) {
  const row = congestionControls.names().map((name) => goodput(name, loss).toFixed(2).padStart(7));
  console.log(`${(loss * 100).toFixed(1)} %`.padEnd(7), ...row);
}
