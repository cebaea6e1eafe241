import type { ModelVersionView, ModelView } from '@strata/contracts';
import type { ModelRow, VersionRow } from './model.table.js';

export function modelView(
  row: ModelRow,
  aliases: Readonly<Record<string, number>>,
  latest: number,
  deployed: number | null,
): ModelView {
  return {
    object: 'model',
    id: row.id,
    name: row.name,
    latest_version: latest,
    deployed_version: deployed,
    aliases,
    created_at: row.created_at.toISOString(),
  };
}

export function versionView(row: VersionRow, model: string, aliases: readonly string[]): ModelVersionView {
  return {
    object: 'model_version',
    id: row.id,
    model,
    version: row.version,
    aliases: [...aliases],
    manifest: row.manifest,
    files: row.files,
    size: row.size,
    lineage: { job: row.source_job, recipe: row.source_recipe, inputs: row.inputs },
    created_at: row.created_at.toISOString(),
  };
}

const PROVENANCE = {
  en: {
    title: 'Provenance',
    version: 'version',
    made: 'made by',
    job: 'job',
    from: 'made from',
    seed: 'seed',
    file: 'file',
  },
  zh: { title: '来源', version: '版本', made: '生成方式', job: '作业', from: '输入', seed: '随机种子', file: '文件' },
} as const;

/** The recipe's card with what the registry knows: where the version comes from and what its files are. */
export function modelCard(view: ModelVersionView, lang: 'en' | 'zh'): string {
  const words = PROVENANCE[lang];
  const rows: [string, string][] = [
    [words.version, `${view.model} ${view.version} (\`${view.id}\`, ${view.created_at})`],
    [words.made, `\`${view.lineage.recipe ?? view.manifest.recipe}\``],
    ...(view.lineage.job ? [[words.job, `\`${view.lineage.job}\``] as [string, string]] : []),
    ...Object.entries(view.lineage.inputs).map(([k, id]): [string, string] => [`${words.from} (${k})`, `\`${id}\``]),
    [words.seed, String(view.manifest.seed)],
    ...Object.entries(view.files).map(([path, blob]): [string, string] => [
      `${words.file} \`${path}\``,
      `${blob.size} B, sha256 \`${blob.sha256}\``,
    ]),
  ];
  const table = rows.map(([k, v]) => `| ${k} | ${v} |`).join('\n');
  return `${view.manifest.card[lang].trimEnd()}\n\n## ${words.title}\n\n| | |\n|---|---|\n${table}\n`;
}
