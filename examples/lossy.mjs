// A link of your own: it loses packets, and TCP carries a million bytes through it all the same. In virtual time, and from
// a seed: every run loses the same packets.
import { Batch, NO_OFFLOAD, Stack, cable } from 'usernet';
import { linkSuite } from 'usernet/link-suite';
import { VirtualClock, chance, seededRandom } from 'usernet/sim';

/** Wraps a link: of what is sent into it, the part `loss` (0 to 1) does not come out. */
class LossyLink {
  medium = 'ip';
  offload = NO_OFFLOAD; // single packets, checksums complete
  #kept = new Batch(); // what is not lost of the batch at hand
  #rows = []; // and its rows there
  constructor(inner, loss, random) {
    Object.assign(this, { inner, loss, random });
  }
  get mtu() {
    return this.inner.mtu;
  }
  get up() {
    return this.inner.up;
  }
  open(host) {
    return this.inner.open(host); // what arrives is left alone
  }
  send(batch) {
    this.#kept.clear();
    for (let i = 0; i < batch.count; i++) {
      if (chance(this.random, this.loss)) continue;
      this.#rows[this.#kept.count] = i;
      this.#kept.push(batch.memory[i], batch.offset[i], batch.length[i]);
    }
    const taken = this.inner.send(this.#kept);
    // Up to the first packet that found no room all are dealt with, sent or lost. The rest comes again after writable().
    return taken < this.#kept.count ? this.#rows[taken] : batch.count;
  }
  close() {
    return this.inner.close();
  }
}

/** Two ends of a cable that loses packets both ways. */
const lossyCable = (loss) => cable().map((end, i) => new LossyLink(end, loss, seededRandom(i)));

// The rules that every link must keep, for any test framework: `test(name, run)`. A link under test must lose nothing.
const rules = linkSuite(() => {
  const [a, b] = lossyCable(0);
  const clock = new VirtualClock();
  return { a, b, clock, random: seededRandom(1), settle: () => clock.advance(1000) };
});
for (const { run } of rules) await run();
console.log(`${rules.length} rules kept`);

const clock = new VirtualClock();
const alice = new Stack({ clock, random: seededRandom(2) });
const bob = new Stack({ clock, random: seededRandom(3) });
const [a, b] = lossyCable(0.1);
alice.attach(a, { addresses: ['10.0.0.1/24'] });
bob.attach(b, { addresses: ['10.0.0.2/24'] });

const sent = new Uint8Array(1_000_000).map((_, i) => i % 251);
let arrived = 0;
let wrong = 0;
bob.tcp.listen({ port: 9 }, (connection) => {
  connection.handler = {
    onReadable: (c) => {
      for (let bytes = c.read(); bytes; bytes = c.read())
        for (const byte of bytes) if (byte !== arrived++ % 251) wrong++;
    },
    onEnd: (c) => {
      console.log(`${arrived} bytes arrived, ${wrong} wrong, after ${(clock.now() / 1e6).toFixed(2)} s`);
      c.shutdown();
    },
  };
});
let written = 0;
const write = (c) => {
  written += c.write(sent.subarray(written)); // takes what the send buffer has room for; onWritable follows
  if (written === sent.length) c.shutdown();
};
const connection = alice.tcp.connect(
  { remoteAddress: '10.0.0.2', remotePort: 9 },
  { onConnect: write, onWritable: write },
);
clock.advance(600_000_000); // microseconds
console.log(`${connection.info().retransmits} segments were sent again`);
