/**
 * The constants of BBR version 1. Their names in draft-cardwell-iccrg-bbr-congestion-control-00 ("draft") and in Linux's
 * tcp_bbr.c, whose values they have.
 */

/** 2/ln 2, the least gain that doubles the rate each round trip. Draft §4.3.2.1 BBRHighGain; bbr_high_gain. */
export const HIGH_GAIN = 2.885;
/** Empties in one round trip the queue that STARTUP made. Draft §4.3.3; bbr_drain_gain. */
export const DRAIN_GAIN: number = 1 / HIGH_GAIN;
/** Window, in bandwidth-delay products, that outlasts delayed and stretched ACKs. Draft §4.2.3.2; bbr_cwnd_gain. */
export const CWND_GAIN = 2;
/** PROBE_BW: probe, yield, cruise; each about one min_rtt. Draft §4.3.4.1; bbr_pacing_gain. */
export const GAIN_CYCLE: readonly number[] = [5 / 4, 3 / 4, 1, 1, 1, 1, 1, 1];
/** PROBE_BW begins with any phase of the cycle but the yielding one. Draft §4.3.4.3; bbr_cycle_rand. */
export const CYCLE_STARTS = 7;
/** Round trips over which the largest bandwidth counts. Draft §4.1.1.3 BtlBwFilterLen; bbr_bw_rtts. */
export const BANDWIDTH_ROUNDS = 10;
/** Paces a little below the estimate, so that queues drain. Linux: bbr_pacing_margin_percent. */
export const PACING_MARGIN = 0.99;

/** STARTUP goes on while bandwidth grows by a quarter … Draft §4.3.2.2; bbr_full_bw_thresh. */
export const FULL_BANDWIDTH_GROWTH = 1.25;
/** … within so many round trips. Draft §4.3.2.2; bbr_full_bw_cnt. */
export const FULL_BANDWIDTH_ROUNDS = 3;

/** Microseconds for which the least round-trip time counts. Draft §4.1.2.3 RTpropFilterLen; bbr_min_rtt_win_sec. */
export const MIN_RTT_WINDOW = 10_000_000;
/** Least stay in PROBE_RTT with a small flight, in microseconds. Draft §4.3.5 ProbeRTTDuration; bbr_probe_rtt_mode_ms. */
export const PROBE_RTT_TIME = 200_000;
/** Least window in segments. Draft §4.2.3.1 BBRMinPipeCwnd; bbr_cwnd_min_target. */
export const MIN_SEGMENTS = 4;
/** Bytes in no window can be more (RFC 7323 §2.3). */
export const MAX_WINDOW = 0x4000_0000;

/** Half the window over which the largest ACK aggregation counts, in round trips. bbr_extra_acked_win_rtts. */
export const EXTRA_ACKED_ROUNDS = 5;
/** ACK aggregation counts up to what the path delivers in this time, in seconds. bbr_extra_acked_max_us. */
export const EXTRA_ACKED_TIME = 0.1;
/** Bytes after which an aggregation epoch ends in any case. bbr_ack_epoch_acked_reset_thresh. */
export const EXTRA_ACKED_EPOCH = 0x4000_0000;
