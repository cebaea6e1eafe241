import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from '@jest/globals';
import { EvidenceRecord, type EvidenceRun } from '@strata/contracts';
import { figuresOf, recordEvidence } from './evidence-file.js';

const dirs: string[] = [];
let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'strata-records-'));
  dirs.push(dir);
});
afterAll(() => Promise.all(dirs.map((d) => rm(d, { recursive: true, force: true }))));

const runs = async (recipe: string): Promise<readonly EvidenceRun[]> =>
  EvidenceRecord.parse(JSON.parse(await readFile(path.join(dir, `${recipe}.json`), 'utf8'))).runs;
const sound = (): void => undefined;

describe('records of the evidence suite', () => {
  it('hold the numbers of a result by their path, and nothing else', () => {
    expect(
      figuresOf({ float: { accuracy: 0.9, rows: 4, labels: ['a', 1] }, loss: Number.NaN, note: 'x', none: null }),
    ).toEqual({ 'float.accuracy': 0.9, 'float.rows': 4 });
  });

  it('say what was found, when, on what, and with which commit', async () => {
    const before = Date.now();
    await recordEvidence('a/b', 'iris', { accuracy: 0.96 }, sound, dir);
    const [run, ...others] = await runs('a/b');
    expect(others).toEqual([]);
    expect(run).toMatchObject({ what: 'iris', passed: true, figures: { accuracy: 0.96 } });
    expect(Date.parse(run?.date ?? '')).toBeGreaterThanOrEqual(before);
    expect(run?.hardware).toMatch(/^\d+ × .+ GiB, \w+ \w+$/);
    const repository = path.resolve(import.meta.dirname, '../../../..');
    const head = existsSync(path.join(repository, '.git'))
      ? execFileSync('git', ['rev-parse', 'HEAD'], { cwd: repository, encoding: 'utf8' }).trim()
      : null;
    expect(head === null ? run?.commit : head.startsWith(run?.commit ?? 'none')).toBe(head === null ? null : true);
  });

  it('keep the last run of each test, in the order of their names', async () => {
    await recordEvidence('a/b', 'iris', { accuracy: 0.96 }, sound, dir);
    await recordEvidence('a/b', 'adult', { accuracy: 0.85 }, sound, dir);
    await recordEvidence('a/b', 'iris', { accuracy: 0.97 }, sound, dir);
    await recordEvidence('a/c', 'iris', { accuracy: 0.5 }, sound, dir);
    expect((await runs('a/b')).map((r) => [r.what, r.figures])).toEqual([
      ['adult', { accuracy: 0.85 }],
      ['iris', { accuracy: 0.97 }],
    ]);
    // nothing half-written is left
    expect((await readdir(path.join(dir, 'a'))).sort()).toEqual(['b.json', 'c.json']);
  });

  it('say when a figure broke its bound, and the test still fails', async () => {
    await recordEvidence('a/b', 'iris', { accuracy: 0.96 }, sound, dir);
    const failing = recordEvidence('a/b', 'iris', { accuracy: 0.4 }, () => expect(0.4).toBeGreaterThan(0.9), dir);
    await expect(failing).rejects.toThrow('toBeGreaterThan');
    expect(await runs('a/b')).toMatchObject([{ what: 'iris', passed: false, figures: { accuracy: 0.4 } }]);
  });

  it('begin anew where the old record cannot be read', async () => {
    await mkdir(path.join(dir, 'a'));
    await writeFile(path.join(dir, 'a/b.json'), '{"recipe": "a/b", "ru');
    await recordEvidence('a/b', 'iris', { accuracy: 0.96 }, sound, dir);
    expect(await runs('a/b')).toMatchObject([{ what: 'iris' }]);
  });
});
