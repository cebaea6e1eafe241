import stringWidth from 'string-width';

/** `12.3 kB`: powers of 1000, as disks and networks count. */
export function bytes(n: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let i = 0;
  let v = n;
  for (; v >= 999.95 && i < units.length - 1; i++) v /= 1000;
  return `${i === 0 ? v : v.toFixed(1)} ${units[i]}`;
}

/** `1.2 s`, `3 min 05 s`, `2 h 04 min`. */
export function duration(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const s = Math.round(seconds);
  const two = (n: number): string => String(n).padStart(2, '0');
  if (s < 3600) return `${Math.floor(s / 60)} min ${two(s % 60)} s`;
  return `${Math.floor(s / 3600)} h ${two(Math.floor((s % 3600) / 60))} min`;
}

/** A metric: four significant digits, no exponent where none is needed. */
export function figure(v: number): string {
  if (!Number.isFinite(v)) return String(v);
  if (Number.isInteger(v) && Math.abs(v) < 1e9) return String(v);
  const a = Math.abs(v);
  return a !== 0 && (a < 1e-3 || a >= 1e6) ? v.toExponential(2) : String(Number(v.toPrecision(4)));
}

const BLOCKS = '▁▂▃▄▅▆▇█';

/** The course of a metric in `width` characters: the mean of each stretch, from the least to the greatest value. */
export function sparkline(values: readonly number[], width: number): string {
  const known = values.filter(Number.isFinite);
  if (known.length === 0 || width < 1) return '';
  const n = Math.min(width, known.length);
  const means = Array.from({ length: n }, (_, i) => {
    const from = Math.floor((i * known.length) / n);
    const stretch = known.slice(from, Math.max(from + 1, Math.floor(((i + 1) * known.length) / n)));
    return stretch.reduce((a, b) => a + b, 0) / stretch.length;
  });
  const least = Math.min(...means);
  const span = Math.max(...means) - least;
  return means.map((v) => BLOCKS[span === 0 ? 0 : Math.round(((v - least) / span) * (BLOCKS.length - 1))]).join('');
}

/** `█████▌····`, in eighths of a character. */
export function bar(fraction: number, width: number): string {
  const eighths = Math.round(Math.min(1, Math.max(0, fraction)) * width * 8);
  const rest = ' ▏▎▍▌▋▊▉'[eighths % 8] ?? ' ';
  const full = '█'.repeat(Math.floor(eighths / 8));
  return (full + (eighths % 8 ? rest : '')).padEnd(width, '·');
}

/** Cuts to a width on the screen, where a Chinese character takes two columns. */
export function clip(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  let out = '';
  let used = 0;
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    const w = stringWidth(segment);
    if (used + w > width - 1) break;
    out += segment;
    used += w;
  }
  return `${out}…`;
}

export const padTo = (text: string, width: number): string => text + ' '.repeat(Math.max(0, width - stringWidth(text)));
