import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { requireOptions, usageError } from '../../errors.ts';
import type { Stack } from '../../stack/stack.ts';
import { DESCRIPTION, openStack } from './description.ts';
import type { StackDescription } from './description.ts';
import { register } from './register.ts';
import type { RegisterOptions } from './register.ts';

/**
 * What a config module exports by default, or a promise of it: a stack, a stack with the other options of `register`, or
 * the description of one with them.
 */
export type RegisterConfig = Stack | RegisterOptions | (StackDescription & Omit<RegisterOptions, 'stack'>);

/** The variables that say what stack it is: JSON of a description, or the path of a config module. */
const STACK = 'USERNET_STACK';
const CONFIG = 'USERNET_CONFIG';

/**
 * Registers the stack that the environment describes; without either variable one that has `lo` only.
 *
 * @returns the stack
 */
export async function registerFromEnvironment(environment: NodeJS.ProcessEnv): Promise<Stack> {
  const { [STACK]: text, [CONFIG]: path } = environment;
  if (text && path) {
    throw usageError('ERR_INVALID_ARG_VALUE', `${STACK} and ${CONFIG} are both set: which is meant?`);
  }
  if (path) return registerConfig(CONFIG, await load(path));
  return registerConfig(STACK, text ? parse(text) : {});
}

async function registerConfig(where: string, config: unknown): Promise<Stack> {
  requireObject(where, config);
  if (isStack(config)) {
    register({ stack: config });
    return config;
  }
  if ('stack' in config) {
    register(config as unknown as RegisterOptions);
    return config['stack'] as Stack;
  }
  requireOptions(where, config, [...DESCRIPTION, 'lookup', 'realNetwork']);
  const { lookup, realNetwork, ...description } = config;
  const stack = await openStack(description);
  try {
    register({ stack, lookup, realNetwork } as RegisterOptions);
  } catch (error) {
    await stack.destroy();
    throw error;
  }
  return stack;
}

async function load(path: string): Promise<unknown> {
  const url = path.startsWith('file:') ? path : pathToFileURL(resolve(path)).href;
  const module = (await import(url)) as { default?: unknown };
  if (module.default === undefined) {
    throw usageError('ERR_INVALID_ARG_VALUE', `${CONFIG}: ${path} has no default export`);
  }
  return module.default;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw usageError('ERR_INVALID_ARG_VALUE', `${STACK} is not JSON: ${reason}`);
  }
}

function requireObject(where: string, config: unknown): asserts config is Record<string, unknown> {
  if (typeof config === 'object' && config !== null && !Array.isArray(config)) return;
  const message = `${where} must describe a stack (an object of ${DESCRIPTION.join(', ')}, lookup, realNetwork)`;
  throw usageError('ERR_INVALID_ARG_TYPE', message);
}

function isStack(config: object): config is Stack {
  return 'tcp' in config && 'attach' in config && typeof config.attach === 'function';
}
