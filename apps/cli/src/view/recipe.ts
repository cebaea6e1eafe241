import type { EvidenceRecord, RecipeManifest } from '@strata/contracts';
import { flagsOf, kindOf } from '../flags.js';
import type { Io } from '../io.js';
import { labelled } from './labelled.js';
import { fitted, roomOf, table } from './table.js';
import { figure } from './text.js';

/** The command that runs it: required inputs and parameters stand as words to replace. */
export function runLine(m: RecipeManifest): string {
  const inputs = Object.entries(m.inputs).filter(([, s]) => !s.optional);
  const given = inputs.map(([name, s]) => `--input ${name}=${s.kind === 'dataset' ? 'FILE.csv' : 'MODEL'}`);
  const needed = flagsOf(m.params)
    .filter((f) => f.required)
    .map((f) => `--${f.flag} ${f.param.toUpperCase()}`);
  return `strata submit ${[m.name, ...given, ...needed, '--watch'].join(' ')}`;
}

/** Narrower descriptions are written below their parameters. */
const READABLE = 40;

export function paramsText(io: Io, m: RecipeManifest, width: number): string {
  const { t } = io;
  const head = [t('h_param'), t('h_type'), t('h_default'), t('h_about')];
  const rows = flagsOf(m.params).map((f) => [
    f.param,
    kindOf(f.schema),
    f.schema.default === undefined ? '' : JSON.stringify(f.schema.default),
    f.schema.description ?? '',
  ]);
  if (!rows.length) return '';
  if (roomOf(head, rows, width, 3) >= READABLE) return fitted(head, rows, width, 3);
  const below = rows.map(
    ([param = '', type, value, about]) => [param, `${type}${value ? `  = ${value}` : ''}\n${about}`] as const,
  );
  return labelled(below, width, '');
}

/** What it earned on public data, how to earn it again, and how its tests went last. */
export function resultsText(io: Io, m: RecipeManifest, evidence: EvidenceRecord | null, width: number): string {
  const { t } = io;
  const r = m.reference;
  const rows: [string, string][] = r
    ? [
        [
          t('c_reference'),
          `${r.metric} ${figure(r.value)} ± ${figure(r.tolerance)}, ${r.data} (${r.date}, ${r.commit}, ${r.hardware})`,
        ],
        [t('c_again'), r.command],
      ]
    : [];
  for (const run of evidence?.runs ?? []) {
    const figures = Object.entries(run.figures).map(([name, v]) => `${name} ${figure(v)}`);
    const kept = io.paint(run.passed ? 'green' : 'red', t(run.passed ? 'c_kept' : 'c_not_kept'));
    const commit = run.commit ? `, ${run.commit}${run.changed ? '+' : ''}` : '';
    rows.push([
      t('c_evidence'),
      `${run.what}: ${figures.join(', ')}; ${kept} (${run.date.slice(0, 10)}${commit}, ${run.hardware})`,
    ]);
  }
  return labelled(rows, width, '');
}

/** A recipe for `strata recipes NAME`. */
export function recipeText(io: Io, m: RecipeManifest): string {
  const { t, lang } = io;
  const specs = (kind: 'inputs' | 'outputs'): string => {
    const rows = Object.entries(m[kind]).map(([name, s]) => [
      `  ${name}${s.optional ? '?' : ''}`,
      s.kind,
      s.description[lang],
    ]);
    return rows.length ? `${t(kind)}\n${table([], rows)}` : t(kind);
  };
  const parts = [
    `${io.paint('bold', m.name)}  ${m.title[lang]}\n${m.summary[lang]}`,
    `${specs('inputs')}\n${specs('outputs')}`,
    paramsText(io, m, io.columns),
    resultsText(io, m, null, io.columns),
    `${t('run_it')}: ${runLine(m)}`,
  ];
  return parts.filter(Boolean).join('\n\n');
}
