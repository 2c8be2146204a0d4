// Where the errors of listeners and callbacks go, and what comes after: `node throws.mjs node|usernet` prints, for
// each scenario, the journals of its emitters as JSON. Between emitters there is no order.
import events from 'node:events';
import { writeSync } from 'node:fs';
import { closed, event, makeModules, settled } from './modules.mjs';

const HOST = '127.0.0.1';
const [, , name] = process.argv;
const { net, dgram } = makeModules(name);
let journals = {};
const note = (who, what) => (journals[who] ??= []).push(what);

const uncaught = (error) => note(error.who ?? 'nobody', `uncaught ${error.message}`);
process.on('uncaughtException', uncaught);

const described = (value) => {
  if (value instanceof Error) return ` ${value.code ?? value.message}`;
  if (Buffer.isBuffer(value)) return ` ${value}`;
  return typeof value === 'string' || typeof value === 'boolean' ? ` ${value}` : '';
};

const watch = (who, emitter, ...names) => {
  for (const each of names) emitter.on(each, (first) => note(who, `${each}${described(first)}`));
  return emitter;
};

/** A listener that throws; its ticks and promises come behind the program's own handling of that. */
const throwing = (who, what) => () => {
  note(who, `${what} throws`);
  process.nextTick(note, who, `tick of ${what}`);
  queueMicrotask(() => note(who, `microtask of ${what}`));
  throw Object.assign(new Error(what), { who });
};

/** An asynchronous listener, whatever the typings say. @returns {any} */
const rejecting = () => Promise.reject(new Error('rejected'));

const noted = async (who, what) => {
  while (!journals[who]?.includes(what)) await settled();
  await settled();
};

const LIFE = ['connect', 'ready', 'data', 'end', 'finish', 'error', 'close', 'timeout', 'drain'];
const listening = async (onConnection = () => {}) => {
  const server = net.createServer(onConnection);
  server.listen(0, HOST);
  await event(server, 'listening');
  return watch('server', server, 'connection', 'error', 'close');
};
let server;
let port;

const connected = async (who = 'near', options = {}) => {
  const taken = event(server, 'connection');
  const near = net.connect({ port, host: HOST, ...options });
  watch(who, near, ...LIFE);
  const [far] = await Promise.all([taken, event(near, 'ready')]);
  return { near, far };
};

const scenarios = {
  'a listener of data': async () => {
    const { near, far } = await connected();
    near.prependOnceListener('data', throwing('near', 'data'));
    far.write('one');
    await noted('near', 'uncaught data');
    far.write('two');
    await event(near, 'data');
    far.end('three');
    await closed(near);
  },
  'a listener of data, with more behind it': async () => {
    const { near, far } = await connected();
    near.pause().prependOnceListener('data', throwing('near', 'data'));
    far.end(Buffer.alloc(300_000));
    near.removeAllListeners('data');
    near.prependOnceListener('data', throwing('near', 'data'));
    let bytes = 0;
    near.on('data', (chunk) => (bytes += chunk.length));
    near.prependOnceListener('data', (chunk) => (bytes += chunk.length));
    near.resume();
    await closed(near);
    note('near', `${bytes} bytes`);
  },
  'a listener of readable': async () => {
    const { near, far } = await connected();
    near.removeAllListeners('data');
    near.once('readable', throwing('near', 'readable'));
    far.write('one');
    await noted('near', 'uncaught readable');
    note('near', `read ${near.read()}`);
    near.resume();
    far.end();
    await closed(near);
  },
  'a listener of end': async () => {
    const { near, far } = await connected();
    near.on('end', throwing('near', 'end'));
    far.end('x');
    await noted('near', 'microtask of end');
    note('near', `${near.readyState} ${near.destroyed}`);
    near.destroy();
    await closed(near);
  },
  'a listener of close': async () => {
    const { near, far } = await connected();
    near.on('close', throwing('near', 'close'));
    far.end('x');
    await noted('near', 'microtask of close');
  },
  'a listener of error': async () => {
    const { near } = await connected();
    near.on('error', throwing('near', 'error'));
    near.destroy(new Error('mine'));
    await closed(near);
  },
  'no listener of error': async () => {
    const { near } = await connected();
    near.removeAllListeners('error');
    near.destroy(Object.assign(new Error('mine'), { who: 'near' }));
    await closed(near);
  },
  'no listener of error, and a reset': async () => {
    const { near, far } = await connected();
    process.once('uncaughtException', (error) => note('near', `reset: ${error.code} ${error.syscall}`));
    near.removeAllListeners('error');
    far.resetAndDestroy();
    await closed(near);
  },
  'a listener of finish': async () => {
    const { near } = await connected();
    near.on('finish', throwing('near', 'finish'));
    near.end();
    await noted('near', 'uncaught finish');
  },
  'a listener of connect': async () => {
    const near = new net.Socket();
    watch('near', near, 'connect', 'ready', 'error', 'close').connect(port, HOST, throwing('near', 'connect'));
    await noted('near', 'uncaught connect');
    note('near', `connecting ${near.connecting}`);
    near.destroy();
    await closed(near);
  },
  'a listener of ready': async () => {
    const taken = event(server, 'connection');
    const near = watch('near', net.connect(port, HOST), ...LIFE);
    near.on('ready', throwing('near', 'ready'));
    const far = await taken;
    await noted('near', 'uncaught ready');
    far.end('x');
    await closed(near);
  },
  'callbacks of write and end': async () => {
    const { near, far } = await connected();
    watch('far', far, 'data', 'end');
    near.write('a', throwing('near', 'write'));
    near.write('b', () => note('near', 'b written'));
    await noted('near', 'uncaught write');
    near.end('c', throwing('near', 'end callback'));
    await closed(near);
  },
  'the callback of a write that had to wait': async () => {
    const { near, far } = await connected();
    far.pause();
    const much = Buffer.alloc(20_000_000);
    near.write(much, throwing('near', 'write'));
    near.write('b', () => note('near', 'b written'));
    far.resume();
    await noted('near', 'b written');
    near.write('c', () => note('near', 'c written'));
    await noted('near', 'c written');
    near.destroy();
    await closed(near);
  },
  'a listener of connection': async () => {
    server.prependOnceListener('connection', throwing('server', 'connection'));
    const near = net.connect(port, HOST).on('error', () => {});
    await noted('server', 'uncaught connection');
    server.getConnections((_error, count) => note('server', `connections ${count}`));
    await settled();
    near.destroy();
    await closed(near);
    await settled();
    server.getConnections((_error, count) => note('server', `connections ${count}`));
    await connected();
  },
  'a listener of drop': async () => {
    await connected();
    server.maxConnections = 1;
    server.on('drop', throwing('server', 'drop'));
    const near = net.connect(port, HOST).on('error', () => {});
    await noted('server', 'microtask of drop');
    near.destroy();
  },
  'a listener of timeout': async () => {
    const { near, far } = await connected();
    near.setTimeout(5);
    near.once('timeout', throwing('near', 'timeout'));
    await new Promise((resolve) => {
      process.once('uncaughtException', resolve);
    });
    near.setTimeout(0);
    far.end('x');
    await closed(near);
  },
  'callbacks of listen and close': async () => {
    const other = watch('other', net.createServer(), 'listening', 'close');
    other.listen(0, HOST, throwing('other', 'listen callback'));
    await noted('other', 'uncaught listen callback');
    note('other', `listening ${other.listening}`);
    other.close(throwing('other', 'close callback'));
    await noted('other', 'uncaught close callback');
  },
  'a lookup': async () => {
    try {
      net.connect({ port, host: 'name.test', lookup: throwing('near', 'lookup') });
    } catch (error) {
      note('near', `thrown ${error.message}`);
    }
  },
  'a listener of lookup': async () => {
    const lookup = (_name, { all }, found) => {
      setImmediate(() => (all ? found(null, [{ address: HOST, family: 4 }]) : found(null, HOST, 4)));
    };
    const near = watch('near', net.connect({ port, host: 'name.test', lookup }), 'connect', 'error', 'close');
    near.on('lookup', throwing('near', 'lookup'));
    await noted('near', 'uncaught lookup');
    note('near', `connecting ${near.connecting}`);
    near.destroy();
    await closed(near);
  },
  'a listener of connectionAttempt': async () => {
    const near = watch('near', net.connect(port, HOST), 'connect', 'error', 'close');
    near.once('connectionAttempt', throwing('near', 'connectionAttempt'));
    await noted('near', 'uncaught connectionAttempt');
    near.destroy();
    await closed(near);
  },
  'the callback of getConnections': async () => {
    server.getConnections(throwing('server', 'getConnections'));
    await noted('server', 'uncaught getConnections');
  },
  onread: async () => {
    let calls = 0;
    const callback = (bytes, buffer) => {
      note('near', `onread ${buffer.toString('latin1', 0, bytes)}`);
      if (calls++ === 0) throwing('near', 'onread')();
      return true;
    };
    const { near, far } = await connected('near', { onread: { buffer: Buffer.alloc(16), callback } });
    far.write('one');
    await noted('near', 'uncaught onread');
    far.end('two');
    await closed(near);
  },
  'the data of one socket, while another has some': async () => {
    const { near: a, far: ofA } = await connected('a');
    const { near: b, far: ofB } = await connected('b');
    const everyone = [];
    a.prependOnceListener('data', throwing('a', 'data'));
    process.on('uncaughtException', () => everyone.push('uncaught'));
    for (const socket of [a, b]) socket.on('data', () => everyone.push('data'));
    ofA.write('for a');
    await noted('a', 'uncaught data');
    ofA.write('more for a');
    ofB.write('for b');
    await noted('a', 'data more for a');
    await noted('b', 'data for b');
    note('everyone', everyone.join(' '));
    a.destroy();
    b.destroy();
    await Promise.all([closed(a), closed(b)]);
  },
  'a listener of message': async () => {
    const far = watch('far', dgram.createSocket('udp4'), 'message', 'close');
    far.bind(0, HOST);
    await event(far, 'listening');
    far.prependOnceListener('message', throwing('far', 'message'));
    const near = dgram.createSocket('udp4');
    near.send('one', far.address().port, HOST, throwing('near', 'send callback'));
    await noted('far', 'uncaught message');
    near.send('two', far.address().port, HOST, (error) => note('near', `sent ${error}`));
    await noted('far', 'message two');
    near.close();
    far.close(throwing('far', 'close callback'));
    await noted('far', 'uncaught close callback');
  },
  'callbacks of bind and connect': async () => {
    const far = watch('far', dgram.createSocket('udp4'), 'listening', 'close');
    far.bind(0, HOST, throwing('far', 'bind callback'));
    await noted('far', 'uncaught bind callback');
    far.connect(9, HOST, throwing('far', 'connect callback'));
    await noted('far', 'uncaught connect callback');
    note('far', `peer ${far.remoteAddress().port}`);
    far.close();
  },
  'an asynchronous listener of data, with captureRejections': async () => {
    const near = new net.Socket({ captureRejections: true });
    near.on('data', rejecting);
    watch('near', near, ...LIFE);
    const taken = event(server, 'connection');
    near.connect(port, HOST);
    const far = await taken;
    far.write('x');
    await closed(near);
  },
  'an asynchronous listener of connection, with captureRejections': async () => {
    events.captureRejections = true;
    const other = net.createServer((far) => {
      watch('far', far, 'error', 'close');
      return rejecting();
    });
    watch('other', other, 'error', 'close').listen(0, HOST);
    await event(other, 'listening');
    const near = watch('near', net.connect(other.address().port, HOST), 'data', 'end', 'close').resume();
    await closed(near);
    other.close();
    await event(other, 'close');
  },
  'an asynchronous listener of listening, with captureRejections': async () => {
    events.captureRejections = true;
    const other = net.createServer();
    other.on('listening', rejecting);
    watch('other', other, 'error', 'close').listen(0, HOST);
    await event(other, 'error');
    other.close();
    await event(other, 'close');
  },
  'an asynchronous listener of message, with captureRejections': async () => {
    events.captureRejections = true;
    const far = dgram.createSocket('udp4');
    far.on('message', rejecting);
    watch('far', far, 'error', 'close').bind(0, HOST);
    await event(far, 'listening');
    far.send('x', far.address().port, HOST);
    await event(far, 'error');
    far.close();
    await event(far, 'close');
  },
};

const results = {};
for (const [title, scenario] of Object.entries(scenarios)) {
  journals = results[title] = {};
  server = await listening();
  ({ port } = server.address());
  await scenario();
  await settled();
  events.captureRejections = false;
  server.close();
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', uncaught);
}
writeSync(1, JSON.stringify(results));
process.exit();
