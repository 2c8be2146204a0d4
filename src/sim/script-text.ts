import { hexText } from './script-compare.ts';
import type { Heard } from './script-segment.ts';

/** A segment as a line of a script has it: `SA 0:0(0) ack 1 win 65535 <mss 1460, sackOK>`. */
export function segmentText(segment: Heard): string {
  const { flags, seq, length, ack, wnd, urgent, ect } = segment;
  const parts = [flags === '' ? '-' : flags, `${seq}:${seq + length}(${length})`];
  if (flags.includes('A')) parts.push(`ack ${ack}`);
  parts.push(`win ${wnd}`);
  if (urgent !== undefined) parts.push(`urg ${urgent}`);
  const options = optionTexts(segment);
  if (options.length > 0) parts.push(`<${options.join(', ')}>`);
  if (ect !== 'not-ect') parts.push(ect);
  return parts.join(' ');
}

function optionTexts(segment: Heard): string[] {
  const { mss, windowScale, sackPermitted, sack, tsval, tsecr, fastOpen, userTimeout, options } = segment;
  const texts: string[] = [];
  if (mss !== undefined) texts.push(`mss ${mss}`);
  if (sackPermitted) texts.push('sackOK');
  if (tsval !== undefined) texts.push(`ts val ${tsval} ecr ${tsecr}`);
  if (windowScale !== undefined) texts.push(`wscale ${windowScale}`);
  if (sack.length > 0) texts.push(`sack ${sack.map(([left, right]) => `${left}:${right}`).join(' ')}`);
  if (userTimeout !== undefined) texts.push(`uto ${userTimeout}`);
  if (fastOpen !== undefined) texts.push(fastOpen === 'request' ? 'fastopen' : `fastopen ${hexText(fastOpen)}`);
  for (const option of options) {
    if (option.name === 'other') texts.push(`kind ${option.kind}`);
    if (option.name === 'broken') texts.push('broken');
  }
  return texts;
}

/** Microseconds as seconds. */
export function secondsText(microseconds: number): string {
  return (microseconds / 1_000_000).toFixed(6);
}
