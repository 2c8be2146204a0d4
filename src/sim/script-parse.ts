import { usageError } from '../errors.ts';
import { flagsFrom, lettersOf } from './script-segment.ts';
import type { Ect, Expected, SackBlock, SegmentSpec } from './script-segment.ts';

/** What a line makes happen. */
export type ScriptAction =
  | { kind: 'send'; segments: SegmentSpec[] }
  | { kind: 'expect'; expected: Expected }
  | { kind: 'nothing' | 'wait' | 'listen' | 'connect' | 'shutdown' | 'close' | 'abort' }
  | { kind: 'write'; length: number }
  | { kind: 'read'; length: number | undefined }
  | { kind: 'state'; state: string }
  | { kind: 'told'; events: string[] };

/** One line of a script. */
export interface ScriptStep {
  /** Counted from 1. */
  line: number;
  text: string;
  /** Microseconds of virtual time that pass before: at least, and at most where a segment is awaited. */
  least: number;
  most: number;
  action: ScriptAction;
}

const NUMBER = String.raw`\d+(?:\.\d+)?|\.\d+`;
const TIME = new RegExp(String.raw`^\+(?:(${NUMBER})\.\.)?(${NUMBER})(s|ms|us)?(?=\s|$)\s*`);
const UNITS: Readonly<Record<string, number>> = { s: 1_000_000, ms: 1000, us: 1 };
const RANGE = /^(-?\d+):(-?\d+)\((\d+)\)$/;
const WORDS = /<[^>]*>|\S+/g;
const ECTS: readonly string[] = ['not-ect', 'ect0', 'ect1', 'ce'];

/**
 * Reads a script; `runScript` says what may stand in it.
 *
 * @throws ERR_INVALID_ARG_VALUE that names the line
 */
export function parseScript(text: string): ScriptStep[] {
  const steps: ScriptStep[] = [];
  for (const [i, whole] of text.split('\n').entries()) {
    const bare = whole.replace(/(^|\s)(#|\/\/).*$/, '').trim();
    if (bare === '') continue;
    try {
      const step = parseLine(bare, i + 1, steps.at(-1));
      if (step !== undefined) steps.push(step);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw usageError('ERR_INVALID_ARG_VALUE', `Script line ${i + 1} can't be read: ${bare}\n  ${reason}`);
    }
  }
  return steps;
}

/** The step of a line; none for one that adds a segment to the step before. */
function parseLine(bare: string, line: number, before: ScriptStep | undefined): ScriptStep | undefined {
  const time = TIME.exec(bare);
  const unit = UNITS[time?.[3] ?? 's']!;
  const most = time === null ? 0 : Math.round(Number(time[2]) * unit);
  const least = time?.[1] === undefined ? most : Math.round(Number(time[1]) * unit);
  const rest = time === null ? bare : bare.slice(time[0].length);
  if (rest.startsWith('&')) {
    if (before?.action.kind !== 'send' || time !== null) throw new Error("'&' goes on with the '<' line above it");
    before.action.segments.push(parseSegment(rest.slice(1)).spec);
    return undefined;
  }
  const action = parseAction(rest);
  if (least > most) throw new Error('the time must go from less to more');
  if (least < most && action.kind !== 'expect') throw new Error("only a '>' line may have a span of time");
  return { line, text: bare, least, most, action };
}

function parseAction(rest: string): ScriptAction {
  const [word = '', ...more] = rest.split(/\s+/);
  switch (word) {
    case '<':
      return { kind: 'send', segments: [parseSegment(rest.slice(1)).spec] };
    case '>':
      return { kind: 'expect', expected: parseSegment(rest.slice(1)).expected };
    case '':
      return { kind: 'wait' };
    case 'write':
      return { kind: 'write', length: count(oneOf(more)) };
    case 'read':
      return { kind: 'read', length: more.length === 0 ? undefined : count(oneOf(more)) };
    case 'state':
      return { kind: 'state', state: oneOf(more) };
    case 'told': {
      const events = more.join(' ').split(/\s*,\s*/);
      return { kind: 'told', events: events[0] === 'nothing' ? [] : events };
    }
    case 'nothing':
    case 'listen':
    case 'connect':
    case 'shutdown':
    case 'close':
    case 'abort':
      if (more.length > 0) throw new Error(`nothing may stand behind '${word}'`);
      return { kind: word };
    default:
      throw new Error(`'${word}' is none of < > & write read shutdown close abort listen connect state told nothing`);
  }
}

/** One segment, as it is sent and as it is expected. */
interface ParsedSegment {
  spec: SegmentSpec;
  expected: Expected;
}

/** `FPA 1:101(100) ack 1 win 65535 urg 5 <mss 1460, sackOK> ect0`; all but the flags may be left out. */
function parseSegment(text: string): ParsedSegment {
  const [letters, ...words] = text.match(WORDS) ?? [];
  if (letters === undefined) throw new Error('flags are missing: letters of SFRPAUEC, or - for none');
  const flags = lettersOf(flagsFrom(letters === '-' ? '' : letters));
  const segment: ParsedSegment = { spec: { flags }, expected: { flags, length: 0 } };
  while (words.length > 0) parseField(words.shift()!, words, segment);
  return segment;
}

function parseField(word: string, words: string[], { spec, expected }: ParsedSegment): void {
  const range = RANGE.exec(word);
  if (range !== null || /^-?\d+$/.test(word)) {
    const [seq, length] = range === null ? [Number(word), 0] : [Number(range[1]), Number(range[3])];
    if (range !== null && Number(range[2]) !== seq + length) throw new Error(`${word}: ${seq} + ${length} is not that`);
    Object.assign(spec, { seq, data: length });
    Object.assign(expected, { seq, length });
  } else if (word === 'ack') {
    spec.ack = expected.ack = integer(words.shift());
  } else if (word === 'win') {
    spec.wnd = expected.wnd = count(words.shift());
  } else if (word === 'urg') {
    spec.urgent = expected.urgent = count(words.shift());
  } else if (ECTS.includes(word)) {
    spec.ect = expected.ect = word as Ect;
  } else if (word.startsWith('<') && word.endsWith('>')) {
    for (const option of word.slice(1, -1).split(',')) parseOption(option.trim(), spec, expected);
  } else {
    throw new Error(`'${word}' is none of FROM:TO(LENGTH) ack win urg <options> ${ECTS.join(' ')}`);
  }
}

/** What the absence of an option looks like, by its name in scripts. */
const ABSENT: Readonly<Record<string, Expected>> = {
  mss: { mss: undefined },
  wscale: { windowScale: undefined },
  sackOK: { sackPermitted: false },
  sack: { sack: [] },
  ts: { timestamps: false },
  fastopen: { fastOpen: undefined },
  uto: { userTimeout: undefined },
};

function parseOption(text: string, spec: SegmentSpec, expected: Expected): void {
  const [name = '', ...values] = text.split(/\s+/);
  const found = optionFields(name, values);
  // Of what is absent only the timestamps would be sent unasked.
  if (name !== 'no') Object.assign(spec, found);
  else if (found.timestamps === false) spec.timestamps = false;
  Object.assign(expected, found);
}

/** The fields of an option; they have the same names in what is sent and what is heard. */
function optionFields(name: string, values: string[]): Expected {
  switch (name) {
    case 'no': {
      const absent = ABSENT[oneOf(values)];
      if (absent === undefined) throw new Error(`'no' goes with one of ${Object.keys(ABSENT).join(' ')}`);
      return absent;
    }
    case 'mss':
      return { mss: count(oneOf(values)) };
    case 'wscale':
      return { windowScale: count(oneOf(values)) };
    case 'sackOK':
      if (values.length > 0) throw new Error("nothing may stand behind 'sackOK'");
      return { sackPermitted: true };
    case 'sack':
      return { sack: values.map(parseBlock) };
    case 'ts':
      return parseTimestamps(values);
    case 'fastopen':
      return { fastOpen: values.length === 0 ? 'request' : parseHex(oneOf(values)) };
    case 'uto':
      return { userTimeout: count(oneOf(values)) };
    default:
      throw new Error(`'${name}' is none of the options ${Object.keys(ABSENT).join(' ')}, no`);
  }
}

function parseTimestamps(values: readonly string[]): Expected {
  const fields: Expected = { timestamps: true };
  for (let i = 0; i < values.length; i += 2) {
    if (values[i] === 'val') fields.tsval = count(values[i + 1]);
    else if (values[i] === 'ecr') fields.tsecr = count(values[i + 1]);
    else throw new Error("timestamps are written 'ts', 'ts val N', 'ts ecr N' or 'ts val N ecr N'");
  }
  return fields;
}

function parseBlock(text: string): SackBlock {
  const [left, right, ...more] = text.split(':');
  if (more.length > 0) throw new Error(`a SACK block is written LEFT:RIGHT, not ${text}`);
  return [integer(left), integer(right)];
}

function parseHex(text: string): Uint8Array {
  const octets = text.match(/[0-9a-f]{2}/gi) ?? [];
  if (2 * octets.length !== text.length) throw new Error(`a cookie is pairs of hexadecimal digits, not ${text}`);
  return Uint8Array.from(octets, (octet) => Number.parseInt(octet, 16));
}

/** The only word. */
function oneOf(words: readonly string[]): string {
  const [word] = words;
  if (word === undefined || words.length > 1) throw new Error(`one word was expected, not '${words.join(' ')}'`);
  return word;
}

function integer(word: string | undefined): number {
  if (word === undefined || !/^-?\d+$/.test(word)) throw new Error(`a number was expected, not '${word ?? ''}'`);
  return Number(word);
}

function count(word: string | undefined): number {
  const value = integer(word);
  if (value < 0) throw new Error(`a number of at least 0 was expected, not ${value}`);
  return value;
}
