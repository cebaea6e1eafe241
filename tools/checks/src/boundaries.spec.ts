import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';

const root = path.resolve(import.meta.dirname, '../../..');

interface Manifest {
  name: string;
  dependencies?: Record<string, string>;
  nx?: { tags?: string[]; targets?: Record<string, unknown> };
}
const projects = ['apps', 'libs', 'tools']
  .flatMap((top) => fs.readdirSync(path.join(root, top)).map((name) => `${top}/${name}`))
  .filter((dir) => fs.existsSync(path.join(root, dir, 'package.json')))
  .map((dir) => ({
    dir,
    manifest: JSON.parse(fs.readFileSync(path.join(root, dir, 'package.json'), 'utf8')) as Manifest,
  }));
const floorOf = (m: Manifest): number => Number(m.nx?.tags?.find((t) => t.startsWith('floor:'))?.slice(6) ?? NaN);

const quiet = { ...process.env, NX_DAEMON: 'false', NX_TUI: 'false' };

/** Lints `code` as if it stood in `file`. */
function lint(file: string, code: string): string {
  const r = spawnSync('node', ['node_modules/eslint/bin/eslint.js', '--stdin', '--stdin-filename', file], {
    cwd: root,
    input: code,
    encoding: 'utf8',
    env: quiet,
  });
  return r.stdout + r.stderr;
}

describe('the floors', () => {
  it.each(projects)('$dir carries one floor, one environment and a lint target', ({ manifest }) => {
    const tags = manifest.nx?.tags ?? [];
    expect(tags.filter((t) => /^floor:[0-7]$/.test(t))).toHaveLength(1);
    expect(tags.filter((t) => /^env:(pure|node|nest|browser)$/.test(t))).toHaveLength(1);
    expect(manifest.nx?.targets).toHaveProperty('lint');
  });

  it.each(projects)('$dir depends only on lower floors', ({ manifest }) => {
    const lower = Object.keys(manifest.dependencies ?? {})
      .filter((name) => name.startsWith('@strata/'))
      .filter((name) => {
        const other = projects.find((p) => p.manifest.name === name);
        return !other || !(floorOf(other.manifest) < floorOf(manifest));
      });
    expect(lower).toEqual([]);
  });
});

describe('planted violations are caught', () => {
  // without a cached project graph the boundary rule passes everything
  beforeAll(() => {
    spawnSync('node', ['node_modules/nx/dist/bin/nx.js', 'show', 'projects'], { cwd: root, env: quiet });
  }, 60_000);

  const cases: [string, string, string, RegExp][] = [
    [
      'an import upwards',
      'libs/queue/src/planted.ts',
      "import { x } from '@strata/training';\nexport const y = x;\n",
      /can only depend on libs tagged/,
    ],
    [
      'an import sideways',
      'libs/nn/src/planted.ts',
      "import { x } from '@strata/runtime';\nexport const y = x;\n",
      /can only depend on libs tagged/,
    ],
    [
      'Nest in pure code',
      'libs/training/src/planted.ts',
      "import { Injectable } from '@nestjs/common';\nexport const y = Injectable;\n",
      /env:pure/,
    ],
    [
      'the runtime outside its library',
      'libs/recipes/src/planted.ts',
      "import { Tensor } from 'onnxruntime-node';\nexport const y = Tensor;\n",
      /Only libs\/runtime/,
    ],
    [
      'the queue library outside its port',
      'apps/gateway/src/planted.ts',
      "import { Queue } from 'bullmq';\nexport const y = Queue;\n",
      /Only libs\/queue/,
    ],
    [
      'the environment read in a library',
      'libs/data/src/planted.ts',
      'export const y = process.env.HOME;\n',
      /process\.env/,
    ],
    [
      'a deep import',
      'apps/trainer/src/planted.ts',
      "import { x } from '@strata/graph/src/ir.js';\nexport const y = x;\n",
      /by their entry/,
    ],
  ];
  it.each(cases)('%s', (_what, file, code, message) => {
    expect(lint(file, code)).toMatch(message);
  });

  it('and clean code passes', () => {
    expect(
      lint(
        'libs/data/src/planted.ts',
        "import { StrataError } from '@strata/kernel';\nexport const y = StrataError;\n",
      ),
    ).toBe('');
  });
});
