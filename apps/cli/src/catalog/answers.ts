import type { EvidenceRecord, RecipeManifest, SmokeView } from '@strata/contracts';
import type { Localized } from '@strata/kernel';

/** What the gateway's routes below /api/catalog answer, as far as it is shown. */
export interface Edge {
  readonly kind: string;
  readonly from: string;
  readonly to: string;
}
export interface Figure {
  readonly value: number;
  readonly unit: Localized;
  readonly date: string;
  readonly scope: Localized;
  readonly source: string;
  readonly sum: readonly string[];
  readonly percent: { readonly part: string; readonly whole: string; readonly decimals: number } | null;
}
export interface Citation {
  readonly title: string;
  readonly authors: string;
  readonly year: number | null;
  readonly venue: string | null;
  readonly arxiv: string | null;
  readonly doi: string | null;
  readonly url: string | null;
}
export interface Method {
  readonly formula: string;
  readonly inputs: Localized;
  readonly outputs: Localized;
  readonly when: Localized;
  readonly complexity: Localized;
}
export interface RecipeDetail {
  readonly manifest: RecipeManifest;
  readonly smoke: SmokeView;
  readonly last_evidence: EvidenceRecord | null;
}
/** What an entry is among the hits of a search. */
export interface NodeSummary {
  readonly slug: string;
  readonly kind: string;
  readonly name: Localized;
  readonly summary: Localized;
  readonly aliases: { readonly en: readonly string[]; readonly zh: readonly string[] };
  readonly tags: readonly string[];
  readonly facets: {
    readonly openness: string | null;
    readonly region: string | null;
    readonly since: number | null;
  };
  readonly runnable: boolean;
  readonly figure: Figure | null;
  readonly recipes: readonly string[];
  readonly private: boolean;
}
export interface MapNode extends NodeSummary {
  readonly body: Localized | null;
  readonly method: Method | null;
  readonly citation: Citation | null;
  readonly references: readonly string[];
  readonly edges: readonly Edge[];
  readonly recipe: RecipeDetail | null;
}
export interface SearchAnswer {
  readonly data: readonly { readonly node: NodeSummary; readonly score: number }[];
  readonly total: number;
  readonly mode: string;
}
export interface Neighbour {
  readonly edge: Edge;
  readonly node: MapNode;
}
export interface PathAnswer {
  readonly length: number | null;
  readonly nodes: readonly MapNode[];
  readonly edges: readonly Edge[];
}
export interface SubgraphAnswer {
  readonly nodes: readonly MapNode[];
  readonly edges: readonly Edge[];
  readonly truncated: boolean;
}
export interface StatsAnswer {
  readonly version: string;
  readonly nodes: number;
  readonly edges: number;
  readonly private_nodes: number;
  readonly by_kind: Readonly<Record<string, number>>;
  readonly edges_by_kind: Readonly<Record<string, number>>;
  readonly semantic: boolean;
}
export interface CoverageItem {
  readonly slug: string;
  readonly kind: string;
  readonly name: Localized;
  readonly areas: readonly string[];
  readonly recipes: readonly string[];
}
export interface CoverageAnswer {
  readonly covered: readonly CoverageItem[];
  readonly missing: readonly CoverageItem[];
  readonly areas: readonly {
    readonly slug: string | null;
    readonly name: Localized;
    readonly covered: readonly string[];
    readonly missing: readonly string[];
  }[];
}
export interface InsightInfo {
  readonly name: string;
  readonly title: Localized;
  readonly about: Localized;
  readonly chart: string;
}
export type InsightCell = number | string | Localized;
export interface InsightAnswer extends InsightInfo {
  readonly columns: readonly { readonly key: string; readonly label: Localized; readonly type: string }[];
  readonly rows: readonly (readonly InsightCell[])[];
  readonly sources: readonly string[];
}
export interface Version {
  readonly number: number;
  readonly created_at: string;
  readonly actor: string | null;
  readonly note: string;
  readonly entries: number;
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
  readonly hash: string | null;
}
export interface ImportAnswer {
  readonly version: Version | null;
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
}
export interface DiffAnswer {
  readonly changes: readonly {
    readonly slug: string;
    readonly change: 'added' | 'changed' | 'removed';
    readonly fields: readonly { readonly field: string; readonly before: unknown; readonly after: unknown }[];
  }[];
}
export interface Suggestion {
  readonly id: string;
  readonly state: 'pending' | 'approved' | 'rejected';
  readonly slug: string;
  readonly entry: Readonly<Record<string, unknown>> | null;
  readonly comment: string;
  readonly actor: string;
  readonly created_at: string;
  readonly decided_by: string | null;
  readonly decided_at: string | null;
  readonly reason: string;
  readonly version: number | null;
}
