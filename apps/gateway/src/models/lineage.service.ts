import { Injectable } from '@nestjs/common';
import { ID_PREFIX } from '@strata/kernel';
import { z } from 'zod';
import { Database } from '../db/database.js';

export const LineageGraph = z
  .object({
    object: z.literal('lineage'),
    root: z.string(),
    nodes: z.array(
      z.object({
        id: z.string(),
        kind: z.enum(['model_version', 'dataset', 'job', 'file']),
        label: z.string().describe('name of the model or dataset, recipe of the job, name of the file'),
        deleted: z.boolean(),
      }),
    ),
    edges: z
      .array(z.object({ from: z.string(), to: z.string(), role: z.string() }))
      .describe('from what was used to what was made; role: name of the input or output'),
    complete: z.boolean().describe('false: older ancestors were left out'),
  })
  .meta({ id: 'Lineage' });
export type LineageGraph = z.output<typeof LineageGraph>;
type LineageNode = LineageGraph['nodes'][number];

/** Ancestors beyond this are left out. */
const MOST_NODES = 1000;

interface Made {
  readonly node: LineageNode;
  readonly job: string | null;
  readonly recipe: string | null;
  readonly output: string | null;
  readonly file: string | null;
  readonly inputs: Readonly<Record<string, string>>;
}

const kindOf = (id: string): string => id.slice(0, id.indexOf('_'));

/** What stands behind a model version: the jobs, datasets, models and files, back to the uploads. */
@Injectable()
export class LineageService {
  constructor(private readonly db: Database) {}

  async of(tenantId: string, versionId: string): Promise<LineageGraph> {
    const nodes = new Map<string, LineageNode>();
    const edges = new Map<string, LineageGraph['edges'][number]>();
    const link = (from: string, to: string, role: string): void => {
      edges.set(`${from} ${to} ${role}`, { from, to, role });
    };
    let open = [versionId];
    while (open.length && nodes.size < MOST_NODES) {
      const made = await this.fetch(tenantId, open);
      const next = new Set<string>();
      for (const m of made) {
        nodes.set(m.node.id, m.node);
        const parents = { ...m.inputs, ...(m.file ? { file: m.file } : {}) };
        if (m.job) {
          nodes.set(m.job, { id: m.job, kind: 'job', label: m.recipe ?? '', deleted: false });
          link(m.job, m.node.id, m.output ?? 'output');
        }
        for (const [role, parent] of Object.entries(parents)) {
          link(parent, m.job ?? m.node.id, role);
          if (!nodes.has(parent)) next.add(parent);
        }
      }
      open = [...next];
    }
    return {
      object: 'lineage',
      root: versionId,
      nodes: [...nodes.values()],
      // an edge to an ancestor that was left out, or belongs to nobody any more, would dangle
      edges: [...edges.values()].filter((e) => nodes.has(e.from) && nodes.has(e.to)),
      complete: open.length === 0,
    };
  }

  private async fetch(tenantId: string, ids: readonly string[]): Promise<Made[]> {
    const by = (prefix: string): string[] => ids.filter((id) => kindOf(id) === prefix);
    const parts = await Promise.all([
      this.versions(tenantId, by(ID_PREFIX.modelVersion)),
      this.datasets(tenantId, by(ID_PREFIX.dataset)),
      this.files(tenantId, by(ID_PREFIX.file)),
    ]);
    return parts.flat();
  }

  private async versions(tenantId: string, ids: readonly string[]): Promise<Made[]> {
    if (!ids.length) return [];
    const rows = await this.db.kysely
      .selectFrom('model_version as v')
      .innerJoin('model as m', 'm.id', 'v.model_id')
      .select(['v.id', 'v.version', 'v.source_job', 'v.source_recipe', 'v.source_output', 'v.inputs', 'v.deleted_at'])
      .select('m.name')
      .where('v.tenant_id', '=', tenantId)
      .where('v.id', 'in', ids)
      .execute();
    return rows.map((r) => ({
      node: { id: r.id, kind: 'model_version', label: `${r.name}@${r.version}`, deleted: r.deleted_at !== null },
      job: r.source_job,
      recipe: r.source_recipe,
      output: r.source_output,
      file: null,
      inputs: r.inputs,
    }));
  }

  private async datasets(tenantId: string, ids: readonly string[]): Promise<Made[]> {
    if (!ids.length) return [];
    const rows = await this.db.kysely
      .selectFrom('dataset')
      .selectAll()
      .where('tenant_id', '=', tenantId)
      .where('id', 'in', ids)
      .execute();
    return rows.map((r) => ({
      node: { id: r.id, kind: 'dataset', label: r.name, deleted: r.deleted_at !== null },
      job: r.source_job,
      recipe: r.source_recipe,
      output: r.source_output,
      file: r.source_file,
      inputs: r.inputs,
    }));
  }

  private async files(tenantId: string, ids: readonly string[]): Promise<Made[]> {
    if (!ids.length) return [];
    const rows = await this.db.kysely
      .selectFrom('file')
      .selectAll()
      .where('tenant_id', '=', tenantId)
      .where('id', 'in', ids)
      .execute();
    return rows.map((r) => ({
      node: { id: r.id, kind: 'file', label: r.filename, deleted: r.deleted_at !== null },
      job: null,
      recipe: null,
      output: null,
      file: null,
      inputs: {},
    }));
  }
}
