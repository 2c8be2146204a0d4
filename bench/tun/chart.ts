import type { JobResult, Report } from './results.ts';
import { digits, median } from './results.ts';

const WIDTH = 720;
const LABEL = 70;
const VALUE = 150;
const BAR = 14;
const GAP = 14;
const TOP = 54;

/** By who served; one that is not named here is grey. */
const COLOURS: Record<string, string> = {
  usernet: '#2f81f7',
  C: '#8b949e',
  'node:net': '#3fb950',
  Linux: '#d29922',
  gVisor: '#a371f7',
  lwIP: '#db61a2',
};
const OTHERS = '#b1a28a';

const STYLE = `text{font:12px sans-serif;fill:#1f2328}.small{font-size:11px;fill:#59636e}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.small{fill:#9198a1}}`;

/**
 * A report as bars, one group for each job, each scaled to the fastest of its group. The same report gives the same bytes.
 */
export function chart(report: Report): string {
  const parts: string[] = [];
  let y = TOP;
  for (const job of report.jobs) {
    const bars = barsOf(job);
    if (bars.length === 0) continue;
    parts.push(text(0, y, `${job.title} (${job.name}), ${job.unit}`));
    y += 6;
    const most = Math.max(...bars.map(({ middle }) => middle));
    for (const { world, middle, least, greatest } of bars) {
      parts.push(bar(y, world, middle / most), text(LABEL - 6, y + BAR - 3, world, 'small', 'end'));
      const spread = `${digits(least)}–${digits(greatest)}`;
      const x = LABEL + (WIDTH - LABEL - VALUE) * (middle / most) + 6;
      parts.push(text(x, y + BAR - 3, `${digits(middle)} (${spread})`, 'small'));
      y += BAR + 2;
    }
    y += GAP + BAR;
  }
  const head = [
    text(0, 16, 'Over TUN with the kernel on the other side: medians (least–most)'),
    text(
      0,
      34,
      `${report.machine}, Node ${report.node}, ${report.date.slice(0, 10)}, load ${report.load[0] ?? '–'}`,
      'small',
    ),
  ];
  const size = `width="${WIDTH}" height="${y}" viewBox="0 0 ${WIDTH} ${y}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size}>\n<style>${STYLE}</style>\n${[...head, ...parts].join('\n')}\n</svg>\n`;
}

function barsOf({ worlds }: JobResult): { world: string; middle: number; least: number; greatest: number }[] {
  return Object.entries(worlds)
    .filter(([, { rates }]) => rates.length > 0)
    .map(([world, { rates }]) => {
      return { world, middle: median(rates), least: Math.min(...rates), greatest: Math.max(...rates) };
    });
}

function bar(y: number, world: string, share: number): string {
  const width = ((WIDTH - LABEL - VALUE) * share).toFixed(1);
  return `<rect x="${LABEL}" y="${y}" width="${width}" height="${BAR}" fill="${COLOURS[world] ?? OTHERS}"/>`;
}

function text(x: number, y: number, content: string, style?: string, anchor?: string): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  const attributes = [style && ` class="${style}"`, anchor && ` text-anchor="${anchor}"`].filter(Boolean).join('');
  return `<text x="${Number(x.toFixed(1))}" y="${y}"${attributes}>${escaped}</text>`;
}
