import type { RecipeDefinition } from '@strata/contracts';
import type { catalog } from '@strata/contracts/grpc';
import type { Implementation } from '@strata/service-kit';
import type { Evidence } from '../evidence.js';
import { recipeSlug } from '../map/assemble.js';
import type { Semantic } from '../semantic/semantic.js';
import { overlayMethods, type OverlayDeps } from './overlay.js';
import { readMethods } from './read.js';
import { recipeDetails, recipeMethods } from './recipes.js';

export interface CatalogDeps extends Omit<OverlayDeps, 'recipeSlugs'> {
  readonly recipes: readonly RecipeDefinition[];
  readonly evidence: Evidence;
  readonly semantic: Semantic;
}

/** The methods of `strata.catalog.v1.CatalogService`. */
export function catalogMethods(deps: CatalogDeps): Implementation<typeof catalog.CatalogServiceService> {
  const detail = recipeDetails(deps.recipes, deps.evidence);
  return {
    ...readMethods(deps.views, detail, deps.semantic),
    ...recipeMethods(deps.views, detail),
    ...overlayMethods({ ...deps, recipeSlugs: deps.recipes.map((r) => recipeSlug(r.name)) }),
  };
}
