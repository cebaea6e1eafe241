/**
 * The one table of errors. A code is stable: clients may switch on it. `docs/errors.md` documents every row and a test
 * keeps the two in step.
 *
 * `retryable` says that the same request may succeed later without a change by the caller: a worker gives such a job
 * another attempt, a client may repeat the call.
 */
export interface ErrorRow {
  readonly retryable: boolean;
  readonly httpStatus: number;
  /** Status of the gRPC specification, by number (google.rpc.Code). */
  readonly grpcStatus: number;
  readonly title: { readonly en: string; readonly zh: string };
}

const INVALID_ARGUMENT = 3;
const DEADLINE_EXCEEDED = 4;
const NOT_FOUND = 5;
const ALREADY_EXISTS = 6;
const PERMISSION_DENIED = 7;
const RESOURCE_EXHAUSTED = 8;
const FAILED_PRECONDITION = 9;
const ABORTED = 10;
const OUT_OF_RANGE = 11;
const INTERNAL = 13;
const UNAVAILABLE = 14;
const UNAUTHENTICATED = 16;
const CANCELLED = 1;

const row = (httpStatus: number, grpcStatus: number, retryable: boolean, en: string, zh: string): ErrorRow => ({
  retryable,
  httpStatus,
  grpcStatus,
  title: { en, zh },
});

export const ERRORS = {
  // requests
  invalid_request: row(400, INVALID_ARGUMENT, false, 'The request is not valid', '请求无效'),
  invalid_parameter: row(422, INVALID_ARGUMENT, false, 'A parameter of the recipe is not valid', '配方参数无效'),
  unauthenticated: row(
    401,
    UNAUTHENTICATED,
    false,
    'The API key is missing, unknown, expired or revoked',
    'API 密钥缺失、未知、已过期或已吊销',
  ),
  permission_denied: row(403, PERMISSION_DENIED, false, 'The key lacks the scope for this', '该密钥没有所需的权限范围'),
  not_found: row(404, NOT_FOUND, false, 'There is nothing by this name or id', '没有此名称或编号的对象'),
  conflict: row(409, ABORTED, false, 'The object is not in a state that allows this', '对象当前状态不允许此操作'),
  already_exists: row(409, ALREADY_EXISTS, false, 'An object of this name exists', '同名对象已存在'),
  idempotency_mismatch: row(
    422,
    INVALID_ARGUMENT,
    false,
    'The idempotency key was used with another request',
    '幂等键已用于另一个请求',
  ),
  payload_too_large: row(
    413,
    RESOURCE_EXHAUSTED,
    false,
    'The body or file is larger than the limit',
    '请求体或文件超过上限',
  ),
  rate_limited: row(429, RESOURCE_EXHAUSTED, true, 'Too many requests', '请求过于频繁'),
  quota_exceeded: row(429, RESOURCE_EXHAUSTED, false, 'The quota of the tenant is used up', '租户配额已用完'),
  invalid_range: row(416, OUT_OF_RANGE, false, 'The range lies outside the content', '请求的范围超出内容'),
  unsupported_media_type: row(415, INVALID_ARGUMENT, false, 'The content type is not supported', '不支持的内容类型'),
  // recipes and graphs
  unknown_recipe: row(404, NOT_FOUND, false, 'No recipe has this name', '没有此名称的配方'),
  recipe_definition: row(500, INTERNAL, false, 'A recipe is defined wrongly', '配方定义有误'),
  invalid_input: row(422, INVALID_ARGUMENT, false, 'An input of the job does not fit the recipe', '作业输入与配方不符'),
  invalid_graph: row(422, INVALID_ARGUMENT, false, 'The graph breaks a rule of ONNX', '计算图违反 ONNX 规则'),
  invalid_onnx: row(422, INVALID_ARGUMENT, false, 'The file is not a usable ONNX model', '文件不是可用的 ONNX 模型'),
  external_data_outside: row(
    422,
    PERMISSION_DENIED,
    false,
    'The model points to a file outside its own folder',
    '模型引用了其目录之外的文件',
  ),
  not_differentiable: row(
    422,
    FAILED_PRECONDITION,
    false,
    'An operator on the path to the loss has no gradient',
    '通往损失的路径上有算子没有梯度',
  ),
  unsupported_operator: row(
    422,
    FAILED_PRECONDITION,
    false,
    'The operator or its form is not supported',
    '不支持该算子或其形式',
  ),
  // data
  invalid_data: row(422, INVALID_ARGUMENT, false, 'The data has a broken line or value', '数据中有损坏的行或值'),
  unknown_column: row(422, INVALID_ARGUMENT, false, 'The data has no such column', '数据中没有此列'),
  empty_data: row(422, FAILED_PRECONDITION, false, 'The data has too few rows for this', '数据行数不足'),
  invalid_model: row(422, FAILED_PRECONDITION, false, 'The model does not fit this use', '模型不适用于此用途'),
  // life of a job
  job_cancelled: row(409, CANCELLED, false, 'The job was cancelled', '作业已取消'),
  job_timeout: row(504, DEADLINE_EXCEEDED, false, 'The job ran longer than its time limit', '作业超出时间限制'),
  does_not_fit: row(
    422,
    RESOURCE_EXHAUSTED,
    false,
    'The training would need more memory than there is',
    '训练所需内存超出可用内存',
  ),
  out_of_memory: row(507, RESOURCE_EXHAUSTED, false, 'The job needed more memory than its limit', '作业超出内存限制'),
  worker_crashed: row(500, INTERNAL, true, 'The process that ran the job died', '运行作业的进程意外终止'),
  worker_lost: row(503, UNAVAILABLE, true, 'The worker that ran the job is gone', '运行作业的工作节点已失联'),
  diverged: row(422, FAILED_PRECONDITION, false, 'Training diverged: a value is not finite', '训练发散：出现非有限值'),
  parent_failed: row(
    409,
    FAILED_PRECONDITION,
    false,
    'A job that this one waits for did not succeed',
    '所依赖的作业未成功',
  ),
  checkpoint_mismatch: row(
    409,
    FAILED_PRECONDITION,
    false,
    'The checkpoint belongs to another job or version',
    '检查点属于其他作业或版本',
  ),
  // platform
  unavailable: row(503, UNAVAILABLE, true, 'A service that this needs does not answer', '所需服务无响应'),
  deadline_exceeded: row(504, DEADLINE_EXCEEDED, true, 'A service did not answer in time', '服务未在限定时间内响应'),
  no_device: row(503, UNAVAILABLE, true, 'No worker has the device that this asks for', '没有工作节点具备所需设备'),
  disk_full: row(507, RESOURCE_EXHAUSTED, true, 'The disk is full', '磁盘已满'),
  storage_corrupt: row(500, INTERNAL, false, 'A stored artifact does not match its hash', '存储的工件与其哈希不符'),
  invalid_configuration: row(500, FAILED_PRECONDITION, false, 'A setting is missing or not valid', '配置缺失或无效'),
  port_in_use: row(500, FAILED_PRECONDITION, false, 'A port that Strata needs is taken', '所需端口已被占用'),
  not_writable: row(500, FAILED_PRECONDITION, false, 'A folder that Strata needs cannot be written', '所需目录不可写'),
  internal: row(500, INTERNAL, false, 'Strata failed in a way that it did not foresee', 'Strata 发生未预料的故障'),
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERRORS;

/** Where in the caller's material the error lies. All are optional; give what is known. */
export interface ErrorWhere {
  /** Dotted path into the request body or parameters, for example `params.learning_rate`. */
  field?: string;
  /** 1-based line of the data file. */
  line?: number;
  column?: string;
  file?: string;
  /** Node or layer of a graph. */
  node?: string;
  layer?: string;
}

export interface SerializedError {
  code: ErrorCode;
  message: string;
  retryable: boolean;
  where?: ErrorWhere;
}

// Registered symbol: survives two copies of this package and process boundaries of module realms.
const BRAND = Symbol.for('strata.error');

export interface StrataErrorOptions {
  where?: ErrorWhere;
  cause?: unknown;
  /** Overrides the table's row, for the rare case where the place knows better. */
  retryable?: boolean;
}

/** Every error that Strata raises on purpose. The message says what is wrong and what to do about it. */
export class StrataError extends Error {
  readonly [BRAND] = true;
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly where: ErrorWhere | undefined;

  constructor(code: ErrorCode, message: string, options: StrataErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'StrataError';
    this.code = code;
    this.retryable = options.retryable ?? ERRORS[code].retryable;
    this.where = options.where;
  }

  get httpStatus(): number {
    return ERRORS[this.code].httpStatus;
  }

  get grpcStatus(): number {
    return ERRORS[this.code].grpcStatus;
  }

  toJSON(): SerializedError {
    return {
      code: this.code,
      message: this.message,
      retryable: this.retryable,
      ...(this.where ? { where: this.where } : {}),
    };
  }
}

export function isStrataError(e: unknown): e is StrataError {
  return typeof e === 'object' && e !== null && BRAND in e;
}

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(ERRORS, code);
}

/** Rebuilds an error that crossed a process or the wire; an unknown code becomes `internal`. */
export function deserializeError(e: {
  code?: unknown;
  message?: unknown;
  retryable?: unknown;
  where?: unknown;
}): StrataError {
  const code = isErrorCode(e.code) ? e.code : 'internal';
  return new StrataError(code, typeof e.message === 'string' ? e.message : ERRORS[code].title.en, {
    ...(typeof e.retryable === 'boolean' ? { retryable: e.retryable } : {}),
    ...(typeof e.where === 'object' && e.where !== null ? { where: e.where as ErrorWhere } : {}),
  });
}

/** Wraps what was caught; a StrataError passes through, everything else becomes `internal` with its cause kept. */
export function toStrataError(e: unknown): StrataError {
  if (isStrataError(e)) return e;
  const message = e instanceof Error ? e.message : String(e);
  if (e instanceof Error && 'code' in e && e.code === 'ENOSPC')
    return new StrataError('disk_full', `The disk is full: ${message}. Free some space and try again.`, { cause: e });
  return new StrataError('internal', message, { cause: e });
}
