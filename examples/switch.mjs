// Five stacks on an Ethernet switch talk UDP over IPv4 and IPv6: one to one, one to many, many to many. In virtual time, the
// same at every run.
import { Stack, ethernetSwitch } from 'usernet';
import { VirtualClock, seededRandom } from 'usernet/sim';

const clock = new VirtualClock();
const hub = ethernetSwitch({ ports: 5 });
const names = ['ann', 'bob', 'cid', 'dan', 'eve'];
const GROUP = '239.1.2.3';
const GROUP6 = 'ff05::123';
const text = (bytes) => new TextDecoder().decode(bytes);

const stations = names.map((name, i) => {
  const stack = new Stack({ clock, random: seededRandom(i + 1) });
  stack.attach(hub.ports[i], { name: 'eth0', addresses: [`10.0.0.${i + 1}/24`, `fd00::${i + 1}/64`] });
  /** @type {string[]} */
  const heard = [];
  const socket = stack.udp.bind({ address: '::', port: 9 }, { onMessage: (bytes) => heard.push(text(bytes)) });
  return {
    name,
    heard,
    say: (to) => socket.send(new TextEncoder().encode(name), 9, to),
    join() {
      socket.join(GROUP, `10.0.0.${i + 1}`);
      socket.join(GROUP6, '::%eth0');
    },
  };
});

/** Lets everything arrive, and prints what each has heard. */
function round(title) {
  clock.advance(1_000_000); // microseconds; the first packet to a neighbour waits for ARP or neighbour discovery
  console.log(`${title}: ${stations.map(({ name, heard }) => `${name} [${heard.splice(0).sort()}]`).join(' ')}`);
}

const [ann, bob, cid, dan, eve] = stations;
ann.say('10.0.0.5');
bob.say('10.0.0.1');
cid.say('fd00::2');
dan.say('fd00::3');
round('one to one');

for (const station of [bob, dan]) station.join();
ann.say(GROUP);
cid.say(GROUP6);
round('one to two members');

for (const station of [ann, cid, eve]) station.join();
for (const group of [GROUP, GROUP6]) {
  for (const station of stations) station.say(group);
  round(`many to many, ${group}`);
}

const { forwarded, flooded } = hub.statistics();
console.log(`the switch has passed on ${forwarded} frames to one port, and ${flooded} to all`);
