import type { TemporaryLifetimes } from './temporary.ts';

/** How one interface finds its neighbours, routers and addresses. */
export interface DiscoveryOptions {
  /** A link-local address is made. */
  readonly linkLocal: boolean;
  /** Routers are asked and believed. */
  readonly routers: boolean;
  /** Routers may show better ways. */
  readonly redirects: boolean;
  readonly identifiers: 'stable' | 'eui64';
  /** 16 bytes: what stable identifiers are made with. */
  readonly secret: Uint8Array;
  /** Undefined: no temporary addresses. */
  readonly temporary: TemporaryLifetimes | undefined;
  /** Probes for duplicates. */
  readonly transmits: number;
}

/** Neighbours are found, and nothing else is done. */
export const NEIGHBOURS_ALONE: DiscoveryOptions = {
  linkLocal: false,
  routers: false,
  redirects: false,
  identifiers: 'eui64',
  secret: new Uint8Array(0),
  temporary: undefined,
  transmits: 0,
};
