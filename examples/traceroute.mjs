// Who is on the way? Four stacks in a row, two of them routers, and a traceroute from one end to the other; in virtual time.
import { Stack, cable, impair } from 'usernet';
import { VirtualClock, seededRandom } from 'usernet/sim';

const clock = new VirtualClock();
const [alice, near, far, bob] = [1, 2, 3, 4].map(
  (seed) => new Stack({ clock, random: seededRandom(seed), forwarding: seed === 2 || seed === 3 }),
);
const delays = [1, 20, 5]; // ms, each way
for (const [i, [left, right]] of [
  [alice, near],
  [near, far],
  [far, bob],
].entries()) {
  const [a, b] = cable();
  left.attach(impair(a, { delay: delays[i] }), { addresses: [`10.0.${i}.1/24`, `fd00:${i}::1/64`] });
  right.attach(b, { addresses: [`10.0.${i}.2/24`, `fd00:${i}::2/64`] });
}
for (const network of ['0.0.0.0/0', '::/0']) {
  const gateway = (i, host) => (network.includes(':') ? `fd00:${i}::${host}` : `10.0.${i}.${host}`);
  alice.routes.add(network, { via: gateway(0, 2) });
  near.routes.add(network, { via: gateway(1, 2) });
  far.routes.add(network, { via: gateway(1, 1) });
  bob.routes.add(network, { via: gateway(2, 1) });
}

/** One request for each number of hops, until somebody answers. */
async function traceroute(stack, address) {
  console.log(`to ${address}:`);
  for (let ttl = 1; ttl <= 30; ttl++) {
    const asked = stack.ping(address, { ttl, timeout: 500 }).then(
      (reply) => ({ hop: reply.address, time: reply.time, end: true }),
      (error) => ({ hop: error.reporter ?? '*', time: error.time ?? NaN, end: error.timeExceeded === false }),
    );
    await clock.run({ for: 500 }); // with real links and the host's clock: leave this out
    const { hop, time, end } = await asked;
    console.log(`${ttl}  ${hop}  ${time} ms`);
    if (end) return;
  }
}
await traceroute(alice, '10.0.2.2');
await traceroute(alice, 'fd00:2::2');
