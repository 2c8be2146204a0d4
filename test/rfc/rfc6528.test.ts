import { describe, expect, it } from 'vitest';
import { seqDiff } from '../../src/buffer/seq.ts';
import { seededRandom } from '../../src/time/seeded-random.ts';
import { IsnGenerator } from '../../src/tcp/isn.ts';
import { Address } from '../../src/wire/address.ts';

const local = Address.parse('10.0.0.1');
const remote = Address.parse('10.0.0.2');

describe('RFC 6528 §3: ISN = M + F(localip, localport, remoteip, remoteport, secretkey)', () => {
  it('[MUST-8] [S-059] M is a timer that ticks every 4 microseconds', () => {
    const isn = new IsnGenerator(seededRandom(1));
    const zero = isn.generate(local, 80, remote, 5000, 0);
    const ticks = [0, 3, 4, 7, 8, 400, 4_000_000].map((now) =>
      seqDiff(isn.generate(local, 80, remote, 5000, now), zero),
    );
    expect(ticks).toEqual([0, 0, 1, 1, 2, 100, 1_000_000]);
  });

  it('[MUST-8] [S-059] M cycles in about 4.77 hours', () => {
    const isn = new IsnGenerator(seededRandom(1));
    const zero = isn.generate(local, 80, remote, 5000, 0);
    expect(seqDiff(isn.generate(local, 80, remote, 5000, 2 ** 34), zero)).toBe(0);
    expect(seqDiff(isn.generate(local, 80, remote, 5000, 2 ** 34 - 4), zero)).toBe(-1);
  });

  it('[SHLD-1] [S-059] a new incarnation of a connection begins above the old one', () => {
    const isn = new IsnGenerator(seededRandom(9));
    let last = isn.generate(local, 80, remote, 5000, 0);
    for (let now = 1_000_000; now < 100_000_000; now += 1_000_000) {
      const next = isn.generate(local, 80, remote, 5000, now);
      expect(seqDiff(next, last)).toBe(250_000);
      last = next;
    }
  });

  it('[SHLD-1] [S-059] F depends on each of the four parts of the connection', () => {
    const isn = new IsnGenerator(seededRandom(1));
    const other = Address.parse('10.0.0.3');
    const values = [
      isn.generate(local, 80, remote, 5000, 0),
      isn.generate(other, 80, remote, 5000, 0),
      isn.generate(local, 81, remote, 5000, 0),
      isn.generate(local, 80, other, 5000, 0),
      isn.generate(local, 80, remote, 5001, 0),
    ];
    expect(new Set(values).size).toBe(5);
  });

  it('[MUST-9] [S-059] F depends on a secret: another key gives other numbers, and no constant distance', () => {
    const one = new IsnGenerator(seededRandom(1));
    const two = new IsnGenerator(seededRandom(2));
    const distances = new Set<number>();
    for (let port = 1024; port < 1124; port++) {
      distances.add(seqDiff(one.generate(local, 80, remote, port, 0), two.generate(local, 80, remote, port, 0)));
    }
    expect(distances.size).toBe(100);
  });

  it('[MUST-9] the secret has 128 random bits', () => {
    const asked: number[] = [];
    const isn = new IsnGenerator({ fill: (bytes) => void asked.push(bytes.length), uint32: () => 0 });
    isn.generate(local, 80, remote, 5000, 0);
    expect(asked).toEqual([16]);
  });

  it('[MUST-9] the numbers of one’s own connections tell nothing of the next port’s', () => {
    const isn = new IsnGenerator(seededRandom(4));
    const steps = new Set<number>();
    let last = isn.generate(local, 80, remote, 1024, 0);
    for (let port = 1025; port < 2025; port++) {
      const next = isn.generate(local, 80, remote, port, 0);
      steps.add(seqDiff(next, last));
      last = next;
    }
    expect(steps.size).toBe(1000);
  });
});
