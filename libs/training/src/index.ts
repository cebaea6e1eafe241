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
export { schedule, type Schedule, type ScheduleOptions } from './schedule.js';
