import { requireOptions, requireType, usageError } from '../errors.ts';
import type { Connection } from '../tcp/connection.ts';
import type { ConnectOptions, ListenOptions } from '../stack/tcp.ts';
import type { Established } from './script-establish.ts';
import { parseScript } from './script-parse.ts';
import type { ScriptStep } from './script-parse.ts';
import type { ScriptPeer } from './script-peer.ts';
import type { Expected, Heard } from './script-segment.ts';
import { segmentText, secondsText } from './script-text.ts';
import { ScriptWorld } from './script-world.ts';
import type { Told } from './script-world.ts';

export interface ScriptOptions {
  /** What a `listen` line passes on. */
  listen?: ListenOptions;
  /** What a `connect` line passes on. */
  connect?: Partial<ConnectOptions>;
  /** The peer's initial sequence number. Default: shortly before the numbers wrap. */
  iss?: number;
}

/**
 * Runs a script of packets, which reads like a figure of an RFC, on a world that nobody has used yet, or on a
 * connection that is established: line by line, in virtual time, synchronously.
 *
 * A line is `[+time] action`; `#` or `//` behind a space begins a comment. The time passes before the action: `+0.2`
 * and `+0.2s` are seconds; `+200ms`, `+200us`. Of a span the unit stands once: `+10..200ms`.
 *
 * | line | what happens |
 * |---|---|
 * | `< SEGMENT` | the peer sends it |
 * | `& SEGMENT` | goes on with the line above: arrives in the same batch |
 * | `> SEGMENT` | the stack must have sent it, next and at this very instant |
 * | `+0..0.2 > SEGMENT` | the stack must send it within that span; time stops when it comes |
 * | `nothing` | nothing has come that stands in no line |
 * | `+1` | only time passes |
 * | `listen`, `connect` | the stack's owner opens a connection |
 * | `write N`, `read N`, `read` | N bytes, exactly; `read` takes what is there, at least one byte |
 * | `shutdown`, `close`, `abort` | calls on the connection |
 * | `state ESTABLISHED` | the connection's state; LISTEN or CLOSED when there is none |
 * | `told connect, readable` | what the owner was told since the last such line; `told nothing` |
 *
 * A SEGMENT is `FLAGS [FROM:TO(LENGTH)] [ack N] [win N] [urg N] [<options>] [ect0 | ect1 | ce | not-ect]`. Flags are
 * letters of SFRPAUEC in any order, all of them, `-` for none. Numbers are relative, as in the RFC's figures: a SYN is
 * 0, the first byte of data 1; SYN and FIN don't count in LENGTH, and a lone number is one without data. What is left
 * out is, in what the peer sends, as in `peer.send` (the stream goes on, everything heard is acknowledged); in what
 * the stack must send it may be anything, except that a segment without numbers has no data. `win` is the field as it
 * stands.
 *
 * Options: `mss 1460`, `wscale 7`, `sackOK`, `sack 1001:2001 3001:4001`, `ts` or `ts val N ecr N` (as they stand; the
 * peer fills in its own), `fastopen` (a request) or `fastopen 0a0b0c0d`, `uto N` (16 bits), and `no NAME`: the option
 * is absent. Of what the stack sends, options that are not named may be there.
 *
 * No segment goes unseen: before time passes, and at the end, all that has come must stand in a `>` line.
 *
 * @returns the scene, to go on with: by calls, or by another script
 * @throws Error that names the line, with the conversation so far
 * @throws ERR_INVALID_ARG_VALUE for a script that can't be read; ERR_INVALID_ARG_TYPE
 * @example
 * const { connection } = runScript(new ScriptWorld(), `
 *   listen
 *   +0    < S 0:0(0) win 65535 <mss 1460>
 *         > SA 0:0(0) ack 1 <mss 1460>
 *   +0.1  < A 1 ack 1
 *         told nothing
 *   write 2000
 *         > A 1:1461(1460) ack 1
 *   +0.1  < A 1 ack 1461
 *         > PA 1461:2001(540) ack 1     # Nagle had it wait
 *   +0.1  < A 1 ack 2001
 *   close
 *         > FA 2001 ack 1
 *         state FIN_WAIT_1
 * `);
 */
export function runScript(on: ScriptWorld | Established, script: string, options: ScriptOptions = {}): Scene {
  requireStage(on);
  requireType('script', script, 'string');
  requireOptions('runScript', options, ['listen', 'connect', 'iss']);
  const steps = parseScript(script);
  const scene = on instanceof Scene ? on : new Scene(on);
  for (const step of steps) {
    try {
      perform(scene, step, options);
    } catch (error) {
      throw located(error, step);
    }
  }
  refuse(scene, 'The stack sent more than the script says.', scene.unheard);
  return scene;
}

/** The stage of a script and who stands on it: `runScript` returns it, and goes on with it. */
export class Scene implements Established {
  readonly world: ScriptWorld;
  #peer: ScriptPeer | undefined;
  /** Set by `listen`. */
  #accepted: Told[] | undefined;
  #told: Told | undefined;
  /** Events that a `told` line has seen. */
  #seen: number = 0;

  constructor(on: ScriptWorld | Established) {
    if (on instanceof ScriptWorld) {
      this.world = on;
      return;
    }
    this.world = on.world;
    this.#peer = on.peer;
    this.#told = on;
    this.#seen = on.events.length;
  }

  /** The peer; one that calls the stack, unless a `connect` line came first. */
  get peer(): ScriptPeer {
    this.#peer ??= this.world.client();
    return this.#peer;
  }

  /** @internal What has come and was not taken yet. */
  get unheard(): readonly Heard[] {
    return this.#peer?.unheard ?? [];
  }

  /** @throws Error when there is none (yet) */
  get connection(): Connection {
    return this.#owned.connection;
  }

  /** What the connection's owner was told. */
  get events(): string[] {
    return this.#owned.events;
  }

  get #owned(): Told {
    this.#told ??= this.#accepted?.[0];
    if (this.#told === undefined) throw this.world.failure('There is no connection that anybody owns.');
    return this.#told;
  }

  /** Whether the owner has a connection. */
  get owned(): boolean {
    return this.#told !== undefined || (this.#accepted?.length ?? 0) > 0;
  }

  /** The state of the connection; before anybody owns it, of the one that the stack has with the peer. */
  get state(): string {
    if (this.owned) return this.connection.state;
    const { stack } = this.world;
    const found = stack.tcp.connections.find(({ remotePort }) => remotePort === this.#peer?.port);
    return found?.state ?? (stack.tcp.listeners.length > 0 ? 'LISTEN' : 'CLOSED');
  }

  /** @internal What the owner was told since the last call. */
  news(): string[] {
    if (!this.owned) return [];
    const news = this.events.slice(this.#seen);
    this.#seen = this.events.length;
    return news;
  }

  /** @internal */
  listen(options: ScriptOptions): void {
    const { iss, listen } = options;
    this.#accepted = this.world.listen(listen);
    this.#peer ??= this.world.client(undefined, iss);
  }

  /** @internal */
  connect(options: ScriptOptions): void {
    const { iss, connect } = options;
    if (this.#peer !== undefined) throw this.world.failure('The peer is there already: a script connects first, once.');
    this.#peer = this.world.peer(iss === undefined ? {} : { iss });
    this.#told = this.world.connect(connect);
  }
}

/** @throws ERR_INVALID_ARG_TYPE */
function requireStage(on: unknown): void {
  const { world } = (on ?? {}) as Partial<Established>;
  if (on instanceof ScriptWorld || world instanceof ScriptWorld) return;
  const given = on === null ? 'null' : typeof on;
  const message = `runScript plays on a ScriptWorld, or on what established() returns, not ${given}`;
  throw usageError('ERR_INVALID_ARG_TYPE', message);
}

function perform(scene: Scene, step: ScriptStep, options: ScriptOptions): void {
  pass(scene, step);
  const { world } = scene;
  const { action } = step;
  switch (action.kind) {
    case 'send':
      return scene.peer.sendAll(action.segments);
    case 'expect':
      return hear(scene, action.expected);
    case 'nothing':
      return scene.peer.expectNothing();
    case 'wait':
      return;
    case 'listen':
    case 'connect':
      return scene[action.kind](options);
    case 'write':
      return world.write(scene.connection, action.length);
    case 'read':
      return read(scene, action.length);
    case 'state':
      return compare(scene, 'state', scene.state, action.state);
    case 'told':
      return compare(scene, 'told', scene.news().join(', ') || 'nothing', action.events.join(', ') || 'nothing');
    default:
      return call(scene, action.kind);
  }
}

function call({ world, connection }: Scene, name: 'shutdown' | 'close' | 'abort'): void {
  world.note(name);
  world.act(() => connection[name]());
}

/** Lets the time before a line pass. */
function pass(scene: Scene, { least, most, action }: ScriptStep): void {
  if (most === 0) return;
  const { world } = scene;
  const { clock } = world;
  // A span from 0 on may have its segment already.
  if (least > 0) refuse(scene, 'The stack sent what stands in no line.', scene.unheard);
  world.advance(least);
  const early = scene.unheard.filter(({ at }) => at < clock.now());
  refuse(scene, 'The stack sent something before this line.', early);
  const end = clock.now() + most - least;
  while (action.kind === 'expect' && scene.unheard.length === 0 && clock.now() < end) {
    world.advance(Math.min(clock.nextDeadline, end) - clock.now());
  }
}

function hear({ world, peer }: Scene, expected: Expected): void {
  const heard = peer.expect(expected);
  if (heard.at !== world.clock.now()) throw world.failure(`It came before this line.\n${cameText(heard)}`);
}

/** Fails when there are such segments. */
function refuse({ world }: Scene, reason: string, segments: readonly Heard[]): void {
  if (segments.length > 0) throw world.failure([reason, ...segments.map(cameText)].join('\n'));
}

function read(scene: Scene, length: number | undefined): void {
  const taken = scene.world.read(scene.connection, length);
  if (length === undefined ? taken > 0 : taken === length) return;
  throw scene.world.failure(`Read ${taken} bytes instead of ${length ?? 'some'}.`);
}

function compare({ world }: Scene, name: string, actual: string, expected: string): void {
  if (actual !== expected) throw world.failure(`${name.padEnd(9)} ${actual}\ninstead of ${expected}`);
}

function cameText(heard: Heard): string {
  return `  came      ${segmentText(heard)} at ${secondsText(heard.at)} s`;
}

/** The error of a line, which it names. */
function located(error: unknown, { line, text }: ScriptStep): Error {
  const message = error instanceof Error ? error.message : String(error);
  return new Error(`Script line ${line}: ${text}\n${message}`, { cause: error });
}
