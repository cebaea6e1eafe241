import { found } from './index.gen.js';
import { createRegistry } from './registry.js';

const registry = createRegistry(found);

/** All recipes, sorted by name: definitions only, no native library is loaded. */
export const recipes = registry.recipes;

/** @throws StrataError `unknown_recipe`, with the nearest names */
export const getRecipe = registry.getRecipe;
