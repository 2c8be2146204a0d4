// What keeps a process alive: `node alive.mjs node|usernet SCENARIO…`.
//
// A scenario sets the scene and returns steps. After the scene, and after each step, the program says `ready 1` (2, 3, …).
// Its parent answers with that number, which the program hears only while something keeps its loop running: standard input does not. Then
// it says `alive` and takes the next step. When nothing keeps it alive ('beforeExit'), it says `idle`, and the next
// scenario begins. So each answer is exact, and nobody waits for time to pass. When a scenario has no more steps and is
// alive, the program ends.
import { writeSync } from 'node:fs';
import { closed, event, makeModules, settled } from './modules.mjs';

const HOST = '127.0.0.1';
const [name, ...titles] = process.argv.slice(2);
const { net, dgram } = makeModules(name);
const say = (word) => writeSync(1, `${word}\n`);

const listening = async (options = {}, onConnection = () => {}) => {
  const server = net.createServer(options, onConnection);
  server.listen(0, HOST);
  await event(server, 'listening');
  return server;
};

/** Two ends of a connection of which neither keeps the process alive, nor the server. */
const unrefdPair = async (serverOptions = {}, options = {}) => {
  const server = await listening(serverOptions);
  const taken = event(server, 'connection');
  const near = net.connect({ port: server.address().port, host: HOST, ...options });
  await event(near, 'connect');
  const far = await taken;
  server.unref();
  near.unref();
  far.unref();
  return { server, near, far };
};

const scenarios = {
  nothing: async () => [],
  'a socket that has not connected': async () => {
    const socket = new net.Socket();
    socket.unref().ref();
    return [];
  },
  'a server that does not listen': async () => {
    net.createServer();
    return [];
  },
  'a listening server': async () => {
    const server = await listening();
    return [() => server.unref()];
  },
  'a listening server, unref then ref': async () => {
    const server = (await listening()).unref();
    server.ref();
    return [() => server.unref().unref(), () => server.ref()];
  },
  'a listening server that is closed': async () => {
    const server = await listening();
    return [() => server.close()];
  },
  'a server with unref before listen': async () => {
    const server = net.createServer().unref();
    server.listen(0, HOST);
    await event(server, 'listening');
    return [];
  },
  'a server with unref and ref before listen': async () => {
    const server = net.createServer().unref().ref();
    server.listen(0, HOST);
    await event(server, 'listening');
    return [() => server.unref()];
  },
  'a server that was closed while unref’d and listens again': async () => {
    const server = (await listening()).unref();
    const gone = event(server, 'close');
    server.close();
    await gone;
    server.listen(0, HOST);
    await event(server, 'listening');
    return [];
  },
  'an open connection, of both ends': async () => {
    const { near, far } = await unrefdPair();
    near.ref();
    return [() => near.unref() && far.ref(), () => far.unref()];
  },
  'an unref’d connection and an unref’d server': async () => {
    await unrefdPair();
    return [];
  },
  'unref before connect': async () => {
    const server = (await listening({}, (far) => far.unref())).unref();
    const near = new net.Socket().unref();
    near.connect(server.address().port, HOST);
    await event(near, 'connect');
    return [() => near.ref()];
  },
  'unref and ref before connect': async () => {
    const server = (await listening({}, (far) => far.unref())).unref();
    const near = new net.Socket().unref().ref();
    near.connect(server.address().port, HOST);
    await event(near, 'connect');
    return [() => near.unref()];
  },
  'unref while connecting': async () => {
    const server = (await listening({}, (far) => far.unref())).unref();
    const near = net.connect(server.address().port, HOST).unref();
    await event(near, 'connect');
    return [];
  },
  'ref twice, unref once': async () => {
    const { near } = await unrefdPair();
    near.ref().ref();
    return [() => near.unref()];
  },
  'unread data in an unref’d socket': async () => {
    const { near, far } = await unrefdPair();
    far.write('unread');
    near.pause();
    return [];
  },
  'unread data and the peer’s end': async () => {
    const { near, far } = await unrefdPair();
    near.pause().ref();
    far.end('unread');
    return [() => near.resume()];
  },
  'a paused socket': async () => {
    const { near } = await unrefdPair();
    near.pause().ref();
    return [() => near.resume(), () => near.unref()];
  },
  'a connection that the server accepted paused': async () => {
    const { far } = await unrefdPair({ pauseOnConnect: true });
    far.ref();
    return [() => far.unref()];
  },
  'half-closed by this end': async () => {
    const { near, far } = await unrefdPair({ allowHalfOpen: true }, { allowHalfOpen: true });
    far.resume();
    near.ref().end();
    return [() => near.unref()];
  },
  'half-closed by the peer': async () => {
    const { near, far } = await unrefdPair({ allowHalfOpen: true }, { allowHalfOpen: true });
    near.ref().resume();
    far.end();
    return [() => near.end(), () => far.ref(), () => far.resume().end()];
  },
  'ended by both': async () => {
    const { near, far } = await unrefdPair();
    near.ref().resume().end();
    far.ref().resume();
    await Promise.all([closed(near), closed(far)]);
    return [];
  },
  destroyed: async () => {
    const { near, far } = await unrefdPair();
    near.ref();
    far.ref().resume();
    return [() => near.destroy()];
  },
  'destroyed with a write under way': async () => {
    const { near, far } = await unrefdPair();
    far.pause();
    near.on('error', () => {}).ref();
    near.write(Buffer.alloc(30_000_000));
    return [() => near.destroy()];
  },
  'a write that waits in an unref’d socket': async () => {
    const { near, far } = await unrefdPair();
    far.pause();
    near.write(Buffer.alloc(30_000_000));
    return [];
  },
  'setTimeout of an unref’d socket': async () => {
    const { near } = await unrefdPair();
    near.setTimeout(3_600_000);
    return [];
  },
  'setTimeout of a socket that has not connected': async () => {
    new net.Socket().setTimeout(3_600_000);
    return [];
  },
  'keep-alive of an unref’d socket': async () => {
    const { near } = await unrefdPair();
    near.setKeepAlive(true, 3_600_000);
    return [];
  },
  'a refused connection': async () => {
    const server = await listening();
    const { port } = server.address();
    server.close();
    await event(server, 'close');
    net.connect(port, HOST).on('error', () => {});
    return [];
  },
  'an endless lookup': async () => {
    net.connect({ port: 9, host: 'name.test', lookup: () => {} });
    return [];
  },
  'a server whose last connection stays': async () => {
    const { server, near, far } = await unrefdPair();
    far.ref();
    server.close();
    return [() => near.resume().end() && far.resume()];
  },
  'a datagram socket that is not bound': async () => {
    dgram.createSocket('udp4');
    return [];
  },
  'a bound datagram socket': async () => {
    const socket = dgram.createSocket('udp4');
    socket.bind(0, HOST);
    await event(socket, 'listening');
    return [() => socket.unref(), () => socket.ref()];
  },
  'a bound datagram socket, unref then ref': async () => {
    const socket = dgram.createSocket('udp4');
    socket.bind(0, HOST);
    await event(socket, 'listening');
    socket.unref().ref();
    return [() => socket.close()];
  },
  'a datagram socket with unref before bind': async () => {
    const socket = dgram.createSocket('udp4').unref();
    socket.bind(0, HOST);
    await event(socket, 'listening');
    return [];
  },
  'a datagram socket with unref and ref before bind': async () => {
    const socket = dgram.createSocket('udp4').unref().ref();
    socket.bind(0, HOST);
    await event(socket, 'listening');
    return [() => socket.unref()];
  },
  'a datagram socket that send has bound': async () => {
    const socket = dgram.createSocket('udp4');
    await new Promise((resolve) => {
      socket.send('x', 9, HOST, resolve);
    });
    return [() => socket.unref()];
  },
  'a connected datagram socket': async () => {
    const socket = dgram.createSocket('udp4');
    socket.connect(9, HOST);
    await event(socket, 'connect');
    return [() => socket.disconnect(), () => socket.close()];
  },
};

let steps = [];
let round = 0;
const ready = async () => {
  await settled();
  say(`ready ${++round}`);
};
const begin = async () => {
  const title = titles.shift();
  if (title === undefined) return;
  say(title);
  steps = await scenarios[title]();
  await ready();
};
process.on('beforeExit', () => {
  say('idle');
  // An answer that comes now was to a scenario that is over.
  round++;
  void begin();
});
process.stdin.on('data', (text) => {
  if (!String(text).split('\n').includes(String(round))) return;
  say('alive');
  const step = steps.shift();
  if (step === undefined) process.exit();
  step();
  void ready();
});
process.stdin.unref();
await begin();
