/** Redirects `node:net`, `node:dgram` and what stands on them to a stack. */

export type { RegisterConfig } from './configuration.ts';
export { openStack } from './description.ts';
export type { StackDescription } from './description.ts';
export { onRealNetwork } from './real-network.ts';
export type { RealNetwork } from './real-network.ts';
export { register } from './register.ts';
export type { RegisterOptions } from './register.ts';
