import { add, array, mul, sub } from './kernels/expr.js';
import { adamw, type AdamOptions } from './optimizer.js';
import {
  decayed,
  g,
  GRADIENT,
  inRange,
  keepScalar,
  lerp,
  PARAMETER,
  rate,
  type Optimizer,
  type RuleInput,
  type UpdateRule,
} from './update-rule.js';

export interface MuonOptions {
  readonly momentum?: number;
  readonly nesterov?: boolean;
  /** Decoupled, as in AdamW. */
  readonly weightDecay?: number;
  /** Newton–Schulz iterations. */
  readonly iterations?: number;
  /**
   * How the rate depends on a matrix's shape: `original` multiplies by √max(1, out/in) (Jordan), `match_rms_adamw` by 0.2 √max(out, in), so that AdamW's rate and decay fit (Liu et al. 2025).
   */
  readonly adjust?: 'original' | 'match_rms_adamw';
  /** Which parameters are orthogonalised; default: matrices [in, out] other than embedding tables and the last layer, which `isHidden` cannot know: name them here. */
  readonly isHidden?: (p: RuleInput) => boolean;
  /** AdamW for all others; `rate` is its share of the learning rate. */
  readonly others?: AdamOptions & { readonly rate?: number };
}

/**
 * Muon (Jordan et al. 2024): momentum, then the nearest orthogonal matrix by Newton–Schulz, for the matrices of hidden layers; AdamW for embeddings, heads, biases and norms.
 * u ← u + (1 − μ)(g − u); n = g + μ(u − g) with Nesterov; w ← (1 − ηλ)w − η·a·orthogonal(n).
 * @throws StrataError `invalid_parameter`
 */
export function muon(options: MuonOptions = {}): Optimizer {
  const { momentum = 0.95, nesterov = true, weightDecay = 0.1, iterations = 5, adjust = 'original' } = options;
  const { rate: share = 1, ...adamOptions } = options.others ?? {};
  const isHidden = options.isHidden ?? ((p: RuleInput) => p.shape.length === 2 && !/(^|\/)(table|head\/)/.test(p.name));
  inRange('momentum', momentum, 1);
  inRange('weight_decay', weightDecay);
  inRange('iterations', iterations, 100);
  const rest = adamw(adamOptions);
  return {
    name: 'muon',
    rule(p): UpdateRule {
      if (!isHidden(p)) {
        const rule = rest.rule(p);
        return {
          ...rule,
          key: `${rule.key} ${share}`,
          scalars: (t, learningRate) => rule.scalars(t, learningRate * share),
        };
      }
      const { shape, weightDecay: decay = weightDecay } = p;
      const [fanIn, fanOut] = shape as readonly [number, number];
      const factor =
        adjust === 'original' ? Math.sqrt(Math.max(1, fanOut / fanIn)) : 0.2 * Math.sqrt(Math.max(fanIn, fanOut));
      const u = lerp(array('momentum'), g, 1 - momentum);
      return {
        key: `muon ${momentum} ${nesterov} ${decay} ${iterations} ${factor}`,
        slots: { momentum: 0 },
        stages: [
          { assign: { momentum: u, [GRADIENT]: nesterov ? add(g, mul(sub(u, g), momentum)) : u } },
          // coefficients and eps of Jordan's post: the steepest slope at zero that still ends between 0.7 and 1.2
          { orthogonalize: { iterations, coefficients: [3.4445, -4.775, 2.0315], eps: 1e-7 } },
          { assign: { [PARAMETER]: sub(decayed(decay), mul(g, rate)) } },
        ],
        scalars: (_, learningRate) => ({
          learning_rate: learningRate * factor,
          ...keepScalar(decay, learningRate),
        }),
      };
    },
  };
}
