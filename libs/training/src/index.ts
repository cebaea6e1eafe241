export { createOrder, epochOrder, type BatchOrder, type OrderOptions } from './batch-order.js';
export { gatherIds, gatherRows, shared, type Batches, type BatchPlace } from './batches.js';
export { batchModule, type BatchModule, type BatchSource } from './data-loader.js';
export { entitiesOf, entityScores, marksEntities, type Entity, type EntityScores } from './entities.js';
export { createEvaluator, type Evaluator, type OutputStream } from './evaluate.js';
export { fit, type FitResult } from './fit.js';
export type { FitOptions } from './fit-options.js';
export type { EpochRecord } from './fit-state.js';
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
  averagedScores,
  averagePrecision,
  matthews,
  meanIoU,
  perplexity,
  topKAccuracy,
  type Average,
} from './metrics-classes.js';
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
export {
  preflight,
  requireFit,
  secondsPerStep,
  type LargeTensor,
  type MemoryPlan,
  type Preflight,
  type PreflightOptions,
} from './preflight.js';
export { lengthBuckets, type LengthBucketOptions, type LengthBuckets } from './length-buckets.js';
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
export { streamConfusion, streamMeans, type MeanOf } from './streams.js';
export {
  createTrainer,
  initialWeights,
  type Feeds,
  type Trainer,
  type TrainerOptions,
  type Weights,
} from './trainer.js';
export type { Optimizer, RuleInput, UpdateRule } from './update-rule.js';
export type { EarlyStopping, Monitor, Scores, Validation } from './validation.js';
