import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { UdpSocket } from '../../src/index.ts';
import { ArpOperation } from '../../src/wire/arp.ts';
import { MacAddress } from '../../src/wire/mac.ts';
import { ALICE_MAC, EVE, EVE_MAC, LoneStation } from '../support/ethernet-world.ts';

const REPLY = { operation: ArpOperation.REPLY, targetMac: MacAddress.parse(ALICE_MAC) };
const TO_ALICE = { destination: MacAddress.parse(ALICE_MAC) };

let lone: LoneStation;
let socket: UdpSocket;
beforeEach(() => {
  lone = new LoneStation();
  lone.settle();
  socket = lone.stack.udp.bind({}, { onMessage: () => {} });
});
afterEach(() => lone.end());

function answered(): void {
  lone.link.injectArp(REPLY, TO_ALICE);
  lone.clock.advance(0);
}

describe('RFC 1122 §2.3.2.1: ARP cache validation', () => {
  it('[S-051] what is out of date is found out: a station that has gone is asked, and forgotten', () => {
    socket.send(new Uint8Array(1), 9, EVE);
    answered();
    lone.link.take();
    const questions: string[] = [];
    for (let second = 0; second < 120; second++) {
      socket.send(new Uint8Array(1), 9, EVE);
      lone.clock.advance(1e6);
      questions.push(...lone.link.lines().filter((line) => line.startsWith('arp')));
    }
    // Three to the station alone, then once a second and more seldom to all.
    expect(questions.slice(0, 3).every((line) => line.endsWith(EVE_MAC))).toBe(true);
    expect(questions[3]).toMatch(/> all$/);
    expect(questions.length).toBeLessThan(120);
    expect(lone.drops()['neighbour-unreachable']).toBeGreaterThan(0);
  });

  it('[S-051] one that answers is kept, with one unicast question in half a minute or so', () => {
    socket.send(new Uint8Array(1), 9, EVE);
    answered();
    lone.link.take();
    let asked = 0;
    for (let tenth = 0; tenth < 3000; tenth++) {
      socket.send(new Uint8Array(1), 9, EVE);
      lone.clock.advance(0.1e6);
      for (const line of lone.link.lines()) {
        if (!line.startsWith('arp')) continue;
        expect(line).toBe(`arp who has ${EVE} tell 10.0.0.1 > ${EVE_MAC}`);
        asked++;
        answered();
      }
    }
    expect(asked).toBeGreaterThan(300 / 51);
    expect(asked).toBeLessThan(300 / 19);
    expect(lone.drops()).toEqual({});
  });

  it('[S-051] questions are no flood: one a second for each address, whatever is sent', () => {
    const asked: number[] = [];
    for (let hundredth = 0; hundredth < 1000; hundredth++) {
      socket.send(new Uint8Array(1), 9, EVE);
      lone.clock.advance(10_000);
      for (const line of lone.link.lines()) if (line.startsWith('arp')) asked.push(hundredth);
    }
    expect(asked.length).toBeLessThanOrEqual(11);
    expect(asked.length).toBeGreaterThan(6);
    for (let i = 1; i < asked.length; i++) expect(asked[i]! - asked[i - 1]!).toBeGreaterThanOrEqual(99);
  });
});

describe('RFC 1122 §2.3.2.2: ARP packet queue', () => {
  it('[S-051] packets wait for the answer, the latest at least, and go in order', () => {
    for (let n = 0; n < 3; n++) socket.send(new Uint8Array(n + 1), 9, EVE);
    lone.clock.advance(0);
    expect(lone.link.lines()).toHaveLength(1);
    answered();
    expect(lone.link.take().map((frame) => frame.length)).toEqual([43, 44, 45]);
  });
});
