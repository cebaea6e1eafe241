import { add, array, max, min, mul, scalar, substitute } from './kernels/expr.js';
import { g, GRADIENT, PARAMETER, type Stage, type UpdateRule } from './update-rule.js';
import { EMA, type StepSettings, type TrainedParameter, type TrainStep } from './step.js';

/** Whether updates multiply gradients by `gradient_scale`: to clip their norm, or to take the loss scale out. */
export const scalesGradients = ({ clipNorm, lossScale }: StepSettings): boolean =>
  clipNorm !== undefined || lossScale !== undefined;

/** A rule's stages with what the step's settings add: the gradient scaled and cut before the first stage, the average taken after the last. */
export function stagesOf(rule: UpdateRule, settings: StepSettings): Stage[] {
  const { clipValue, ema } = settings;
  const scaled = scalesGradients(settings) ? mul(g, scalar('gradient_scale')) : g;
  const gradient = clipValue === undefined ? scaled : max(min(scaled, clipValue), -clipValue);
  return rule.stages.map((stage, i) => {
    if (!('assign' in stage)) return stage;
    const first =
      i === 0 && gradient !== g
        ? substitute(stage.assign, (name) => (name === GRADIENT ? gradient : undefined))
        : stage.assign;
    const next = first[PARAMETER];
    if (ema === undefined || !next) return { assign: first };
    const average = add(mul(array(EMA), scalar('ema_keep')), mul(next, scalar('ema_share')));
    return { assign: { ...first, [EMA]: average } };
  });
}

/** Names of the state arrays of a parameter, the average among them. */
export const stateSlots = (rule: UpdateRule, { ema }: StepSettings): string[] => [
  ...Object.keys(rule.slots),
  ...(ema === undefined ? [] : [EMA]),
];

/** The numbers of update `t` (from 1). The first average is the first weights, as PyTorch's `AveragedModel` has it. */
export function scalarsOf(
  rule: UpdateRule,
  settings: StepSettings,
  t: number,
  learningRate: number,
  gradientScale: number,
): Readonly<Record<string, number>> {
  const keep = t === 1 ? 0 : (settings.ema ?? 0);
  return {
    ...rule.scalars(t, learningRate),
    gradient_scale: gradientScale,
    ema_keep: keep,
    ema_share: 1 - keep,
  };
}

/** Factor of the gradients: 1 / loss scale, times min(1, c / (‖g‖ + 10⁻⁶)) as PyTorch's `clip_grad_norm_`. `norm` is that of the gradients as they are. */
export function gradientScale({ clipNorm }: StepSettings, norm: number, lossScale: number): number {
  const base = 1 / lossScale;
  return clipNorm === undefined ? base : base * Math.min(1, clipNorm / (norm * base + 1e-6));
}

/** Parameters that one loop updates. */
export interface UpdateGroup {
  readonly rule: UpdateRule;
  /** Factor of the learning rate. */
  readonly rate: number;
  readonly parameters: readonly TrainedParameter[];
}

/** Parameters of the same rule and rate, in the order of their first appearance. */
export function updateGroups(step: TrainStep): UpdateGroup[] {
  const groups = new Map<string, { rule: UpdateRule; rate: number; parameters: TrainedParameter[] }>();
  for (const p of step.parameters) {
    const key = `${p.rate} ${p.rule.key}`;
    const group = groups.get(key);
    if (group) group.parameters.push(p);
    else groups.set(key, { rule: p.rule, rate: p.rate, parameters: [p] });
  }
  return [...groups.values()];
}
