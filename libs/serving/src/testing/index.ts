// For tests of projects that serve models.
export { writeClassifier, writeRegressor, writeTextModel } from './models.js';
export { sourceThread } from './thread.js';
