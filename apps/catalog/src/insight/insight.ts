import type { Localized } from '@strata/kernel';
import type { CatalogMap, MapNode } from '../map/map.js';

export type Cell = number | Localized | { readonly node: string };

export interface Column {
  readonly key: string;
  readonly label: Localized;
  readonly type: 'number' | 'text' | 'node';
}

/** Numbers that a chart can be drawn of, and where they come from. */
export interface Table {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Cell[])[];
  /** Entries of kind figure or source. */
  readonly sources: readonly string[];
}

/** One question that analysts ask of the map. */
export interface Insight {
  readonly name: string;
  readonly title: Localized;
  readonly about: Localized;
  readonly chart: 'bar' | 'stacked-bar' | 'pie' | 'matrix' | 'timeline';
  readonly table: (map: CatalogMap) => Table;
}

/** The publications that these entries refer to, and the sources of their figures. */
export const sourcesOf = (nodes: readonly MapNode[]): string[] =>
  [...new Set(nodes.flatMap((n) => [...n.references, ...(n.figure ? [n.figure.source] : [])]))].sort();
