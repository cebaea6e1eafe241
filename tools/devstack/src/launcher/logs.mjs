// Lines of all processes in one stream, for people: time, who, how grave, what.
const LEVELS = { 10: 'debug', 20: 'debug', 30: 'info', 40: 'warn', 50: 'error', 60: 'error' };
const WIDTH = 11;
const HUES = { strata: 36, postgres: 90, gateway: 34, catalog: 35, trainer: 32, inference: 33, compression: 96 };
const LEVEL_HUES = { warn: 33, error: 31 };
// what every line carries, or what the prefix says already
const DULL = new Set(['level', 'time', 'pid', 'hostname', 'msg', 'service', 'name', 'v', 'err', 'context']);

const text = (v) => (typeof v === 'string' && !/[\s"=]/.test(v) ? v : JSON.stringify(v));

// Nest tells of every module and route while it starts
const CHATTER = new Set(['NestFactory', 'InstanceLoader', 'RoutesResolver', 'RouterExplorer', 'NestApplication']);

function fieldsOf(entry) {
  const { req, res, responseTime, ...rest } = entry;
  const own = Object.entries(rest).filter(([k, v]) => !DULL.has(k) && v !== null && v !== undefined && v !== '');
  const http = req ? [['', `${req.method} ${req.url}`], ...(res ? [['', res.statusCode]] : [])] : [];
  if (req && responseTime !== undefined) http.push(['', `${responseTime} ms`]);
  return [...http, ...own].map(([k, v]) => (k ? `${k}=${text(v)}` : String(v))).join(' ');
}

/** One pino line in words; a line that is not JSON stays as it is; undefined: not worth a line. Pure, for the test. */
export function readable(line) {
  if (!line.startsWith('{')) return { level: 'info', time: undefined, words: line };
  let entry;
  try {
    entry = JSON.parse(line);
  } catch {
    return { level: 'info', time: undefined, words: line };
  }
  const level = LEVELS[entry.level] ?? entry.level ?? 'info'; // pino writes numbers, or their names
  if (level === 'info' && CHATTER.has(entry.context)) return undefined;
  const stack = entry.err
    ? `\n    ${String(entry.err.stack ?? entry.err.message ?? '').replaceAll('\n', '\n    ')}`
    : '';
  const words = [entry.msg, fieldsOf(entry)].filter(Boolean).join('  ');
  return { level, time: entry.time, words: words + stack };
}

const POSTGRES_LEVELS = { WARNING: 'warn', ERROR: 'warn', FATAL: 'error', PANIC: 'error' };
const RECOVERY = /not properly shut down|redo (starts|done)|No space left|left over from a crash|the database lies in/;

/** What of PostgreSQL's own log people want to see: what is grave, and that it recovers from a crash. */
export function postgresLine(line) {
  const [, level, words] = /^([A-Z]+): {2}(.*)$/.exec(line) ?? [undefined, '', line];
  if (/administrator command|system is (starting up|shutting down)/.test(words)) return undefined; // by our own order
  if (POSTGRES_LEVELS[level]) return { words, level: POSTGRES_LEVELS[level] };
  return RECOVERY.test(words) ? { words, level: 'info' } : undefined;
}

/** @returns {(who: string, line: string, level?: string) => void} */
export function createLog(stream, { colour = stream.isTTY === true && !process.env.NO_COLOR } = {}) {
  const paint = (hue, s) => (colour && hue ? `\x1b[${hue}m${s}\x1b[0m` : s);
  return (who, line, level) => {
    if (!line.trim()) return;
    const r = readable(line);
    if (!r) return;
    const grave = level ?? r.level;
    const time = new Date(r.time ?? Date.now()).toTimeString().slice(0, 8);
    const mark = grave === 'info' ? '' : `${paint(LEVEL_HUES[grave], grave)}  `;
    const head = `${paint(90, time)} ${paint(HUES[who], who.padEnd(WIDTH))} ${paint(90, '|')} `;
    stream.write(`${head}${mark}${r.words}\n`);
  };
}
