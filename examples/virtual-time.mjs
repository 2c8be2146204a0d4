// A minute of TCP in a few milliseconds: the core sockets in virtual time. What it prints is the same at every run.
import { Stack, cable } from 'usernet';
import { Ladder, VirtualClock, seededRandom } from 'usernet/sim';

const clock = new VirtualClock();
const ladder = new Ladder();
const alice = new Stack({ clock, random: seededRandom(1) });
const bob = new Stack({ clock, random: seededRandom(2) });
const [a, b] = cable();
alice.attach(ladder.watch(alice, a, 'alice'), { addresses: ['10.0.0.1/24'] });
bob.attach(ladder.watch(bob, b, 'bob'), { addresses: ['10.0.0.2/24'] });

bob.tcp.listen({ port: 7 }, (connection) => {
  connection.handler = {
    onReadable: (c) => {
      for (let bytes = c.read(); bytes; bytes = c.read()) c.write(bytes);
    },
    onEnd: (c) => c.shutdown(),
  };
});
alice.tcp.connect(
  { remoteAddress: '10.0.0.2', remotePort: 7 },
  {
    onConnect: (c) => {
      c.write(new TextEncoder().encode('hello, bob\n'));
      c.shutdown();
    },
    onReadable: (c) => {
      while (c.read() !== undefined);
    },
  },
);

clock.advance(61_000_000); // microseconds: TIME-WAIT lasts a minute
console.log(ladder.lines().join('\n'));
