import { OUTSIDE, TimerHeap } from './timer-heap.ts';
import type { HeapItem } from './timer-heap.ts';

/** Length of the finest slot in microseconds: about what a host's timers can tell apart. */
const TICK = 1024;
const LEVEL_BITS = 5;
/** Slots of a level: as many as a bitmap of one 32-bit number has bits. */
const SLOTS = 32;
const LEVELS = 6;
/** Ticks that all levels cover together: 2³⁰, twelve and a half days. */
const SPAN = 0x4000_0000;

/** Whom a timer of the wheel calls: an object, so that a connection needs no function of its own for it. */
export interface TimerOwner {
  /** @param now the time of the run, in microseconds: the deadline or later. */
  onTimer(now: number): void;
}

/** A timer as the levels keep it: a member of one circular list, or of the heap, or of neither. */
export class LevelNode implements HeapItem {
  next: LevelNode = this;
  prev: LevelNode = this;
  /** When the timer is due; on a list's head: a lower bound for the list. Infinity: not armed. */
  deadline: number = Infinity;
  // Not a small integer at first, so that the engine keeps the field as a double from the start.
  order: number = Infinity;
  index: number = OUTSIDE;
  owner: TimerOwner;

  constructor(owner: TimerOwner) {
    this.owner = owner;
  }

  /** Leaves its list. Points to itself afterwards, so that it keeps no neighbour in memory. */
  unlink(): void {
    this.prev.next = this.next;
    this.next.prev = this.prev;
    this.next = this;
    this.prev = this;
  }

  /** Enters the list of `head` as its last member. */
  linkTo(head: LevelNode): void {
    const last = head.prev;
    this.prev = last;
    this.next = head;
    last.next = this;
    head.prev = this;
  }
}

/** The head of an empty list. */
export function listHead(): LevelNode {
  return new LevelNode(NOBODY);
}

export const NOBODY: TimerOwner = { onTimer() {} };

/**
 * Where armed timers wait: six levels of 32 slots, each slot a list, and a heap for what is due in the present tick.
 *
 * A timer's level is given by the highest bits in which its tick differs from the present tick (as in Tokio's
 * wheel), so everything on a level is earlier than everything on the levels above it, and the earliest timer is in
 * the first slot in use. Going forward empties the slots that were passed: their timers go to finer levels or to
 * the heap, which alone decides the exact order. Deadlines past the span of all levels wait in one list.
 *
 * A node's deadline may be moved *later* while it is in a slot: the slot is then merely early, and the node is
 * placed again when the slot comes up.
 */
export class TimerLevels {
  /** Timers of the present tick and before, in exact order. */
  readonly due: TimerHeap<LevelNode> = new TimerHeap();
  readonly #slots: LevelNode[] = [];
  /** A bit for each slot that may be in use; cleared late, since taking out a timer doesn't look at its slot. */
  readonly #used: Int32Array = new Int32Array(LEVELS);
  readonly #beyond: LevelNode = listHead();
  #tick: number;
  /** First tick that `#beyond` is for. */
  #spanEnd: number;

  constructor(now: number) {
    for (let i = 0; i < LEVELS * SLOTS; i++) this.#slots.push(listHead());
    this.#tick = tickOf(now);
    this.#spanEnd = spanEndOf(this.#tick);
  }

  /** Puts a node that is nowhere where its deadline belongs. */
  place(node: LevelNode): void {
    const tick = tickOf(node.deadline);
    if (tick <= this.#tick) return this.due.push(node);
    let head = this.#beyond;
    if (tick < this.#spanEnd) {
      const level = levelOf(tick ^ this.#tick);
      const slot = (tick >>> (level * LEVEL_BITS)) & (SLOTS - 1);
      this.#used[level]! |= 1 << slot;
      head = this.#slots[level * SLOTS + slot]!;
    }
    if (head.next === head || node.deadline < head.deadline) head.deadline = node.deadline;
    node.linkTo(head);
  }

  /** Takes a node out of the heap or of its list. */
  take(node: LevelNode): void {
    if (node.index === OUTSIDE) node.unlink();
    else this.due.remove(node);
  }

  /** Places all nodes of a list. */
  placeAll(head: LevelNode): void {
    const first = head.next;
    if (first === head) return;
    // Taken off as a whole first: a node may be placed into this very list again.
    const last = head.prev;
    head.next = head;
    head.prev = head;
    for (let node = first; ;) {
      const next = node.next;
      node.next = node;
      node.prev = node;
      this.place(node);
      if (node === last) return;
      node = next;
    }
  }

  /** Goes forward to `now`: afterwards every timer due by then is in the heap. Never goes back. */
  moveTo(now: number): void {
    const from = this.#tick;
    const to = tickOf(now);
    if (to <= from) return;
    this.#tick = to;
    if (to >= this.#spanEnd) {
      this.#spanEnd = spanEndOf(to);
      for (let level = 0; level < LEVELS; level++) this.#empty(level, -1);
      return this.placeAll(this.#beyond);
    }
    // Levels below the highest that changed lie wholly in the past; of that level, the slots up to the present one.
    const top = levelOf(from ^ to);
    for (let level = 0; level < top; level++) this.#empty(level, -1);
    const slot = (to >>> (top * LEVEL_BITS)) & (SLOTS - 1);
    this.#empty(top, (2 << slot) - 1);
  }

  /**
   * A lower bound of all deadlines, Infinity when there is none. It is the earliest deadline itself, unless that
   * one's slot held an earlier one that has been cancelled or moved.
   */
  earliest(): number {
    const due = this.due.first;
    if (due !== undefined) return due.deadline;
    for (let level = 0; level < LEVELS; level++) {
      for (let used = this.#used[level]!; used !== 0; used &= used - 1) {
        const slot = lowestBit(used);
        const head = this.#slots[level * SLOTS + slot]!;
        if (head.next !== head) return head.deadline;
        this.#used[level]! &= ~(1 << slot);
      }
    }
    return this.#beyond.next === this.#beyond ? Infinity : this.#beyond.deadline;
  }

  /** Takes out all nodes and disarms them. */
  clear(): void {
    for (let due = this.due.first; due !== undefined; due = this.due.first) {
      this.due.remove(due);
      due.deadline = Infinity;
    }
    for (const head of this.#slots) disarmAll(head);
    disarmAll(this.#beyond);
  }

  /** Places the nodes of those slots of `level` whose bits are set in `mask` again. */
  #empty(level: number, mask: number): void {
    const used = this.#used[level]! & mask;
    this.#used[level]! &= ~mask;
    for (let rest = used; rest !== 0; rest &= rest - 1) {
      this.placeAll(this.#slots[level * SLOTS + lowestBit(rest)]!);
    }
  }
}

/** Takes all nodes off a list and disarms them. */
export function disarmAll(head: LevelNode): void {
  for (let node = head.next; node !== head; node = head.next) {
    node.unlink();
    node.deadline = Infinity;
  }
}

function tickOf(us: number): number {
  return Math.floor(us / TICK);
}

function spanEndOf(tick: number): number {
  return (Math.floor(tick / SPAN) + 1) * SPAN;
}

/** The level for a difference between two ticks (their exclusive or, not 0). */
function levelOf(difference: number): number {
  return ((31 - Math.clz32(difference)) / LEVEL_BITS) | 0;
}

function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}
