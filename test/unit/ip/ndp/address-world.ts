import { Autoconfiguration } from '../../../../src/ip/ndp/autoconfiguration.ts';
import type { AutoconfigurationParts } from '../../../../src/ip/ndp/autoconfiguration.ts';
import { StableIdentifiers } from '../../../../src/ip/ndp/interface-identifier.ts';
import { seededRandom } from '../../../../src/time/seeded-random.ts';
import type { SixBytes } from '../../../../src/wire/ndp-options.ts';
import { SECOND } from './fixture.ts';

export const MAC: SixBytes = { high: 0x0211, low: 0x22_33_44_55 };
export const SECRET: Uint8Array = Uint8Array.from({ length: 16 }, (_, i) => i);

/** The addresses of an interface, in a time of their own. */
export class AddressWorld {
  readonly addresses: Autoconfiguration;
  /** What happened since `take`: `probe …`, `preferred …`, `removed …`. */
  #events: string[] = [];
  now: number = 0;
  /** What is done when a probe is sent: an answer, as a rule. */
  onProbe: ((address: string, nonce: SixBytes) => void) | undefined;

  constructor(parts: Partial<AutoconfigurationParts> = {}) {
    this.addresses = new Autoconfiguration({
      random: seededRandom(1),
      mac: () => MAC,
      identifiers: new StableIdentifiers(SECRET),
      temporary: undefined,
      transmits: 1,
      strict: false,
      taken: () => false,
      probe: ({ cidr }, nonce) => {
        this.#events.push(`probe ${cidr.address}`);
        this.onProbe?.(cidr.address.toString(), nonce);
      },
      changed: ({ cidr, state }) => this.#events.push(`${state} ${cidr}`),
      removed: ({ cidr }) => this.#events.push(`removed ${cidr}`),
      returned: ({ cidr }) => this.#events.push(`returned ${cidr}`),
      ...parts,
    });
  }

  /** Lets so many seconds pass, doing what is due when it is. */
  pass(seconds: number): void {
    const end = this.now + seconds * SECOND;
    while (this.addresses.deadline <= end) {
      this.now = Math.max(this.now, this.addresses.deadline);
      this.addresses.advance(this.now);
    }
    this.now = end;
  }

  take(): string[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  /** The addresses with their states. */
  get states(): string[] {
    return this.addresses.list().map(({ cidr, origin, state }) => `${cidr} ${origin} ${state}`);
  }

  /** The addresses in use, of one kind. */
  usable(origin: string): string[] {
    return this.addresses
      .list()
      .flatMap((own) => (own.usable && own.origin === origin ? own.cidr.address.toString() : []));
  }
}
