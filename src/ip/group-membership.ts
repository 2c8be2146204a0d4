import { addressKey, admits, EVERYBODY, isJoined, namedByOne, NOBODY } from '../buffer/group-filter.ts';
import type { GroupFilter } from '../buffer/group-filter.ts';
import type { Counters } from '../buffer/counters.ts';
import type { Clock, Random } from '../time/clock.ts';
import type { TimerWheel, WheelTimer } from '../time/timer-wheel.ts';
import { Address, isAllHosts, Scope, scopeOf } from '../wire/address.ts';
import type { AddressWords } from '../wire/address.ts';
import { GroupRecordType } from '../wire/group-records.ts';
import type { GroupRecord } from '../wire/group-records.ts';

/**
 * Which version a querier speaks, and so the members: `sources` are IGMPv3 and MLDv2, `groups` IGMPv2 and MLDv1, which know no
 * sources, `reports` IGMPv1, which knows no leaving either (RFC 3376 §7.2.1, RFC 3810 §8.2.1).
 */
export type Compatibility = 'sources' | 'groups' | 'reports';

/** What is said of a group differs between IGMP and MLD only in its form: each writes messages and puts them in the queue. */
export interface MembershipReports {
  /** A report of the newest version. */
  report(records: readonly GroupRecord[]): void;
  /** A report of an older version, to the group itself. */
  memberReport(group: Address, compatibility: Compatibility): void;
  /** "Leave group" or "done". */
  leave(group: Address): void;
}

/** A query that was found valid. */
export interface GroupQuery {
  readonly version: Compatibility;
  /** Absent in a general query. */
  readonly group: AddressWords | undefined;
  /** In microseconds. */
  readonly maxResponse: number;
  /** Of the newest version only: the querier's robustness variable, and its query interval in microseconds. */
  readonly robustness: number;
  readonly interval: number;
  /** How many sources it names, and they themselves: read only where the group is joined. */
  readonly sourceCount: number;
  sources(): readonly Address[];
}

/** What a membership is made of. */
export interface GroupMembershipParts {
  /** Of its counters. */
  readonly name: 'igmp' | 'mld';
  readonly clock: Clock;
  readonly random: Random;
  readonly timers: TimerWheel;
  readonly counters: Counters;
  readonly reports: MembershipReports;
}

/** RFC 3376 §8.1, §8.2, §8.3, §8.11; RFC 3810 §9.1, §9.2, §9.3, §9.11. Times in microseconds. */
const ROBUSTNESS = 2;
const QUERY_INTERVAL = 125_000_000;
const QUERY_RESPONSE_INTERVAL = 10_000_000;
const UNSOLICITED_REPORT_INTERVAL = 1_000_000;
/** RFC 2236 §8.10, RFC 2710 §7.10. */
const OLDER_UNSOLICITED_REPORT_INTERVAL = 10_000_000;

/**
 * From one answer about the same to the next, in microseconds. A query may ask for one at once, and anybody may ask a thousand
 * times a second; honest queriers leave a tenth of a second between two (RFC 3376 §8.8, RFC 3810 §9.8: the shortest Last Member
 * Query Interval that the field can say).
 */
const ANSWER_INTERVAL = 100_000;
/** Groups that were left and are still to be told of, the most; of the oldest nothing is repeated then. */
const MOST_LEFT = 64;
/** RFC 3376 §9.1: sources that queries asked for, the most that are remembered; beyond them the whole group is told. */
const MOST_ASKED = 256;

/** A group on this interface. */
interface Entry {
  readonly group: Address;
  /** What sockets want of it, and how often the stack itself has joined. */
  sockets: GroupFilter;
  own: number;
  /** The interface's state (RFC 3376 §3.2): who joins whatever the source outdoes all who choose. */
  filter: GroupFilter;
  /** Reports that are to name the filter mode yet; in older versions unsolicited reports to come. */
  modeReports: number;
  /** Sources that came or went, each with the reports that are to name it yet: those of the last few changes. */
  readonly changed: Map<string, { readonly source: Address; left: number }>;
  /** When the change is told again. */
  readonly again: WheelTimer;
  /** When a query is answered. */
  readonly answer: WheelTimer;
  /** When the last query was answered. */
  answered: number;
  /** The sources that it asked for; none for the group as a whole. */
  asked: Map<string, Address> | undefined;
  /** RFC 2236 §6: no other member has reported it since we did. */
  lastReporter: boolean;
}

/**
 * The groups of one interface in one family, and the listeners' part of IGMP or MLD ([S-022] RFC 3376 §5, RFC 3810 §6):
 * changes are told at once and again, queries are answered after a random while, older queriers in their own version.
 */
export class GroupMembership {
  readonly #parts: GroupMembershipParts;
  readonly #groups = new Map<string, Entry>();
  /** Those that are kept only until their end is told. */
  readonly #left = new Set<Entry>();
  readonly #answerAll: WheelTimer;
  #answeredAll: number = -Infinity;
  #reporting: boolean = false;
  #compatibility: Compatibility = 'sources';
  /** Until when queriers of older versions count as present. */
  #groupsUntil: number = -Infinity;
  #reportsUntil: number = -Infinity;
  #robustness: number = ROBUSTNESS;
  #queryInterval: number = QUERY_INTERVAL;
  #responseInterval: number = QUERY_RESPONSE_INTERVAL;

  constructor(parts: GroupMembershipParts) {
    this.#parts = parts;
    this.#answerAll = parts.timers.timer((now) => {
      this.#answeredAll = now;
      this.#parts.reports.report(this.#reported().map(currentState));
    });
  }

  /** The groups that are joined, those that are never reported too: a new array. */
  get groups(): Address[] {
    return [...this.#groups.values()].filter(({ filter }) => isJoined(filter)).map(({ group }) => group);
  }

  /** What the interface hears of a group; nothing when it is not joined. */
  filterOf(group: AddressWords): GroupFilter | undefined {
    const filter = this.#groups.get(addressKey(group))?.filter;
    return filter !== undefined && isJoined(filter) ? filter : undefined;
  }

  /** The version in which the interface speaks at present. */
  get compatibility(): Compatibility {
    this.#settle(this.#parts.clock.now());
    return this.#compatibility;
  }

  /** Sockets want this of the group from now on, all of them together: `NOBODY` when there is none any more. */
  listen(group: Address, filter: GroupFilter): void {
    this.#change(group, (entry) => {
      entry.sockets = filter;
    });
  }

  /** The stack itself joins a group, whatever the source: as often as it does it must `leave`. */
  join(group: Address): void {
    this.#change(group, (entry) => {
      entry.own++;
    });
  }

  leave(group: Address): void {
    this.#change(group, (entry) => {
      entry.own = Math.max(0, entry.own - 1);
    });
  }

  /**
   * Reports are possible from now on, or no longer. When they become so, nobody on the link knows of anything: each group is
   * told anew, and the link's querier may be another.
   */
  setReporting(reporting: boolean): void {
    if (reporting === this.#reporting) return;
    this.#reporting = reporting;
    this.#forgetPending();
    this.#compatibility = 'sources';
    this.#groupsUntil = this.#reportsUntil = -Infinity;
    this.#robustness = ROBUSTNESS;
    this.#queryInterval = QUERY_INTERVAL;
    this.#responseInterval = QUERY_RESPONSE_INTERVAL;
    this.announce();
  }

  /** Tells every group as if it were joined now. */
  announce(): void {
    if (!this.#reporting) return;
    const now = this.#parts.clock.now();
    this.#settle(now);
    const joined = this.#reported();
    for (const entry of joined) this.#note(entry, NOBODY);
    if (this.#compatibility === 'sources') this.#reportChanges(joined, now);
    else for (const entry of joined) this.#reportOlder(entry, now);
  }

  /** The interface is gone. */
  close(): void {
    this.setReporting(false);
    this.#groups.clear();
  }

  /** A query has come: the answer is put off for a random while (RFC 3376 §5.2, RFC 3810 §6.2, RFC 2236 §3). */
  query(query: GroupQuery, now: number): void {
    if (!this.#reporting) return;
    this.#learn(query, now);
    this.#settle(now);
    if (this.#compatibility !== 'sources') return this.#scheduleOlder(query, now);
    const at = now + this.#within(query.maxResponse);
    // Rule 1: what is to be told of all comes sooner.
    if (this.#answerAll.deadline <= at) return;
    if (query.group !== undefined) return this.#scheduleGroup(query, at);
    if (this.#reported().length > 0) this.#answerAll.arm(this.#notBefore(this.#answeredAll, at));
  }

  /** Another member has reported the group in an older version: then we need not (RFC 2236 §3, RFC 2710 §4). */
  heard(group: AddressWords, now: number): void {
    const entry = this.#groups.get(addressKey(group));
    if (entry === undefined) return;
    this.#settle(now);
    if (this.#compatibility === 'sources') return;
    entry.answer.cancel();
    entry.modeReports = 0;
    entry.lastReporter = false;
  }

  #change(group: Address, change: (entry: Entry) => void): void {
    const key = addressKey(group);
    const entry = this.#groups.get(key) ?? this.#enter(key, group);
    const before = entry.filter;
    change(entry);
    entry.filter = entry.own > 0 ? EVERYBODY : entry.sockets;
    const same = entry.filter.exclude === before.exclude && namedByOne(before, entry.filter).length === 0;
    if (!same && this.#reporting && isReported(group)) this.#tell(entry, before);
    this.#dropIfOver(entry);
  }

  #enter(key: string, words: Address): Entry {
    const { timers } = this.#parts;
    const entry: Entry = {
      // The interface is known: no zone.
      group: Address.fromBytes(words.bytes()),
      sockets: NOBODY,
      own: 0,
      filter: NOBODY,
      modeReports: 0,
      changed: new Map(),
      again: timers.timer((now) => this.#reportChanges([entry], now)),
      answer: timers.timer((now) => this.#answer(entry, now)),
      answered: -Infinity,
      asked: undefined,
      lastReporter: false,
    };
    this.#groups.set(key, entry);
    return entry;
  }

  /** RFC 3376 §5.1, RFC 3810 §6.1: a change is told at once. */
  #tell(entry: Entry, before: GroupFilter): void {
    const now = this.#parts.clock.now();
    this.#settle(now);
    if (this.#compatibility === 'sources') {
      this.#note(entry, before);
      return this.#reportChanges([entry], now);
    }
    const [was, is] = [isJoined(before), isJoined(entry.filter)];
    if (is === was) return;
    if (is) {
      this.#note(entry, before);
      return this.#reportOlder(entry, now);
    }
    entry.answer.cancel();
    entry.modeReports = 0;
    // RFC 2236 §3, RFC 2710 §4: who was not the last to report may go in silence. IGMPv1 knows no leaving.
    if (entry.lastReporter && this.#compatibility === 'groups') this.#parts.reports.leave(entry.group);
  }

  /** Notes what differs from the state before: it is to be told as often as the robustness variable says. */
  #note(entry: Entry, before: GroupFilter): void {
    const { filter, changed } = entry;
    if (this.#compatibility !== 'sources' || filter.exclude !== before.exclude) {
      entry.modeReports = this.#robustness;
      changed.clear();
      return;
    }
    for (const source of namedByOne(before, filter)) {
      changed.set(addressKey(source), { source, left: this.#robustness });
    }
  }

  /** RFC 3376 §5.1: what is pending of these groups, in one report; the rest is repeated after a random while. */
  #reportChanges(entries: readonly Entry[], now: number): void {
    this.#parts.reports.report(entries.flatMap(takeChanges));
    for (const entry of entries) {
      if (isPending(entry)) entry.again.arm(now + this.#within(UNSOLICITED_REPORT_INTERVAL));
      else entry.again.cancel();
      this.#dropIfOver(entry);
    }
  }

  /** A report of an older version, again after a random while if one is pending (RFC 2236 §3). */
  #reportOlder(entry: Entry, now: number): void {
    this.#parts.reports.memberReport(entry.group, this.#compatibility);
    entry.lastReporter = true;
    entry.modeReports = Math.max(0, entry.modeReports - 1);
    if (entry.modeReports > 0) entry.answer.arm(now + this.#within(OLDER_UNSOLICITED_REPORT_INTERVAL));
  }

  // RFC 3376 §5.2, RFC 3810 §6.2: rules 3 to 5.
  #scheduleGroup(query: GroupQuery, at: number): void {
    const entry = this.#groups.get(addressKey(query.group!));
    if (entry === undefined || !isJoined(entry.filter) || !isReported(entry.group)) return;
    const { answer } = entry;
    if (query.sourceCount === 0) entry.asked = undefined;
    else if (!answer.armed) entry.asked = this.#remember(new Map(), query);
    else if (entry.asked !== undefined) entry.asked = this.#remember(entry.asked, query);
    if (at < answer.deadline) answer.arm(this.#notBefore(entry.answered, at));
  }

  /** Adds the sources of a query; nothing when they are too many: then the whole group is told. */
  #remember(asked: Map<string, Address>, query: GroupQuery): Map<string, Address> | undefined {
    for (const source of query.sources()) {
      asked.set(addressKey(source), source);
      if (asked.size <= MOST_ASKED) continue;
      this.#count('too-many-sources-asked');
      return undefined;
    }
    return asked;
  }

  // RFC 2236 §3, RFC 2710 §4: each group has a timer of its own; one that runs is only ever brought forward.
  #scheduleOlder({ group, maxResponse }: GroupQuery, now: number): void {
    for (const entry of this.#reported()) {
      if (group !== undefined && addressKey(entry.group) !== addressKey(group)) continue;
      const { answer } = entry;
      if (maxResponse >= answer.deadline - now) continue;
      answer.arm(this.#notBefore(entry.answered, now + this.#within(maxResponse)));
    }
  }

  #answer(entry: Entry, now: number): void {
    // The older querier's time may have run out meanwhile.
    if (this.#settle(now) || !isJoined(entry.filter)) return;
    entry.answered = now;
    if (this.#compatibility !== 'sources') return this.#reportOlder(entry, now);
    const { asked, filter, group } = entry;
    entry.asked = undefined;
    if (asked === undefined) return this.#parts.reports.report([currentState(entry)]);
    // RFC 3376 §5.2: of the sources asked for, those that are wanted.
    const sources = [...asked.values()].filter((source) => admits(filter, source));
    if (sources.length > 0) this.#parts.reports.report([{ type: GroupRecordType.MODE_IS_INCLUDE, group, sources }]);
  }

  /** What a query tells besides (RFC 3376 §4.1.6, §4.1.7, §7.2.1, §8.12). */
  #learn({ version, group, robustness, interval, maxResponse }: GroupQuery, now: number): void {
    const present = this.#robustness * this.#queryInterval + this.#responseInterval;
    if (version === 'reports') this.#reportsUntil = now + present;
    else if (version === 'groups' && group === undefined) this.#groupsUntil = now + present;
    if (version !== 'sources') return;
    this.#robustness = robustness === 0 ? ROBUSTNESS : robustness;
    this.#queryInterval = interval === 0 ? QUERY_INTERVAL : interval;
    if (group === undefined) this.#responseInterval = maxResponse;
  }

  /**
   * Follows the queriers' versions. RFC 3376 §7.2.1, RFC 3810 §8.2.1: when the version changes, what is pending is forgotten.
   *
   * @returns whether it has changed
   */
  #settle(now: number): boolean {
    let current: Compatibility = 'sources';
    if (now < this.#reportsUntil) current = 'reports';
    else if (now < this.#groupsUntil) current = 'groups';
    if (current === this.#compatibility) return false;
    this.#compatibility = current;
    this.#forgetPending();
    return true;
  }

  #forgetPending(): void {
    this.#answerAll.cancel();
    for (const entry of this.#groups.values()) {
      entry.again.cancel();
      entry.answer.cancel();
      entry.asked = undefined;
      entry.modeReports = 0;
      entry.changed.clear();
      this.#dropIfOver(entry);
    }
  }

  /** Forgets a group that is left, at the latest when all is told of it, sooner when there are too many such. */
  #dropIfOver(entry: Entry): void {
    if (isJoined(entry.filter)) {
      this.#left.delete(entry);
      return;
    }
    if (!isPending(entry)) return this.#drop(entry);
    this.#left.add(entry);
    if (this.#left.size <= MOST_LEFT) return;
    const [oldest] = this.#left;
    this.#count('leave-forgotten');
    this.#drop(oldest!);
  }

  #drop(entry: Entry): void {
    entry.again.cancel();
    entry.answer.cancel();
    this.#left.delete(entry);
    this.#groups.delete(addressKey(entry.group));
  }

  #reported(): Entry[] {
    return [...this.#groups.values()].filter(({ filter, group }) => isJoined(filter) && isReported(group));
  }

  /** An answer that is due `at`, the last having been given at `last`. */
  #notBefore(last: number, at: number): number {
    const earliest = last + ANSWER_INTERVAL;
    if (at < earliest) this.#count('answer-put-off');
    return Math.max(at, earliest);
  }

  /** A random time in (0, limit], in microseconds. */
  #within(limit: number): number {
    return Math.ceil(((this.#parts.random.uint32() + 1) / 0x1_0000_0000) * limit);
  }

  #count(what: string): void {
    this.#parts.counters.add(`${this.#parts.name}-${what}`);
  }
}

/** RFC 3376 §5, RFC 3810 §6: nothing is ever said of the group of all hosts, nor of scopes that stay inside. */
function isReported(group: AddressWords): boolean {
  if (isAllHosts(group)) return false;
  return group.family === 4 || scopeOf(group) > Scope.INTERFACE;
}

function isPending({ modeReports, changed }: Entry): boolean {
  return modeReports > 0 || changed.size > 0;
}

function currentState({ filter, group }: Entry): GroupRecord {
  const { MODE_IS_EXCLUDE, MODE_IS_INCLUDE } = GroupRecordType;
  return { type: filter.exclude ? MODE_IS_EXCLUDE : MODE_IS_INCLUDE, group, sources: filter.sources };
}

/** The records of a state-change report (RFC 3376 §5.1), told once more. */
function takeChanges(entry: Entry): GroupRecord[] {
  const { group, filter, changed } = entry;
  const { ALLOW_NEW_SOURCES, BLOCK_OLD_SOURCES, CHANGE_TO_EXCLUDE_MODE, CHANGE_TO_INCLUDE_MODE } = GroupRecordType;
  const sources = [...changed.values()].map(({ source }) => source);
  for (const [key, change] of changed) if (--change.left === 0) changed.delete(key);
  if (entry.modeReports > 0) {
    entry.modeReports--;
    const type = filter.exclude ? CHANGE_TO_EXCLUDE_MODE : CHANGE_TO_INCLUDE_MODE;
    return [{ type, group, sources: filter.sources }];
  }
  const allowed = sources.filter((source) => admits(filter, source));
  const blocked = sources.filter((source) => !admits(filter, source));
  const records = [
    { type: ALLOW_NEW_SOURCES, group, sources: allowed },
    { type: BLOCK_OLD_SOURCES, group, sources: blocked },
  ];
  return records.filter((record) => record.sources.length > 0);
}
