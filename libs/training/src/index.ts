export { epochOrder, gatherIds, gatherRows, uniformNoise, type Batches } from './batches.js';
export { createEvaluator, type Evaluator, type OutputStream } from './evaluate.js';
export { fit, type EpochRecord, type FitOptions, type FitResult, type Scores, type Validation } from './fit.js';
export {
  accuracy,
  argmaxRows,
  auc,
  classificationMetrics,
  confusionMatrix,
  f1,
  logLoss,
  mae,
  precisionRecallF1,
  r2,
  regressionMetrics,
  rmse,
  type ClassScores,
  type Numbers,
} from './metrics.js';
export {
  adam,
  adamw,
  sgd,
  type AdamOptions,
  type Optimizer,
  type SgdOptions,
  type UpdateInput,
  type Updated,
} from './optimizer.js';
export { phases, type FitContext, type Json, type Phases } from './phases.js';
export { schedule, type Schedule, type ScheduleOptions } from './schedule.js';
export { buildTrainStep, type Slot, type TrainStep, type TrainStepOptions } from './step.js';
export { createTrainer, initialWeights, type Trainer, type Weights } from './trainer.js';
