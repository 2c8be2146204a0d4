// @ts-check
// Translates src/buffer/sum-copy.wat: src/buffer/sum-copy.ts holds the module's bytes, so that no file has to be loaded.
//
//   node scripts/wasm.mjs            writes it
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import wabt from 'wabt';

const folder = fileURLToPath(new URL('../src/buffer/', import.meta.url));
const tools = await wabt();
const module = tools.parseWat('sum-copy.wat', readFileSync(`${folder}sum-copy.wat`, 'utf8'), {
  simd: true,
  bulk_memory: true,
});
const hex = Buffer.from(module.toBinary({}).buffer).toString('hex');
const lines = hex.match(/.{1,110}/g) ?? [];
writeFileSync(
  `${folder}sum-copy.ts`,
  `/** \`sum-copy.wat\` as WebAssembly, in hexadecimal; made by \`node scripts/wasm.mjs\`. */
export const SUM_COPY: string =
${lines.map((line) => `  '${line}'`).join(' +\n')};
`,
);
