import { StrataError, type ErrorCode, type ErrorWhere } from '@strata/kernel';

const messageOf = (e: unknown): string => (e instanceof Error ? e.message : String(e));

interface Rule {
  readonly match: RegExp;
  readonly code: ErrorCode;
  readonly advice: string;
}

// onnxruntime gives text only; these are the families of its messages (onnxruntime/core, 1.30)
const COMMON: readonly Rule[] = [
  {
    match: /bad_alloc|failed to allocate|out of memory/i,
    code: 'out_of_memory',
    advice: 'Use smaller batches or a larger memory limit.',
  },
];
const DEVICE: readonly Rule[] = [
  {
    match: /webgpu|dawn|adapter|cuda|cudnn|cublas|no available backend|provider|backend not found/i,
    code: 'no_device',
    advice: 'The device could not be used: choose the device "cpu", or run where the device is installed.',
  },
];
const CREATE: readonly Rule[] = [
  ...COMMON,
  {
    match: /external data.*(escapes|outside|absolute)|(escapes|outside).*(model|base) (directory|dir|folder)/i,
    code: 'external_data_outside',
    advice: 'Keep the data files of a model in the folder of the model.',
  },
  {
    match: /file doesn'?t exist|no such file/i,
    code: 'invalid_onnx',
    advice: 'The model, or a data file that it points to, is not there.',
  },
  { match: /./s, code: 'invalid_onnx', advice: 'Check that it is a complete ONNX model.' },
];
const RUN: readonly Rule[] = [
  ...COMMON,
  {
    match: /requires f16 but the device does not support/i,
    code: 'no_device',
    advice: 'This device has no half precision: use float32.',
  },
  {
    match:
      /invalid (dimensions|rank|feed|input)|unexpected input data type|missing input|input '.*' is missing|required in '(feeds|outputs)'/i,
    code: 'invalid_input',
    advice: 'Give each input the name, type and shape that the model declares.',
  },
  {
    match: /non-zero status code|op_kernel|INVALID_ARGUMENT/i,
    code: 'invalid_input',
    advice: 'An operator refused the values that reached it: the inputs do not fit the model.',
  },
];

function mapped(e: unknown, rules: readonly Rule[], what: string, where?: ErrorWhere): StrataError {
  const message = messageOf(e).replace(/\s+/g, ' ').trim().replace(/\.$/, '');
  const rule = rules.find((r) => r.match.test(message));
  const node = /Name:'([^']*)'/.exec(message)?.[1];
  const place = { ...where, ...(node ? { node } : {}) };
  return new StrataError(rule?.code ?? 'internal', `${what}: ${message}.${rule ? ` ${rule.advice}` : ''}`, {
    cause: e,
    ...(Object.keys(place).length ? { where: place } : {}),
  });
}

/** The StrataError for what `InferenceSession.create` threw: `invalid_onnx`, `external_data_outside`, `no_device`, `out_of_memory`. */
export const createError = (e: unknown, device: string, file?: string): StrataError =>
  mapped(
    e,
    device === 'cpu' ? CREATE : [...DEVICE, ...CREATE],
    `onnxruntime cannot load ${file ?? 'the model'}`,
    file ? { file } : undefined,
  );

/** The StrataError for what `session.run` threw: `invalid_input`, `out_of_memory`, `internal`. */
export const runError = (e: unknown): StrataError => mapped(e, RUN, 'onnxruntime cannot run the model');
