import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { ERRORS } from '@strata/kernel';
import type { ZodObject } from 'zod';

const root = path.resolve(import.meta.dirname, '../../..');
const read = (file: string): string => fs.readFileSync(path.join(root, file), 'utf8');
/** Apps export nothing to import; their settings are read from the file itself. */
const moduleAt = async (file: string): Promise<Record<string, unknown>> =>
  (await import(path.join(root, file))) as Record<string, unknown>;
const cellsOf = (line: string): string[] =>
  line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((c) => c.trim());

describe('docs/configuration.md', () => {
  it('is what the schemas say (else: npm run docs)', async () => {
    const { renderConfiguration, SERVICES_WITH_SETTINGS } = (await moduleAt('tools/docs/configuration.mjs')) as {
      renderConfiguration: (schemas: Record<string, unknown>, cli: unknown, ports: unknown) => string;
      SERVICES_WITH_SETTINGS: string[];
    };
    const schemas: Record<string, unknown> = {};
    for (const app of SERVICES_WITH_SETTINGS) schemas[app] = (await moduleAt(`apps/${app}/src/config.ts`)).ConfigSchema;
    const cli = (await moduleAt('apps/cli/src/config.ts')).ConfigSchema;
    const { PORTS } = await moduleAt('tools/devstack/src/launcher/preflight.mjs');
    // columns are padded in the file: compare the cells
    const plain = (s: string): string[] =>
      s
        .split('\n')
        .filter((l) => !/^\|[ -]+\|/.test(l) || !/^[|\s-]+$/.test(l))
        .map((l) => (l.startsWith('|') ? cellsOf(l).join(' | ') : l.replaceAll(/[*_]/g, '').trim()))
        .map((l) => l.replaceAll(/[*_]/g, ''));
    expect(plain(read('docs/configuration.md'))).toEqual(plain(renderConfiguration(schemas, cli, PORTS)));
    for (const [app, schema] of Object.entries(schemas))
      for (const [name, type] of Object.entries((schema as ZodObject).shape))
        expect({ app, name, described: Boolean((type as { description?: string }).description) }).toEqual({
          app,
          name,
          described: true,
        });
  });
});

describe('the launcher', () => {
  it('uses only codes of the error table', () => {
    const dir = path.join(root, 'tools/devstack/src');
    const sources = fs
      .readdirSync(dir, { recursive: true, encoding: 'utf8' })
      .filter((f) => f.endsWith('.mjs'))
      .map((f) => fs.readFileSync(path.join(dir, f), 'utf8'))
      .join('\n');
    const codes = [...sources.matchAll(/new LauncherError\(\s*'([a-z_]+)'/g)].map((m) => m[1] ?? '');
    expect(codes.length).toBeGreaterThan(10);
    for (const code of codes) expect(Object.keys(ERRORS)).toContain(code);
  });
});

describe('the command line’s exit codes', () => {
  it('stand in docs/cli.md, each with its number', async () => {
    const { EXIT } = (await moduleAt('apps/cli/src/exit-codes.ts')) as { EXIT: Record<string, number> };
    const documented = [...read('docs/cli.md').matchAll(/^\| (\d+) +\|/gm)].map((m) => Number(m[1]));
    expect(documented).toEqual(Object.values(EXIT));
  });
});

describe('docs/architecture.md', () => {
  it('shows every project on its floor', () => {
    const shown = [...read('docs/architecture.md').matchAll(/^\| (\d) +\| `([a-z]+\/[a-z0-9-]+)`/gm)];
    const tagged = ['apps', 'libs', 'tools']
      .flatMap((top) => fs.readdirSync(path.join(root, top)).map((name) => `${top}/${name}`))
      .filter((dir) => fs.existsSync(path.join(root, dir, 'package.json')))
      .map((dir) => `${dir} ${/"floor:(\d)"/.exec(read(`${dir}/package.json`))?.[1] ?? 'none'}`);
    expect(shown.map(([, floor, dir]) => `${dir} ${floor}`).sort()).toEqual(tagged.sort());
  });
});

describe('docs/adding-a-recipe.md', () => {
  const listings = [...read('docs/adding-a-recipe.md').matchAll(/^`{3,}diff\n\+\+\+ (\S+)\n((?:\+.*\n)+)`{3,}$/gm)];
  it('walks through a whole recipe', () => {
    const shown = listings.map(([, file]) => path.basename(file ?? ''));
    expect(shown.sort()).toEqual(fs.readdirSync(path.join(root, 'libs/recipes/src/data/split')).sort());
  });
  it.each(listings.map(([, file, lines]) => ({ file: file ?? '', lines: lines ?? '' })))(
    'shows $file as it is',
    ({ file, lines }) => {
      expect(read(file)).toContain(lines.replaceAll(/^\+/gm, ''));
    },
  );
});

describe('links between documents', () => {
  const files = [
    'README.md',
    'CONTRIBUTING.md',
    ...fs
      .readdirSync(path.join(root, 'docs'), { recursive: true, encoding: 'utf8' })
      .filter((f) => f.endsWith('.md'))
      .map((f) => `docs/${f}`),
  ];
  it.each(files)('%s links only to what is there', (file) => {
    const targets = [...read(file).matchAll(/\]\((?!https?:)([^)#\s]+)/g)].map((m) => m[1] ?? '');
    const missing = targets.filter((t) => !fs.existsSync(path.resolve(root, path.dirname(file), t)));
    expect(missing).toEqual([]);
  });
});
