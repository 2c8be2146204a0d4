// Leaves in the middle: with a FIN behind its last word, or without.
import net from 'node:net';

const [host, last] = process.argv.slice(2);
const socket = net.connect(9, host, () => {
  if (last === 'end') socket.end('bye', () => process.exit());
  else socket.write('bye', () => process.exit());
});
