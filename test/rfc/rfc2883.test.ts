import { describe, expect, it } from 'vitest';
import { extended, sackOf } from '../support/tcp-extended.ts';
import type { Extended } from '../support/tcp-extended.ts';

/** A line of the RFC's figures: octets received, the ACK sent, and its blocks. Numbers as in the figures, from 0. */
type Line = [from: number, to: number, ack: number, ...blocks: string[]];

/** Bytes of the figure stand at 1 + their number in the stream. */
function expectAnswers(made: Extended, lines: readonly Line[]): void {
  const { peer } = made;
  for (const [from, to, ack, ...blocks] of lines) {
    peer.send({ flags: 'A', seq: 1 + from, data: to - from });
    const heard = peer.take().at(-1)!;
    const told = sackOf(heard, peer).map(([left, right]) => `${left - 1}-${right - 1}`);
    expect([from, to, heard.ack - 1, ...told]).toEqual([from, to, ack, ...blocks]);
  }
}

/** What the figures take for received before their first line. The MTU lets segments of 1500 bytes pass. */
function received(upTo: number): Extended {
  const made = extended({ mtu: 2000 });
  if (upTo > 0) expectAnswers(made, [[0, upTo, upTo]]);
  return made;
}

describe('RFC 2883 §4: reporting duplicates', () => {
  it('[S-077] example 1: a duplicate segment', () => {
    expectAnswers(received(1000), [
      [1000, 1500, 1500],
      [1500, 2000, 2000],
      [1000, 1500, 2000, '1000-1500'],
    ]);
  });

  it('[S-077] example 2: an out-of-order segment and a duplicate', () => {
    expectAnswers(received(1000), [
      [1000, 1500, 1500],
      [1500, 2000, 2000],
      [2500, 3000, 2000, '2500-3000'],
      [1000, 1500, 2000, '1000-1500', '2500-3000'],
    ]);
  });

  it('[S-077] example 3: a duplicate of an out-of-order segment', () => {
    expectAnswers(received(1000), [
      [1000, 1500, 1500],
      [2000, 2500, 1500, '2000-2500'],
      [2500, 3000, 1500, '2000-3000'],
      [2500, 3000, 1500, '2500-3000', '2000-3000'],
    ]);
  });

  it('[S-077] example 4: a single duplicate subsegment', () => {
    expectAnswers(received(500), [
      [500, 1000, 1000],
      [2000, 2500, 1000, '2000-2500'],
      [1000, 1500, 1500, '2000-2500'],
      [1000, 2000, 2500, '1000-1500'],
    ]);
  });

  it('[S-077] example 5: two duplicate subsegments below the acknowledgment', () => {
    expectAnswers(received(500), [
      [500, 1000, 1000],
      [3000, 3500, 1000, '3000-3500'],
      [1000, 1500, 1500, '3000-3500'],
      [2000, 2500, 1500, '2000-2500', '3000-3500'],
      [1000, 2500, 2500, '1000-1500', '3000-3500'],
    ]);
  });

  it('[S-077] example 6: two duplicate subsegments above it', () => {
    // The second one is 2500-2999, as the column of segments transmitted has it.
    expectAnswers(received(500), [
      [500, 1000, 1000],
      [3500, 4000, 1000, '3500-4000'],
      [1500, 2000, 1000, '1500-2000', '3500-4000'],
      [2500, 3000, 1000, '2500-3000', '1500-2000', '3500-4000'],
      [1500, 3000, 1000, '1500-2000', '1500-3000', '3500-4000'],
    ]);
  });

  it('[S-077] rule 2: each duplicate is reported once', () => {
    const made = received(500);
    expectAnswers(made, [
      [0, 500, 500, '0-500'],
      [1000, 1500, 500, '1000-1500'],
      [1000, 1500, 500, '1000-1500', '1000-1500'],
      [1500, 2000, 500, '1000-2000'],
      [0, 100, 500, '0-100', '1000-2000'],
      [400, 500, 500, '400-500', '1000-2000'],
    ]);
  });

  it('[S-077] also where two come in one batch', () => {
    const { peer } = received(500);
    peer.sendAll([
      { flags: 'A', seq: 1, data: 100 },
      { flags: 'A', seq: 101, data: 100 },
      { flags: 'A', seq: 401, data: 200 },
      { flags: 'A', seq: 501, data: 200 },
    ]);
    const reports = peer.take().map((heard) => sackOf(heard, peer));
    expect(reports).toEqual([[[1, 101]], [[101, 201]], [[401, 501]], [[501, 601]]]);
  });

  it('[S-077] text in front of what waits in the queue and over it', () => {
    const made = received(500);
    expectAnswers(made, [
      [1000, 1500, 500, '1000-1500'],
      [500, 1200, 1500, '1000-1200'],
    ]);
  });

  it('[S-077] three blocks beside timestamps, the duplicate counted', () => {
    const { peer, stamped } = extended({ tsValue: 1 });
    for (const seq of [201, 401, 601, 601]) stamped(2, { flags: 'A', seq, data: 100 });
    expect(sackOf(peer.take().at(-1)!, peer)).toEqual([
      [601, 701],
      [601, 701],
      [401, 501],
    ]);
  });

  it('[S-077] nothing of the kind without SACK-permitted', () => {
    const { peer } = extended({ sack: false });
    peer.send({ flags: 'A', seq: 1, data: 500 });
    peer.send({ flags: 'A', seq: 1, data: 500 });
    for (const heard of peer.take()) expect(sackOf(heard, peer)).toEqual([]);
  });
});
