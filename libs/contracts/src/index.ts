export * from './artifacts.js';
export * from './context.js';
export * from './evidence.js';
export * from './jobs.js';
export * from './recipe.js';
export * from './resources.js';
export * from './smoke.js';
export * from './workers.js';
