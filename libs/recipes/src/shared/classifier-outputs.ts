import { tensorOf, type GraphBuilder, type Value } from '@strata/graph';

/** What every classifier serves from its logits [N, C]: `label` string [N], the likeliest class by name, and `probabilities` float32 [N, C]. */
export function classifierOutputs(b: GraphBuilder, logits: Value, classes: readonly string[]): void {
  const codes = tensorOf(
    'int64',
    [classes.length],
    classes.map((_, i) => i),
  );
  const label = b.op.LabelEncoder(
    b.op.ArgMax(logits, { axis: 1, keepdims: false }),
    codes,
    tensorOf('string', [classes.length], classes),
    tensorOf('string', [1], ['']),
  );
  b.output('label', label);
  b.output('probabilities', b.op.Softmax(logits, { axis: -1 }));
}
