import { createHash } from 'node:crypto';
import type { CatalogMap } from './map/map.js';
import { bytesOf } from './map/packed.js';
import { createSearchGently } from './search/search.js';
import type { View } from './views.js';

/** Hash of all that a map says, in the order of slugs. */
export function versionOf(map: CatalogMap): string {
  const hash = createHash('sha256');
  for (const n of map.nodes) hash.update(bytesOf(n));
  return hash.digest('hex').slice(0, 16);
}

/** The view of a map; a large one takes a while, in which other work goes on. */
export const viewOf = async (map: CatalogMap): Promise<View> => ({
  map,
  search: await createSearchGently(map.nodes),
  version: versionOf(map),
});
