// For tests of projects that serve models.
export { writeClassifier, writeLetterModel, writeRegressor, writeTagger, writeTextModel } from './models.js';
export { sourceThread } from './thread.js';
