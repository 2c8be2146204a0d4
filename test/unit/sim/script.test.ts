import { describe, expect, it } from 'vitest';
import { differences } from '../../../src/sim/script-compare.ts';
import { parseScript } from '../../../src/sim/script-parse.ts';
import { readSegment } from '../../../src/sim/script-segment.ts';
import { segmentText } from '../../../src/sim/script-text.ts';
import { ScriptWorld, established, runScript } from '../../../src/sim/index.ts';

/** The message of what a script throws. */
function failure(script: string, on: Parameters<typeof runScript>[0] = new ScriptWorld()): string {
  try {
    runScript(on, script);
  } catch (error) {
    return (error as Error).message;
  }
  return 'nothing was thrown';
}

const HANDSHAKE = `
  listen
  < S 0:0(0) win 65535 <mss 1460>
  > SA 0:0(0) ack 1 <mss 1460>
  +0.1 < A 1 ack 1
`;

describe('runScript: a script of packets', () => {
  it('plays a conversation line by line, in virtual time', () => {
    const { connection, events, world } = runScript(
      new ScriptWorld(),
      `${HANDSHAKE}
             told nothing
             state ESTABLISHED
      write 2000
             > A 1:1461(1460) ack 1
      +0.1   < A 1 ack 1461
             > PA 1461:2001(540) ack 1        # Nagle had it wait
      +100ms < A 1 ack 2001
             nothing
      < PA 1:301(300)
      +0..0.2 > A 2001 ack 301 <no ts>     // at once, or delayed: the script doesn't care
      < PA 301:401(100)
      +0..0.2 > A 2001 ack 401
             told readable, readable
      read 400
      close
             > FA 2001:2001(0) ack 401
             state FIN_WAIT_1
      +500us < FA 401 ack 2002
             > A 2002 ack 402
             state TIME_WAIT
      `,
    );
    expect(connection.state).toBe('TIME_WAIT');
    expect(events).toEqual(['readable', 'readable', 'close']);
    world.finish();
  });

  it('plays the example of its documentation', () => {
    const { connection } = runScript(
      new ScriptWorld(),
      `
      listen
      +0    < S 0:0(0) win 65535 <mss 1460>
            > SA 0:0(0) ack 1 <mss 1460>
      +0.1  < A 1 ack 1
            told nothing
      write 2000
            > A 1:1461(1460) ack 1
      +0.1  < A 1 ack 1461
            > PA 1461:2001(540) ack 1     # Nagle had it wait
      +0.1  < A 1 ack 2001
      close
            > FA 2001 ack 1
            state FIN_WAIT_1
      `,
    );
    expect(connection.state).toBe('FIN_WAIT_1');
  });

  it('plays an active open, and goes on with the scene', () => {
    const scene = runScript(
      new ScriptWorld(),
      `connect
       > S 0:0(0)
       state SYN_SENT
       < SA 0:0(0) ack 1
       > A 1 ack 1
       told connect`,
    );
    runScript(scene, 'state ESTABLISHED\n told nothing\n < R 1\n told error ECONNRESET, close\n state CLOSED');
    scene.world.finish();
  });

  it('goes on with an established connection', () => {
    const { world } = runScript(established(), 'write 100\n> PA 1:101(100) ack 1\n< A ack 101\nabort\n> RA 101 ack 1');
    world.finish();
  });

  it('stops time where what is awaited within a span comes', () => {
    const { world, connection } = runScript(established(), 'write 1\n> PA 1:2(1)\n+0.01..2 > PA 1:2(1) ack 1');
    expect(world.conversation().at(-1)).toContain(`${(world.clock.now() / 1e6).toFixed(6)}  > PA 1:2(1)`);
    expect(world.clock.now()).toBeLessThan(2_000_000);
    connection.abort();
  });

  it('lets segments arrive as one batch', () => {
    const { world } = runScript(established(), '< A 1:1461(1460)\n& PA 1461:2921(1460)\n> A 1 ack 2921\nread');
    world.finish();
  });

  it('says what was expected, what came, and the conversation so far', () => {
    const script = `${HANDSHAKE}write 2000\n> A 1:1461(1460) ack 2 win 5\n`;
    expect(failure(script)).toBe(
      [
        'Script line 7: > A 1:1461(1460) ack 2 win 5',
        'The stack sent something else.',
        "  expected  { flags: 'A', length: 1460, seq: 1, ack: 2, wnd: 5 }",
        '  came      A 1:1461(1460) ack 1 win 65535',
        '  ack       1 instead of 2',
        '  wnd       65535 instead of 5',
        'The conversation so far (seconds); It is 0.100000 s.',
        '   0.000000  < S 0:0(0) win 65535 <mss 1460>',
        '   0.000000  > SA 0:0(0) ack 1 win 65535 <mss 1460>',
        '   0.100000  < A 1:1(0) ack 1 win 65535',
        '   0.100000  write 2000',
        '   0.100000  > A 1:1461(1460) ack 1 win 65535',
      ].join('\n'),
    );
  });

  it.each([
    ['a segment that does not come', '> A', /^Script line 6: > A\nNothing came/],
    ['one too many at the end', 'write 1', /^The stack sent more than the script says.\n {2}came {6}PA 1:2\(1\)/],
    ['one too many at a nothing', 'write 1\nnothing', /^Script line 7: nothing\nThe stack sent what nobody expected/],
    ['one too many when time passes', 'write 1\n+1', /^Script line 7: \+1\nThe stack sent what stands in no line/],
    ['data where none is expected', 'write 1\n> PA', /length {4}1 instead of 0/],
    ['an option that should be absent', '< S 1\n> A 1 ack 1 <ts>', /timestamps false instead of true/],
    ['one that is there', '< S 1\n> A 1 ack 1 <no mss>\n> A', /Script line 8: > A\nNothing came/],
    [
      'a segment that comes early',
      'write 1\n> PA 1:2(1)\n+10 > PA 1:2(1)',
      /Script line 8.*\nThe stack sent something before/,
    ],
    [
      'one that comes late',
      'write 1\n> PA 1:2(1)\n+0..0.1 > PA 1:2(1)',
      /Script line 8.*\nNothing came.*\n[^]*It is 0.2/,
    ],
    ['another state', 'state LISTEN', /^Script line 6: state LISTEN\nstate {5}ESTABLISHED\ninstead of LISTEN/],
    ['other events', 'told connect', /told {6}nothing\ninstead of connect/],
    ['fewer bytes to read', 'read 5', /Read 0 bytes instead of 5/],
    ['no bytes to read', 'read', /Read 0 bytes instead of some/],
  ])('fails for %s', (_name, lines, message) => {
    expect(failure(HANDSHAKE + lines)).toMatch(message);
  });

  it.each([
    'S 0:0(0) win 5 <mss 1460, sackOK, ts val 5 ecr 6, wscale 7, fastopen 0a0b0c0d> ect0',
    'S 0:10(10) win 0 <uto 32773, fastopen> ect1',
    'SPAUEC 0:0(0) ack 1 win 9 urg 3 ce',
    '- 7:7(0) win 1 <sack 1001:2001 -5:3001>',
    'SFR -1000:-1000(0) win 65535',
  ])('sends and hears all that the text can say: %s', (segment) => {
    const world = new ScriptWorld();
    const scene = runScript(world, `listen\n${segment.startsWith('S') ? '' : '< S 0\n> SA\n'}`);
    const [send, hear] = parseScript(`< ${segment}\n> ${segment}`).map(({ action }) => action);
    if (send?.kind !== 'send' || hear?.kind !== 'expect') throw new Error('not what was written');
    const { peer } = scene;
    const packet = peer.make(send.segments[0]!);
    const heard = readSegment(packet, packet.tcp!, { iss: peer.iss, irs: peer.irs ?? 0 }, 0);
    expect(segmentText(heard)).toBe(segment);
    expect(differences(hear.expected, heard)).toEqual([]);
    expect(differences({ ...hear.expected, wnd: 77 }, heard).length).toBe(1);
    world.finish();
  });

  it('sends no timestamps where it says so', () => {
    const [send] = parseScript('< A <no ts, no sack>');
    expect(send?.action).toEqual({ kind: 'send', segments: [{ flags: 'A', timestamps: false }] });
  });

  it('connects first, once', () => {
    expect(failure('connect\n> S\nconnect')).toMatch(/^Script line 3: connect\nThe peer is there already/);
  });

  it('comments and empty lines are nothing', () => {
    expect(runScript(new ScriptWorld(), '\n  # not this\n // nor this').state).toBe('CLOSED');
  });

  it('needs a connection for a call on it', () => {
    expect(failure('listen\nwrite 1')).toMatch(/^Script line 2: write 1\nThere is no connection/);
  });

  it.each([
    ['jump', "'jump' is none of"],
    ['> X', 'letters of SFRPAUEC'],
    ['>', 'flags are missing'],
    ['< A 1:5(5)', '1 + 5 is not that'],
    ['< A bla', "'bla' is none of FROM"],
    ['< A ack', "a number was expected, not ''"],
    ['< A win -1', 'at least 0'],
    ['< A <mss>', 'one word was expected'],
    ['< A <frob 1>', "'frob' is none of the options"],
    ['< A <sack 1-2>', 'a number was expected'],
    ['< A <ts 5>', 'timestamps are written'],
    ['< A <fastopen 0a0>', 'pairs of hexadecimal digits'],
    ['< A <no nop>', "'no' goes with one of"],
    ['& A', "'&' goes on"],
    ['write', 'one word was expected'],
    ['close now', "nothing may stand behind 'close'"],
    ['+0..1 close', "only a '>' line"],
    ['+1..0 > A', 'from less to more'],
    ['+5h > A', "'+5h' is none of"],
  ])("refuses '%s' before anything happens, and names the line", (line, reason) => {
    const world = new ScriptWorld();
    const message = failure(`listen\n${line}`, world);
    expect(message).toContain(`Script line 2 can't be read: ${line}\n`);
    expect(message).toContain(reason);
    expect(world.stack.tcp.listeners).toEqual([]);
  });
});

describe('a stage of IPv6', () => {
  it('plays the same scripts, with errors of ICMPv6', () => {
    const scene = established({ family: 6, mss: 1440, rtt: 10_000 });
    expect([scene.connection.localAddress, scene.connection.remoteAddress].map(String)).toEqual(['fd00::1', 'fd00::2']);
    runScript(
      scene,
      `
      write 2000
              > A 1:1441(1440) ack 1
      +0.01   < A 1 ack 1441 ect0
              > PA 1441:2001(560) ack 1
      +0.01   < A 1 ack 2001
    `,
    );
    scene.world.write(scene.connection, 100);
    const heard = scene.peer.expect({ length: 100, ttl: 64 });
    scene.peer.icmp(1, 0, heard);
    expect(scene.world.conversation().at(-1)).toContain('< ICMP type 1 code 0 about PA 2001:2101(100)');
    scene.peer.ack();
    scene.world.finish();
  });

  it('connects, and says what no peer expects', () => {
    const world = new ScriptWorld({ family: 6 });
    world.connect();
    expect(world.strays).toEqual([expect.stringMatching(/^\[fd00::1\]:\d+ → \[fd00::2\]:7 \[SYN\] .* mss=1440/)]);
    world.finish(false);
    expect(() => new ScriptWorld({ family: 5 as never })).toThrow('family must be 4 or 6, not 5');
  });
});
