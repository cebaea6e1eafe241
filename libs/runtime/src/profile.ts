import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toOnnx, type Graph } from '@strata/graph';
import { lowerHere } from './graph-session.js';
import { StrataError } from '@strata/kernel';
import type { SessionOptions } from './native.js';
import { sessionOf, type Session } from './session.js';

/** Time of one operator on one provider. */
export interface OperatorTime {
  /** Name of the operator after the runtime's own fusions. */
  readonly op: string;
  readonly provider: string;
  /** Calls in one run. */
  readonly count: number;
  /** Milliseconds in one run, and for one call. */
  readonly ms: number;
  readonly meanMs: number;
  /** Part of the time of all operators. */
  readonly share: number;
}

export interface Profile {
  readonly runs: number;
  /** Median milliseconds of a run. */
  readonly runMs: number;
  /** Milliseconds of all operators in one run; the rest of `runMs` is the runtime between them. */
  readonly operatorMs: number;
  /** Part of the run that matrix products and convolutions take: what the step would take at least in this runtime. */
  readonly productShare: number;
  /** Slowest first. */
  readonly operators: readonly OperatorTime[];
}

const PRODUCTS = /^(FusedMatMul|MatMul|Gemm|FusedGemm|Conv|FusedConv|ConvTranspose|NhwcConv|MatMulNBits)$/;

/** Event of ONNX Runtime's profile, in the format of Chrome traces; times in microseconds. */
interface Event {
  readonly cat: string;
  readonly name: string;
  readonly dur?: number;
  readonly ts?: number;
  readonly args?: { readonly op_name?: string; readonly provider?: string };
}

/** Sums the events of the last `runs` runs by operator and provider. */
export function summarize(events: readonly Event[], runs: number): Profile {
  const spans = events
    .filter((e) => e.cat === 'Session' && e.name === 'model_run')
    .map((e) => ({ from: e.ts ?? 0, ms: (e.dur ?? 0) / 1000 }))
    .sort((a, b) => a.from - b.from)
    .slice(-runs);
  const from = spans[0]?.from;
  if (from === undefined) throw new StrataError('internal', 'the profile of the runtime holds no run');
  const sums = new Map<string, { op: string; provider: string; calls: number; ms: number }>();
  for (const e of events) {
    const op = e.args?.op_name;
    if (e.cat !== 'Node' || !op || !e.name.endsWith('_kernel_time') || (e.ts ?? 0) < from) continue;
    const provider = (e.args?.provider ?? '').replace('ExecutionProvider', '');
    const key = `${op} ${provider}`;
    const sum = sums.get(key) ?? { op, provider, calls: 0, ms: 0 };
    sum.calls++;
    sum.ms += (e.dur ?? 0) / 1000;
    sums.set(key, sum);
  }
  const n = spans.length;
  const operatorMs = [...sums.values()].reduce((t, s) => t + s.ms, 0) / n;
  const products = [...sums.values()].filter((s) => PRODUCTS.test(s.op)).reduce((t, s) => t + s.ms, 0);
  const all = spans.reduce((t, s) => t + s.ms, 0);
  const sorted = spans.map((s) => s.ms).sort((a, b) => a - b);
  return {
    runs: n,
    runMs: sorted[n >> 1] ?? 0,
    operatorMs,
    productShare: all > 0 ? products / all : 0,
    operators: [...sums.values()]
      .map(({ op, provider, calls, ms }) => ({
        op,
        provider,
        count: calls / n,
        ms: ms / n,
        meanMs: ms / calls,
        share: operatorMs > 0 ? ms / n / operatorMs : 0,
      }))
      .sort((a, b) => b.ms - a.ms),
  };
}

/**
 * Runs a graph with the runtime's profiler on and reports the time of each operator. Profiling itself costs a few microseconds for each node, so small
 * operators look slower than they are.
 * @param run one run, called `warmup` + `runs` times
 * @throws StrataError as `createSession`
 */
export async function profileGraph(
  graph: Graph,
  run: (session: Session) => Promise<unknown>,
  { runs = 10, warmup = 3, ...options }: SessionOptions & { readonly runs?: number; readonly warmup?: number } = {},
): Promise<Profile> {
  const dir = mkdtempSync(join(tmpdir(), 'strata-profile-'));
  try {
    const session = await sessionOf(toOnnx(await lowerHere(graph, options.device ?? 'cpu')), options, {
      profilePrefix: join(dir, 'run'),
    });
    try {
      for (let i = 0; i < warmup + runs; i++) await run(session);
    } finally {
      // the runtime writes its file when the profile ends
      session.endProfile();
      await session.release();
    }
    const [file] = readdirSync(dir);
    if (!file) throw new StrataError('internal', 'the runtime wrote no profile');
    return summarize(JSON.parse(readFileSync(join(dir, file), 'utf8')) as Event[], runs);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

const fixed = (x: number, digits: number, width: number): string => x.toFixed(digits).padStart(width);

/** The report as text, one operator a line. */
export function profileTable(p: Profile): string {
  const lines = p.operators.map(
    (o) =>
      `${o.op.padEnd(28)} ${o.provider.padEnd(8)} ${fixed(o.count, 1, 7)} ${fixed(o.ms, 3, 10)} ${fixed(o.meanMs, 4, 10)} ${fixed(100 * o.share, 1, 6)} %`,
  );
  return [
    `${'operator'.padEnd(28)} ${'on'.padEnd(8)} ${'calls'.padStart(7)} ${'ms'.padStart(10)} ${'ms a call'.padStart(10)} ${'share'.padStart(8)}`,
    ...lines,
    `run ${p.runMs.toFixed(3)} ms, operators ${p.operatorMs.toFixed(3)} ms, products ${(100 * p.productShare).toFixed(1)} % of the run (${p.runs} runs)`,
  ].join('\n');
}
