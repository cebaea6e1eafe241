import type { ModelManifest } from '@strata/contracts';
import { StrataError } from '@strata/kernel';
import type { Tensor } from '@strata/runtime';
import { DATATYPE, DTYPE, countOf, shapeText } from './datatypes.js';

const wrong = (message: string, field: string): never => {
  throw new StrataError('invalid_input', message, { where: { field } });
};

/**
 * Inputs against what the manifest declares: names, datatypes, shapes, one batch size, and known output names.
 * @throws StrataError `invalid_input`, naming the tensor
 */
export function checkTensors(
  manifest: ModelManifest,
  inputs: Readonly<Record<string, Tensor>>,
  outputs?: readonly string[],
): void {
  const declared = new Map(manifest.inputs.map((i) => [i.name, i]));
  for (const name of Object.keys(inputs))
    if (!declared.has(name))
      wrong(`the model has no input "${name}". It takes: ${[...declared.keys()].join(', ')}`, `inputs.${name}`);
  let batch: { name: string; size: number } | undefined;
  for (const spec of manifest.inputs) {
    const field = `inputs.${spec.name}`;
    const given = inputs[spec.name];
    if (!given) return wrong(`the input "${spec.name}" (${spec.datatype} ${shapeText(spec.shape)}) is missing`, field);
    if (given.dtype !== DTYPE[spec.datatype])
      wrong(`the input "${spec.name}" takes ${spec.datatype}, not ${DATATYPE[given.dtype]}`, field);
    const fits = given.dims.length === spec.shape.length && spec.shape.every((d, i) => d < 0 || d === given.dims[i]);
    if (!fits || given.dims.some((d) => !Number.isInteger(d) || d < 0))
      wrong(
        `the input "${spec.name}" takes the shape ${shapeText(spec.shape)} (-1: any), not ${shapeText(given.dims)}`,
        field,
      );
    if (given.data.length !== countOf(given.dims))
      wrong(
        `the input "${spec.name}" of shape ${shapeText(given.dims)} needs ${countOf(given.dims)} values, got ${given.data.length}`,
        field,
      );
    if (spec.shape[0] !== -1) continue;
    const size = given.dims[0] ?? 0;
    batch ??= { name: spec.name, size };
    if (size !== batch.size)
      wrong(
        `the inputs "${batch.name}" and "${spec.name}" have ${batch.size} and ${size} rows: give the same number`,
        field,
      );
  }
  const known = manifest.outputs.map((o) => o.name);
  for (const name of outputs ?? [])
    if (!known.includes(name))
      wrong(`the model has no output "${name}". It gives: ${known.join(', ')}`, `outputs.${name}`);
}
