// A stack alone, which tells at the end whether it was used.
import { Stack } from 'usernet';

const stack = new Stack();
process.once('exit', () => {
  const [lo] = stack.interfaces;
  process.stderr.write(`over lo: ${lo.counters.packetsReceived > 0}, sockets left: ${stack.tcp.listeners.length}\n`);
});

export default { stack };
