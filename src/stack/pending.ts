import type { Interface } from './interface.ts';

/**
 * The interfaces whose queues hold packets, in the order in which they came. Not a Set, which is made anew for each packet: it
 * shrinks when its last member goes.
 */
export class PendingInterfaces {
  readonly #members: (Interface | undefined)[] = [];

  add(iface: Interface): void {
    if (iface.pending) return;
    iface.pending = true;
    this.#members.push(iface);
  }

  delete(iface: Interface): void {
    if (!iface.pending) return;
    iface.pending = false;
    this.#members[this.#members.indexOf(iface)] = undefined;
  }

  /** Visits all, those too that come meanwhile; who goes meanwhile is not visited. */
  forEach(visit: (iface: Interface) => void): void {
    const members = this.#members;
    for (let i = 0; i < members.length; i++) {
      const iface = members[i];
      if (iface !== undefined) visit(iface);
    }
    let kept = 0;
    for (const iface of members) if (iface !== undefined) members[kept++] = iface;
    members.length = kept;
  }
}
