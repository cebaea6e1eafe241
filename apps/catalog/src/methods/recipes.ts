import { manifestOf, smokeOf, type RecipeDefinition } from '@strata/contracts';
import type { catalog } from '@strata/contracts/grpc';
import { StrataError } from '@strata/kernel';
import type { Implementation } from '@strata/service-kit';
import type { Evidence } from '../evidence.js';
import type { Views } from '../views.js';

const SUGGESTIONS = 3;

/** All that is known of a recipe; undefined when there is no such recipe. */
export type RecipeDetail = (name: string) => Promise<catalog.Recipe | undefined>;

export function recipeDetails(recipes: readonly RecipeDefinition[], evidence: Evidence): RecipeDetail {
  const byName = new Map(recipes.map((r) => [r.name, r]));
  const fixed = new Map<string, Omit<catalog.Recipe, 'lastEvidenceJson'>>();
  return async (name) => {
    const recipe = byName.get(name);
    if (!recipe) return undefined;
    // the data of a small run are made by code: once, and only when somebody asks
    const made = fixed.get(name) ?? {
      name,
      manifestJson: JSON.stringify(manifestOf(recipe)),
      smokeJson: JSON.stringify(smokeOf(recipe)),
    };
    fixed.set(name, made);
    const last = await evidence(name);
    return { ...made, lastEvidenceJson: last ? JSON.stringify(last) : '' };
  };
}

type Recipes = Pick<Implementation<typeof catalog.CatalogServiceService>, 'listRecipes' | 'getRecipe'>;

/** What lists recipes and shows one. */
export function recipeMethods(views: Views, detail: RecipeDetail): Recipes {
  return {
    async listRecipes({ queue }) {
      const { map } = await views.of('');
      const fits = [...map.manifests.values()].filter((m) => !queue || m.queue === queue);
      return {
        recipes: fits.map((m) => ({
          name: m.name,
          manifestJson: JSON.stringify(m),
          smokeJson: '',
          lastEvidenceJson: '',
        })),
      };
    },

    async getRecipe({ name }) {
      const found = await detail(name);
      if (found) return found;
      const { search } = await views.of('');
      const near = search(name, { test: (n) => n.kind === 'recipe', most: SUGGESTIONS })
        .hits()
        .flatMap((h) => h.node.recipes);
      throw new StrataError(
        'unknown_recipe',
        `there is no recipe "${name}"${near.length ? `; near to it: ${near.join(', ')}` : ''}. GET /api/recipes lists them all`,
      );
    },
  };
}
