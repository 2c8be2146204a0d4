import { beforeEach, describe, expect, it } from 'vitest';
import { congestionControls } from '../../../../src/index.ts';
import { Reno } from '../../../../src/tcp/congestion/reno.ts';
import { MSS, RTT, ack, flying, segments } from '../../../support/sack-world.ts';
import { World } from '../../../support/tcp-world.ts';

/** What the controller was told by `onAck` and by `onSelectiveAck`, in order. */
const heard: { by: 'ack' | 'selective'; acked: number; delivered: number; rtt: number }[] = [];

class Listening extends Reno {
  override onAck(sample: Parameters<Reno['onAck']>[0]): void {
    const { acked, delivered, rtt } = sample;
    heard.push({ by: 'ack', acked, delivered, rtt });
    super.onAck(sample);
  }

  onSelectiveAck({ acked, delivered, rtt }: Parameters<Reno['onAck']>[0]): void {
    heard.push({ by: 'selective', acked, delivered, rtt });
  }
}

congestionControls.register('test-listening', (start) => new Listening(start));
beforeEach(() => void (heard.length = 0));

describe('CongestionController.onSelectiveAck', () => {
  const inFlight = () => flying({ tcp: { congestion: 'test-listening' } });

  it('is told of an ACK that delivers by SACK alone, with its round-trip time', () => {
    const made = inFlight();
    ack(made, 0, [1, 2]);
    expect(heard).toEqual([{ by: 'selective', acked: 0, delivered: MSS, rtt: RTT }]);
  });

  it('not of one that moves SND.UNA, too: that is onAck’s', () => {
    const made = inFlight();
    ack(made, 1, [2, 3]);
    expect(heard).toEqual([{ by: 'ack', acked: MSS, delivered: 2 * MSS, rtt: RTT }]);
  });

  it('[S-086] neither is told of an ACK with ECE: RFC 3168 §6.1.2, it is answered as a loss is', () => {
    const world = new World({ tcp: { congestion: 'test-listening', pathMtuDiscovery: 'icmp' } });
    const [accepted, peer] = [world.listen(), world.client()];
    peer.send({ flags: 'SEC', mss: MSS, sackPermitted: true });
    peer.expect({ flags: 'SAE' });
    peer.send({ flags: 'A' });
    world.write(accepted[0]!.connection, 10 * MSS);
    peer.take();
    peer.send({ flags: 'AE', ack: 1 + MSS, sack: [[1 + 2 * MSS, 1 + 3 * MSS]] });
    expect(accepted[0]!.connection.info().ssthresh).toBeLessThan(10 * MSS);
    expect(heard).toEqual([]);
    peer.take();
  });

  it('not of one that tells nothing new', () => {
    const made = inFlight();
    ack(made, 0, [1, 2]);
    ack(made, 0, [1, 2]);
    ack(made, 0);
    expect(heard.length).toBe(1);
  });

  it('not in fast recovery, where the window is proportional rate reduction’s', () => {
    const made = inFlight();
    ack(made, 0, [1, 2]);
    ack(made, 0, [1, 3]);
    ack(made, 0, [1, 4]);
    expect(segments(made)).toEqual([0]);
    expect(made.connection.info().recovery).toBe('recovery');
    heard.length = 0;
    ack(made, 0, [1, 5]);
    ack(made, 0, [1, 6]);
    expect(heard).toEqual([]);
  });
});
