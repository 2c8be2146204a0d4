import { ethernetSwitch } from '../../../src/link/switch.ts';
import { pairOf, RecordingHost } from './pairs.ts';
import { VirtualClock } from '../../../src/time/virtual-clock.ts';
import { expectSuite } from './suites.ts';

expectSuite('ethernetSwitch({ ports: 2 })', () => {
  const [a, b] = ethernetSwitch({ ports: 2 }).ports;
  return pairOf([a!, b!]);
});
expectSuite('ethernetSwitch({ ports: 2, mtu, queue, queueBytes })', () => {
  const [a, b] = ethernetSwitch({ ports: 2, mtu: 65_535, queue: 7, queueBytes: 3000 }).ports;
  return pairOf([a!, b!]);
});
expectSuite('ethernetSwitch({ ports: 5 }), others listening', () => {
  const clock = new VirtualClock();
  const [a, b, ...others] = ethernetSwitch({ ports: 5 }).ports;
  for (const other of others) void other.open(new RecordingHost(clock));
  return pairOf([a!, b!], clock);
});
expectSuite('two switches, joined, with room for all that the suite sends at once', () => {
  const clock = new VirtualClock();
  const limits = { queue: 20_000, queueBytes: 64 << 20 };
  const [one, two] = [ethernetSwitch({ ports: 1, clock, ...limits }), ethernetSwitch({ ports: 1, clock, ...limits })];
  one.connect(two.addPort());
  return pairOf([one.ports[0]!, two.ports[0]!], clock);
});
