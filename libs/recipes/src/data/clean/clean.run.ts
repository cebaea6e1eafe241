import { hash } from 'node:crypto';
import { join } from 'node:path';
import type { DatasetHandle, JobContext } from '@strata/contracts';
import { columnIndex, csvWriter, parseNumber, type Cell } from '@strata/data';
import { StrataError } from '@strata/kernel';
import { describeWritten, rowsOf } from '../../shared/datasets.js';
import { fix, isClass, plan, type CleanParams, type Counts, type Plan } from './plan.js';
import { fullStopRule, mostFrequent, numberFacts, outlierBounds, quantile, rowKey } from './survey.js';

const KEPT = 0;
const DROPS = ['kept', 'missing_target', 'duplicates', 'missing_values', 'outliers'] as const;
type Drop = (typeof DROPS)[number];

/** Finds the class names that end in a full stop. A pass over the file, made only when some class column may hold them. */
async function surveyStops(ctx: JobContext, data: DatasetHandle, plans: readonly Plan[]): Promise<void> {
  const classes = plans.filter((p) => isClass(p.type));
  if (classes.length === 0) return;
  const counts = classes.map(() => new Map<string, number>());
  for await (const { rows } of rowsOf(ctx, data))
    for (const row of rows)
      for (const [i, p] of classes.entries()) {
        const cell = fix(row[p.index] ?? null, p);
        if (cell !== null) counts[i]?.set(cell, (counts[i]?.get(cell) ?? 0) + 1);
      }
  for (const [i, p] of classes.entries()) p.stops = fullStopRule(counts[i] ?? new Map());
}

/**
 * Marks rows without target and repeated rows, and gathers the remaining values. Memory: 8 bytes for each number, about 60 for each different row while repeated
 * rows are looked for; texts are not kept.
 */
async function surveyValues(
  ctx: JobContext,
  data: DatasetHandle,
  plans: readonly Plan[],
  params: CleanParams,
): Promise<{ drops: Uint8Array; numbers: Map<Plan, Float64Array>; classes: Map<Plan, Map<string, number>> }> {
  const rows = data.format.rows;
  const drops = new Uint8Array(rows);
  const numbers = new Map(plans.filter((p) => p.type === 'number').map((p) => [p, new Float64Array(rows)]));
  const counts = new Map(plans.map((p) => [p, 0]));
  const classes = new Map(plans.filter((p) => isClass(p.type)).map((p) => [p, new Map<string, number>()]));
  const keyColumns =
    params.subset.length > 0 ? params.subset.map((n) => columnIndex(data.format, n)) : plans.map((p) => p.index);
  const seen = new Set<string>();
  for await (const batch of rowsOf(ctx, data))
    for (const [i, row] of batch.rows.entries()) {
      for (const p of plans) row[p.index] = fix(row[p.index] ?? null, p);
      const at = batch.start + i;
      if (plans.some((p) => p.target && row[p.index] === null)) drops[at] = DROPS.indexOf('missing_target');
      else if (params.drop_duplicates) {
        const key = hash('md5', rowKey(row, keyColumns), 'binary');
        if (seen.has(key)) drops[at] = DROPS.indexOf('duplicates');
        else seen.add(key);
      }
      if (drops[at] !== KEPT) continue;
      for (const p of plans) {
        const cell = row[p.index] ?? null;
        if (cell === null) continue;
        const values = numbers.get(p);
        if (values) {
          const n = counts.get(p) ?? 0;
          values[n] = parseNumber(cell);
          counts.set(p, n + 1);
        }
        const classCounts = classes.get(p);
        classCounts?.set(cell, (classCounts.get(cell) ?? 0) + 1);
      }
    }
  for (const [p, values] of numbers) numbers.set(p, values.subarray(0, counts.get(p)));
  return { drops, numbers, classes };
}

/** What a missing value of this column becomes; undefined when it stays missing. */
function fillOf(
  p: Plan,
  params: CleanParams,
  sorted: Float64Array | undefined,
  classes: Map<string, number> | undefined,
): string | undefined {
  if (p.target || params.missing === 'keep' || params.missing === 'drop') return undefined;
  if (params.missing === 'constant') {
    if (p.type === 'number' && Number.isNaN(parseNumber(params.fill_value)))
      throw new StrataError(
        'invalid_parameter',
        `fill_value "${params.fill_value}" is not a number, and column "${p.name}" holds numbers. Give a number, or another way to treat missing values.`,
        { where: { field: 'params.fill_value', column: p.name } },
      );
    return params.fill_value === '' ? undefined : params.fill_value;
  }
  if (sorted) {
    // outliers are gone or clipped by the time the gaps are filled
    const inside: number[] = [];
    for (const v of sorted)
      if (!p.bounds) inside.push(v);
      else if (v >= p.bounds.lower && v <= p.bounds.upper) inside.push(v);
      else if (params.outlier_action === 'clip') inside.push(Math.min(p.bounds.upper, Math.max(p.bounds.lower, v)));
    if (inside.length === 0) return undefined;
    const values = Float64Array.from(inside).sort();
    if (params.missing === 'median') return String(quantile(values, 0.5));
    if (params.missing === 'mean') return String(values.reduce((a, b) => a + b, 0) / values.length);
    const counts = new Map<number, number>();
    for (const v of values) counts.set(v, (counts.get(v) ?? 0) + 1);
    return String(mostFrequent(counts));
  }
  return classes ? mostFrequent(classes) : undefined;
}

/** The row as it is written, or why it is not. */
function clean(row: readonly Cell[], plans: readonly Plan[], params: CleanParams): Cell[] | Drop {
  const out: Cell[] = [];
  const notes: (readonly [Plan, keyof Counts])[] = [];
  const note = (p: Plan, what: keyof Counts): void => void notes.push([p, what]);
  for (const p of plans) {
    let cell = fix(row[p.index] ?? null, p, note);
    if (cell === null) {
      p.done.missing++;
      if (params.missing === 'drop' && !p.target) return 'missing_values';
      if (p.fill !== undefined) {
        cell = p.fill;
        note(p, 'filled');
      }
    } else if (p.bounds) {
      const value = parseNumber(cell);
      const { lower, upper } = p.bounds;
      if (value < lower || value > upper) {
        p.done.outliers++;
        if (params.outlier_action === 'drop') return 'outliers';
        cell = String(value < lower ? lower : upper);
      }
    }
    out.push(cell);
  }
  for (const [p, what] of notes) p.done[what]++;
  return out;
}

export async function run(ctx: JobContext, params: CleanParams): Promise<Record<string, unknown>> {
  const data = await ctx.dataset('data');
  const total = data.format.rows;
  const { plans, left_out } = plan(data.format, params);
  if (params.strip_full_stops) await surveyStops(ctx, data, plans);
  const { drops, numbers, classes } = await surveyValues(ctx, data, plans, params);
  for (const p of plans) {
    const values = numbers.get(p);
    const facts = values && values.length > 0 ? numberFacts(values) : undefined;
    if (facts && !p.target && params.outliers !== 'none')
      p.bounds = outlierBounds(
        facts,
        params.outliers,
        params.outliers === 'iqr' ? params.iqr_factor : params.z_threshold,
      );
    p.fill = fillOf(p, params, facts?.values, classes.get(p));
  }

  const path = join(ctx.workDir, 'data.csv');
  const writer = csvWriter(
    path,
    plans.map((p) => p.name),
  );
  const dropped: Record<Exclude<Drop, 'kept'>, number> = {
    missing_target: 0,
    duplicates: 0,
    missing_values: 0,
    outliers: 0,
  };
  for await (const { rows, start } of rowsOf(ctx, data)) {
    for (const [i, row] of rows.entries()) {
      const reason = DROPS[drops[start + i] ?? 0] ?? 'kept';
      const written = reason === 'kept' ? clean(row, plans, params) : reason;
      if (typeof written === 'string') dropped[written as Exclude<Drop, 'kept'>]++;
      else await writer.write(written);
    }
    ctx.progress({ step: start + rows.length, total, phase: 'write' });
  }
  await writer.close();
  if (writer.rows === 0)
    throw new StrataError(
      'empty_data',
      `cleaning would leave none of the ${total} rows (dropped: ${JSON.stringify(dropped)}). Fill missing values instead of dropping, or allow more outliers.`,
    );
  const types = Object.fromEntries(plans.map((p) => [p.name, p.type]));
  const format = await describeWritten(
    ctx,
    path,
    data.format,
    types,
    plans.map((p) => p.name),
  );
  await ctx.output.dataset('data', path, format);
  await ctx.output.report('report', {
    rows_in: total,
    rows_out: writer.rows,
    dropped,
    columns_left_out: left_out,
    columns: plans.map((p) => ({
      name: p.name,
      type: p.type,
      ...p.done,
      filled_with: p.done.filled > 0 ? p.fill : null,
      allowed: p.bounds ?? null,
      full_stops: Object.fromEntries(p.stops),
    })),
  });
  const sum = (key: keyof Plan['done']): number => plans.reduce((s, p) => s + p.done[key], 0);
  return {
    rows_in: total,
    rows_out: writer.rows,
    dropped,
    filled: sum('filled'),
    outliers: sum('outliers'),
    full_stops_removed: sum('full_stops_removed'),
    invalid_numbers: sum('invalid_numbers'),
  };
}
