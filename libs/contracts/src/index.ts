export * from './artifacts.js';
export * from './context.js';
export * from './jobs.js';
export * from './recipe.js';
export * from './resources.js';
export * from './workers.js';
