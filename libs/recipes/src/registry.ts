import type { RecipeDefinition } from '@strata/contracts';
import { StrataError } from '@strata/kernel';

/** A definition and where it was found: `folder` is `group/name` under libs/recipes/src. */
export interface FoundRecipe {
  readonly folder: string;
  readonly file: string;
  readonly recipe: RecipeDefinition;
}

export interface Registry {
  /** Sorted by name. */
  readonly recipes: readonly RecipeDefinition[];
  /** @throws StrataError `unknown_recipe`, with the nearest names */
  getRecipe(name: string): RecipeDefinition;
}

const definitionError = (found: FoundRecipe, what: string): StrataError =>
  new StrataError('recipe_definition', `libs/recipes/src/${found.folder}/${found.file}: ${what}`, {
    where: { file: `${found.folder}/${found.file}`, field: found.recipe.name },
  });

/**
 * Checks what the generator found, when the first service loads it: a name twice, or a folder or file that differs from the name, stops the start.
 * @throws StrataError `recipe_definition` with the mend
 */
export function createRegistry(found: readonly FoundRecipe[]): Registry {
  const byName = new Map<string, FoundRecipe>();
  for (const f of found) {
    const { name } = f.recipe;
    const other = byName.get(name);
    if (other)
      throw definitionError(
        f,
        `the name "${name}" is taken by libs/recipes/src/${other.folder}/${other.file}. Give it the name "${f.folder}".`,
      );
    if (name !== f.folder)
      throw definitionError(
        f,
        `its name is "${name}" and its folder "${f.folder}". Rename one of them: they must be the same.`,
      );
    const expected = `${name.slice(name.indexOf('/') + 1)}.recipe.ts`;
    if (f.file !== expected) throw definitionError(f, `the file must be called ${expected}. Rename it.`);
    byName.set(name, f);
  }
  const recipes = [...byName.values()].map((f) => f.recipe).sort((a, b) => (a.name < b.name ? -1 : 1));
  return {
    recipes,
    getRecipe(name) {
      const known = byName.get(name);
      if (known) return known.recipe;
      const near = nearest(
        name,
        recipes.map((r) => r.name),
      );
      throw new StrataError('unknown_recipe', `there is no recipe "${name}". The nearest names: ${near.join(', ')}.`, {
        where: { field: 'recipe' },
      });
    },
  };
}

/** Levenshtein's distance: insertions, deletions and substitutions that turn `a` into `b` (Wagner & Fischer 1974). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(
        Math.min(
          (row[j] ?? 0) + 1,
          (next[j - 1] ?? 0) + 1,
          (row[j - 1] ?? 0) + (a.charCodeAt(i - 1) === b.charCodeAt(j - 1) ? 0 : 1),
        ),
      );
    row = next;
  }
  return row[b.length] ?? 0;
}

/** At most `most` of the names, nearest first; a name that contains what was asked for (or its last part) comes before others. */
export function nearest(asked: string, names: readonly string[], most = 3): string[] {
  const lower = asked.toLowerCase().slice(0, 128);
  const last = lower.slice(lower.lastIndexOf('/') + 1);
  const score = (name: string): number => {
    const whole = distance(lower, name);
    const tail = distance(last, name.slice(name.indexOf('/') + 1));
    return Math.min(whole, tail) - (last.length > 2 && name.includes(last) ? 100 : 0);
  };
  return names
    .map((name) => ({ name, score: score(name) }))
    .sort((a, b) => a.score - b.score || (a.name < b.name ? -1 : 1))
    .slice(0, most)
    .map((n) => n.name);
}
