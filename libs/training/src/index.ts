export { epochOrder, gatherIds, gatherRows, type Batches } from './batches.js';
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
export { type LossScaleOptions } from './loss-scale.js';
export { muon, type MuonOptions } from './optimizer-muon.js';
export {
  adagrad,
  adam,
  adamw,
  lion,
  rmsprop,
  sgd,
  type AdagradOptions,
  type AdamOptions,
  type LionOptions,
  type RmspropOptions,
  type SgdOptions,
} from './optimizer.js';
export { phases, type FitContext, type Json, type Phases } from './phases.js';
export { schedule, type Schedule, type ScheduleOptions } from './schedule.js';
export {
  buildTrainStep,
  type ParameterGroup,
  type Slot,
  type StepSettings,
  type TrainedParameter,
  type TrainStep,
  type TrainStepOptions,
} from './step.js';
export {
  createTrainer,
  initialWeights,
  type Feeds,
  type Trainer,
  type TrainerOptions,
  type Weights,
} from './trainer.js';
export type { Optimizer, RuleInput, UpdateRule } from './update-rule.js';
