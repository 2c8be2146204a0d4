// @ts-check
// Finds the conditions of a TypeScript source and writes switches around them.
import { parseSync } from 'vite';

/**
 * One way to break a condition: what it is replaced with.
 *
 * @typedef {{ file: string, line: number, text: string, value: boolean, site: number }} Mutant
 */

const COMPARISONS = new Set(['<', '<=', '>', '>=', '===', '!==', 'in', 'instanceof']);
const LOOPS = new Set(['WhileStatement', 'DoWhileStatement', 'ForStatement']);
const BRANCHES = new Set(['IfStatement', 'ConditionalExpression']);

/** @param {any} node */
function bare(node) {
  while (node.type === 'ParenthesizedExpression') node = node.expression;
  return node;
}

/** @param {any} node */
function isLogical(node) {
  return node.type === 'LogicalExpression' && node.operator !== '??';
}

/**
 * The operands of `a && b && c`, which the parser nests to the left.
 *
 * @param {any} node
 * @param {string} operator
 * @returns {any[]}
 */
function operands(node, operator) {
  const inner = bare(node);
  if (inner.type !== 'LogicalExpression' || inner.operator !== operator) return [node];
  return [...operands(inner.left, operator), ...operands(inner.right, operator)];
}

/**
 * Removes conditions one by one: what an `if`, `?:` or comparison decides becomes true, then false; a loop is never entered; an
 * operand of `&&` becomes true and one of `||` false. (The opposite values would break the whole, which is a mutant of its own.)
 * In the result each condition asks `__mutant(site, value)` first, and tells `__seen(site, value)` what it is.
 *
 * @param {string} file
 * @param {string} source
 * @param {number} firstSite
 * @returns {{ code: string, mutants: Mutant[], sites: number }}
 */
export function instrument(file, source, firstSite) {
  /** @type {Mutant[]} */
  const mutants = [];
  /** @type {Map<any, boolean[]>} */
  const wanted = new Map();
  const { program, errors } = parseSync(file, source);
  if (errors.length > 0) throw new Error(`${file}: ${errors[0]?.message}`);

  /** @param {any} node @param {boolean[]} values */
  const want = (node, values) => {
    const inner = bare(node);
    if (inner.type !== 'Literal' && !wanted.has(inner)) wanted.set(inner, values);
  };

  /** @param {any} node */
  const visit = (node) => {
    if (LOOPS.has(node.type) && node.test) want(node.test, [false]);
    if (BRANCHES.has(node.type)) want(node.test, [true, false]);
    if (isLogical(node)) for (const part of operands(node, node.operator)) want(part, [node.operator === '&&']);
    if (node.type === 'BinaryExpression' && COMPARISONS.has(node.operator)) want(node, [true, false]);
    for (const child of Object.values(node)) {
      for (const one of Array.isArray(child) ? child : [child]) {
        if (one !== null && typeof one === 'object' && typeof one.type === 'string') visit(one);
      }
    }
  };
  visit(program);

  let site = firstSite;
  /** @type {Map<number, { before: string, after: string }>} */
  const edits = new Map();
  /** @param {number} at */
  const editAt = (at) => {
    const edit = edits.get(at) ?? { before: '', after: '' };
    edits.set(at, edit);
    return edit;
  };
  // Outer nodes come first, so that their switches stand outside.
  for (const [node, values] of [...wanted].sort(([a], [b]) => a.start - b.start || b.end - a.end)) {
    const line = source.slice(0, node.start).split('\n').length;
    const text = source.slice(node.start, node.end).replace(/\s+/g, ' ');
    for (const value of values) mutants.push({ file, line, text, value, site });
    const asks = values.map((value) => `__mutant(${site}, ${value}) ? ${value} : `).join('');
    const end = editAt(node.end);
    end.before = `)))${end.before}`;
    editAt(node.start).after += `(${asks}__seen(${site}, (`;
    site++;
  }
  let code = '';
  let done = 0;
  for (const [at, { before, after }] of [...edits].sort(([a], [b]) => a - b)) {
    code += source.slice(done, at) + before + after;
    done = at;
  }
  return { code: code + source.slice(done), mutants, sites: site - firstSite };
}
