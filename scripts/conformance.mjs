// @ts-check
// Ties requirements, code and tests together and writes docs/conformance.md.
//
//   node scripts/conformance.mjs             write docs/conformance.md
//   node scripts/conformance.mjs --check     fail when it is out of date or a claim has no proof
//   node scripts/conformance.mjs --suggest   print status rows for what has code and a test but is not marked met
//   … --root DIR                             of another folder than this project
//
// The requirements are the rows of docs/requirements/*.tsv, what is claimed of them stands in status.tsv beside them.
// Code cites a requirement in a comment, `// [MUST-13] RFC 9293 §3.6.1`; a test's title begins with it, `[MUST-13] …`.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const TABLES = 'docs/requirements';
const STATUS = `${TABLES}/status.tsv`;
const OUTPUT = 'docs/conformance.md';
const STATUSES = ['met', 'not yet', 'deliberately not met', 'out of scope'];

/** @typedef {{ id: string, table: string, level: string, requirement: string, source: string }} Requirement */
/** @typedef {{ id: string, file: string, line: number }} Citation */
/** @typedef {{ status: string, reason: string }} Claim */
/**
 * @typedef {object} Conformance
 * @property {Requirement[]} requirements in the order of the tables
 * @property {Map<string, Claim>} claims by id; a requirement without one is `not yet`
 * @property {Citation[]} code
 * @property {Citation[]} tests
 * @property {string[]} problems what is wrong with the tables, the claims or the citations
 */

/**
 * The rows of a tab-separated file as objects with the header's names.
 *
 * @param {string} path
 * @returns {Record<string, string>[]}
 */
function readTable(path) {
  const [header = [], ...rows] = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t'));
  return rows.map((row) => Object.fromEntries(header.map((name, i) => [name, row[i] ?? ''])));
}

/**
 * Files below a folder whose names match, in a stable order, as paths with forward slashes from the root.
 *
 * @param {string} root
 * @param {string} folder
 * @param {RegExp} name
 */
function findFiles(root, folder, name) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((file) => `${folder}/${file.replaceAll('\\', '/')}`)
    .filter((file) => name.test(file))
    .toSorted();
}

// Comments, strings and templates of TypeScript and C, so that one is not taken for another.
const TOKEN = /\/\/.*|\/\*[^]*?\*\/|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g;

/** @param {string} text @param {number} offset */
const lineAt = (text, offset) => text.slice(0, offset).split('\n').length;

/**
 * Requirement ids in the comments of a source file. `buffer[N-1]` in a comment is not one.
 *
 * @param {string} file
 * @param {string} text
 */
function citationsInCode(file, text) {
  /** @type {Citation[]} */
  const found = [];
  for (const { 0: token, index: offset } of text.matchAll(TOKEN)) {
    if (!token.startsWith('/')) continue;
    for (const match of token.matchAll(/(?<![\w)\]])\[([A-Z]+-\d+)\]/g)) {
      found.push({ id: match[1] ?? '', file, line: lineAt(text, offset + match.index) });
    }
  }
  return found;
}

/**
 * Requirement ids at the beginning of strings in a test file: titles of it, describe and it.each, or rows of a table
 * of titles. A skipped or unwritten test proves nothing and is left out.
 *
 * @param {string} file
 * @param {string} text
 */
function citationsInTests(file, text) {
  /** @type {Citation[]} */
  const found = [];
  for (const { 0: token, index: offset } of text.matchAll(TOKEN)) {
    const ids = /^['"`]((?:\[[A-Z]+-\d+\]\s*)+)/.exec(token)?.[1];
    if (ids === undefined || /\.(skip|todo)\s*\(\s*$/.test(text.slice(0, offset))) continue;
    const line = lineAt(text, offset);
    for (const match of ids.matchAll(/\[([^\]]+)\]/g)) found.push({ id: match[1] ?? '', file, line });
  }
  return found;
}

/** @param {string} root @param {string[]} problems */
function readRequirements(root, problems) {
  /** @type {Requirement[]} */
  const requirements = [];
  const seen = new Set();
  for (const file of findFiles(root, TABLES, /\.tsv$/)) {
    if (file === STATUS) continue;
    const table = file.slice(TABLES.length + 1, -'.tsv'.length);
    for (const row of readTable(join(root, file))) {
      const { id = '', level = '', topic } = row;
      // rfc9293.tsv has requirement and section; stack.tsv has rfc, topic and what a host must do.
      const requirement = row['requirement'] ?? row['what a modern host stack must do'] ?? '';
      const source = row['section'] === undefined ? `RFC ${row['rfc']}` : `§${row['section']}`;
      if (seen.has(id)) problems.push(`${file}: ${id} stands twice in the tables`);
      seen.add(id);
      requirements.push({ id, table, level, requirement: topic ? `${topic}: ${requirement}` : requirement, source });
    }
  }
  return requirements;
}

/** @param {string} root @param {string[]} problems */
function readClaims(root, problems) {
  /** @type {Map<string, Claim>} */
  const claims = new Map();
  if (!existsSync(join(root, STATUS))) return claims;
  for (const { id = '', status = '', reason = '' } of readTable(join(root, STATUS))) {
    if (claims.has(id)) problems.push(`${STATUS}: ${id} stands twice`);
    if (!STATUSES.includes(status)) problems.push(`${STATUS}: ${id} has the unknown status "${status}"`);
    claims.set(id, { status, reason });
  }
  return claims;
}

/** @param {Conformance} conformance */
function judge({ requirements, claims, code, tests, problems }) {
  const known = new Set(requirements.map(({ id }) => id));
  const tested = new Set(tests.map(({ id }) => id));
  for (const { id, file, line } of [...code, ...tests]) {
    if (!known.has(id)) problems.push(`${file}:${line}: names the unknown requirement ${id}`);
  }
  for (const [id, { status, reason }] of claims) {
    if (!known.has(id)) problems.push(`${STATUS}: ${id} is no requirement`);
    if (status === 'met' && !tested.has(id)) problems.push(`${STATUS}: ${id} is marked met and has no test`);
    // What is done instead of the requirement must be shown as well.
    if (status === 'deliberately not met' && !tested.has(id)) {
      problems.push(`${STATUS}: ${id} is deliberately not met and has no test of what happens instead`);
    }
    if ((status === 'deliberately not met' || status === 'out of scope') && reason === '') {
      problems.push(`${STATUS}: ${id} is ${status} without a reason`);
    }
  }
}

/**
 * Reads tables, code and tests of a project.
 *
 * @param {string} root
 * @returns {Conformance}
 */
export function collect(root) {
  /** @param {string} file */
  const read = (file) => readFileSync(join(root, file), 'utf8');
  /** @type {string[]} */
  const problems = [];
  const sources = [...findFiles(root, 'src', /\.ts$/), ...findFiles(root, 'native', /\.[ch]$/)];
  const conformance = {
    requirements: readRequirements(root, problems),
    claims: readClaims(root, problems),
    code: sources.flatMap((file) => citationsInCode(file, read(file))),
    tests: findFiles(root, 'test', /\.test\.ts$/).flatMap((file) => citationsInTests(file, read(file))),
    problems,
  };
  judge(conformance);
  return conformance;
}

/** @param {Conformance} conformance @param {string} id */
const statusOf = ({ claims }, id) => claims.get(id)?.status ?? 'not yet';

/** @param {string} text */
const cell = (text) => text.replaceAll('|', '\\|');

/** @param {Citation[]} citations @param {string} id */
function places(citations, id) {
  const links = citations
    .filter((citation) => citation.id === id)
    .map(({ file, line }) => `[${file}:${line}](../${file}#L${line})`);
  return [...new Set(links)].join('<br>');
}

/** @param {Conformance} conformance @param {Requirement[]} rows */
function renderSummary(conformance, rows) {
  const lines = [`| level | ${STATUSES.join(' | ')} |`, `|---|${'---:|'.repeat(STATUSES.length)}`];
  for (const level of new Set(rows.map((row) => row.level))) {
    const ofLevel = rows.filter((row) => row.level === level).map(({ id }) => statusOf(conformance, id));
    const counts = STATUSES.map((status) => ofLevel.filter((other) => other === status).length);
    lines.push(`| ${level} | ${counts.join(' | ')} |`);
  }
  return lines;
}

/**
 * The text of docs/conformance.md.
 *
 * @param {Conformance} conformance
 */
export function render(conformance) {
  const { requirements, claims, code, tests } = conformance;
  const lines = [
    '# Conformance',
    '',
    'Written by `npm run conformance`; do not edit. CONTRIBUTING.md tells how it works.',
  ];
  for (const table of new Set(requirements.map((row) => row.table))) {
    const rows = requirements.filter((row) => row.table === table);
    lines.push('', `## ${table}`, '', ...renderSummary(conformance, rows), '');
    lines.push('| id | level | requirement | status | code | test | reason |', '|---|---|---|---|---|---|---|');
    for (const { id, level, requirement, source } of rows) {
      const what = cell(`${requirement} (${source})`);
      const reason = cell(claims.get(id)?.reason ?? '');
      const where = `${places(code, id)} | ${places(tests, id)}`;
      lines.push(`| ${id} | ${level} | ${what} | ${statusOf(conformance, id)} | ${where} | ${reason} |`);
    }
  }
  return `${lines.join('\n')}\n`;
}

/**
 * Rows for status.tsv: what is cited by code and by a test but is still `not yet`.
 *
 * @param {Conformance} conformance
 */
export function suggest(conformance) {
  const coded = new Set(conformance.code.map(({ id }) => id));
  const tested = new Set(conformance.tests.map(({ id }) => id));
  return conformance.requirements
    .filter(({ id }) => coded.has(id) && tested.has(id) && statusOf(conformance, id) === 'not yet')
    .map(({ id }) => `${id}\tmet\t`);
}

/**
 * All that is wrong, an outdated page included.
 *
 * @param {string} root
 */
export function check(root) {
  const conformance = collect(root);
  const path = join(root, OUTPUT);
  const page = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const stale = page === render(conformance) ? [] : [`${OUTPUT} is out of date: run npm run conformance`];
  return [...conformance.problems, ...stale];
}

function main() {
  const { values } = parseArgs({
    options: {
      check: { type: 'boolean', default: false },
      suggest: { type: 'boolean', default: false },
      root: { type: 'string', default: fileURLToPath(new URL('..', import.meta.url)) },
    },
  });
  if (values.suggest) {
    for (const row of suggest(collect(values.root))) console.log(row);
    return;
  }
  if (!values.check) writeFileSync(join(values.root, OUTPUT), render(collect(values.root)));
  const problems = check(values.root);
  for (const problem of problems) console.error(problem);
  process.exitCode = problems.length > 0 ? 1 : 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
