import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { EDGE_KINDS, NODE_KINDS, OPENNESS, REGIONS } from '@strata/map';
import { isMessageKey, MESSAGES, translator } from './messages.js';

const sources = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' })
  .filter((f) => f.endsWith('.ts') && !f.endsWith('.spec.ts') && path.basename(f) !== 'messages.ts')
  .map((f) => readFileSync(path.join(import.meta.dirname, f), 'utf8'))
  .join('\n');

describe('the catalogue of messages', () => {
  it.each(Object.entries(MESSAGES))('%s says the same in both languages', (_key, m) => {
    const values = (s: string): string[] => [...s.matchAll(/\{(\w+)\}/g)].map((x) => x[1] ?? '').sort();
    expect(m.en).not.toBe('');
    expect(m.zh).not.toBe('');
    expect(values(m.zh)).toEqual(values(m.en));
  });

  it('holds Chinese in Chinese and English in English', () => {
    const same = new Set(['d_rmse']); // a name that both languages write alike
    for (const [key, m] of Object.entries(MESSAGES)) {
      expect({ key, chinese: /[一-鿿]/.test(m.en) }).toEqual({ key, chinese: false });
      if (!same.has(key)) expect({ key, chinese: /[一-鿿]/.test(m.zh) }).toEqual({ key, chinese: true });
    }
  });

  it('holds nothing that the code does not use', () => {
    // some keys are put together: s_STATE, cmd_VERB, todo_CODE, kind_KIND, edge_KIND_in, mode_MODE, facet_VALUE
    const built = /^(s_|todo_|kind_|edge_|mode_|facet_|cmd_(cancel|pause|resume|retry)$)/;
    const unused = Object.keys(MESSAGES).filter((k) => !built.test(k) && !new RegExp(`'${k}'|\\b${k}:`).test(sources));
    expect(unused).toEqual([]);
  });

  it('has words for every kind of entry, every facet, and every kind of edge in both directions', () => {
    const keyOf = (kind: string): string => kind.replaceAll('-', '_');
    const keys = [
      ...NODE_KINDS.map((k) => `kind_${keyOf(k)}`),
      ...[...OPENNESS, ...REGIONS].map((v) => `facet_${v}`),
      ...EDGE_KINDS.flatMap((k) => [`edge_${keyOf(k)}_out`, `edge_${keyOf(k)}_in`]),
    ];
    expect(keys.filter((k) => !isMessageKey(k))).toEqual([]);
    const written = Object.keys(MESSAGES).filter((k) => /^(kind|edge|facet)_/.test(k));
    expect(written.filter((k) => !keys.includes(k))).toEqual([]);
  });

  it('puts values in and leaves unknown ones visible', () => {
    expect(translator('en')('now', { id: 'job_1', state: 'running' })).toBe('job_1 is running');
    expect(translator('zh')('now', { id: 'job_1' })).toBe('job_1 的状态：{state}');
  });
});
