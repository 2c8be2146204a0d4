// Ping: is a host there, how far is it, and who is on the way? In memory and in virtual time, the same at every run.
import { Stack, cable, impair } from 'usernet';
import { VirtualClock, seededRandom } from 'usernet/sim';

const clock = new VirtualClock();
const alice = new Stack({ clock, random: seededRandom(1) });
const bob = new Stack({ clock, random: seededRandom(2) });
const [a, b] = cable();
alice.attach(a, { addresses: ['10.0.0.1/24', 'fd00::1/64'] });
const line = impair(b, { delay: 10, jitter: 2, loss: 0.1, seed: 7 }); // ms, a probability
bob.attach(line, { addresses: ['10.0.0.2/24', 'fd00::2/64'] });

/** As ping(8) tells it. Who has real links and the host's clock leaves the virtual one out and awaits the promise. */
async function ping(address) {
  const asked = alice.ping(address, { count: 5, interval: 100, timeout: 500 });
  await clock.run({ for: 2000 });
  const { sent, received, replies } = await asked;
  for (const { sequence, size, ttl, time } of replies) {
    console.log(`${size} bytes from ${address}: seq=${sequence} ttl=${ttl} time=${time.toFixed(2)} ms`);
  }
  console.log(`${sent} requests, ${received} answers`);
}
await ping('10.0.0.2');
await ping('fd00::2');

const nobody = alice.ping('10.0.0.77').catch(({ message }) => console.log(message));
await clock.run({ for: 1000 });
await nobody;

// A raw socket has a copy of every packet of its protocol: here of ICMP.
line.set({ loss: 0 });
const raw = bob.raw.open(
  { protocol: 1 },
  {
    onPacket: (bytes, { remoteAddress, offset }) =>
      console.log(`bob has heard of ${remoteAddress}: type ${bytes[offset]}, ${bytes.length} bytes with the IP header`),
  },
);
const last = alice.ping('10.0.0.2', { size: 8 });
await clock.run({ for: 1000 });
await last;
raw.close();
