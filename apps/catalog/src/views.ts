import type { CatalogMap } from './map/map.js';
import type { Search } from './search/search.js';

/** What one tenant sees, or everybody: a map with its indexes. Immutable; a change makes another view. */
export interface View {
  readonly map: CatalogMap;
  readonly search: Search;
  /** Names the state: equal versions, equal answers. */
  readonly version: string;
}

/** Slugs that a change added, changed or removed. */
export interface Change {
  readonly version: string;
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
}

/** Views by tenant; the empty name stands for the public map alone. */
export interface Views {
  of(tenant: string): Promise<View>;
  /** Calls `listener` at every change of what the tenant sees. @returns a function that ends it */
  watch(tenant: string, listener: (change: Change) => void): () => void;
}
