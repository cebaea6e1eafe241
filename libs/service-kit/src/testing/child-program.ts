import type { RecipeDefinition } from '@strata/contracts';
import { StrataError } from '@strata/kernel';
import { runChild } from '../child/run-child.js';
import { testRecipes } from './recipes.js';

function getRecipe(name: string): RecipeDefinition {
  const found = testRecipes.find((r) => r.name === name);
  if (!found) throw new StrataError('unknown_recipe', `no recipe ${name}`);
  return found;
}

runChild({
  getRecipe,
  listDevices: () => Promise.resolve([{ kind: 'cpu', name: 'found by the child', threads: 2, features: [] }]),
});
