import type { CongestionController } from '../../src/tcp/congestion/controller.ts';
import { congestionSample } from './congestion.ts';

/** A link with a queue, without a stack: packets of one size, each acknowledged, losses repaired at once. */
export interface LossyPath {
  mss: number;
  /** Microseconds there and back, without the queue. */
  rtt: number;
  /** Bytes a second; Infinity: no queue ever builds. */
  rate: number;
  /** Bytes that wait at most. */
  queue: number;
  /** Is the next packet lost by chance? */
  lost?: () => boolean;
}

/** What is seen at an ACK. */
export interface Observation {
  now: number;
  cwnd: number;
  ssthresh: number;
  /** The controller has just been told of a loss; `before` it had this window. */
  loss: boolean;
  before: number;
}

interface Packet {
  number: number;
  sentAt: number;
  /** Infinity: dropped. */
  ackAt: number;
  priorDelivered: number;
}

/** Sends all that `controller` allows for `duration` microseconds and shows every ACK to `observe`. */
export function sendThrough(
  controller: CongestionController,
  { mss, rtt, rate, queue, lost = () => false }: LossyPath,
  duration: number,
  observe: (seen: Observation) => void,
): void {
  let now = 0;
  let free = 0;
  let number = 0;
  let delivered = 0;
  let srtt = 0;
  /** Fast recovery lasts until a packet with at least this number is acknowledged; −1 outside it. */
  let recover = -1;
  const flying: Packet[] = [];

  function send(): void {
    while ((flying.length + 1) * mss <= controller.cwnd) {
      const dropped = lost() || Math.max(free - now, 0) * (rate / 1e6) > queue;
      if (!dropped) free = Math.max(free, now) + (mss / rate) * 1e6;
      flying.push({
        number,
        sentAt: now,
        ackAt: dropped ? Infinity : Math.max(free, now) + rtt,
        priorDelivered: delivered,
      });
      number++;
    }
  }

  send();
  while (now < duration) {
    const index = flying.findIndex((packet) => packet.ackAt !== Infinity);
    const flight = flying.length * mss;
    const before = controller.cwnd;
    if (index < 0) {
      // All of it is lost.
      now += 1_000_000;
      controller.onCongestion('timeout', congestionSample({ now, acked: 0, flight, mss, srtt }));
      flying.length = 0;
      recover = -1;
      send();
      continue;
    }
    const packet = flying[index];
    if (packet === undefined) throw new Error('nothing is in flight');
    flying.splice(0, index + 1);
    now = packet.ackAt;
    const measured = now - packet.sentAt;
    srtt = srtt === 0 ? measured : srtt + (measured - srtt) / 8;
    delivered += mss;
    const sample = congestionSample({
      now,
      acked: mss,
      flight,
      pipe: flying.length * mss,
      mss,
      rtt: measured,
      srtt,
      limited: flight + mss > before,
      totalDelivered: delivered,
      priorDelivered: packet.priorDelivered,
    });
    // What was sent before the packet that is acknowledged, and is not acknowledged itself, is lost.
    const loss = index > 0 && recover < 0;
    if (loss) {
      recover = number;
      controller.onCongestion('loss', sample);
    } else if (recover < 0) {
      controller.onAck(sample);
    } else if (packet.number >= recover) {
      recover = -1;
      controller.onRecovered(sample);
    }
    observe({ now, cwnd: controller.cwnd, ssthresh: controller.ssthresh, loss, before });
    send();
  }
}
