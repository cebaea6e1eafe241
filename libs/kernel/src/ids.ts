import { v7 } from 'uuid';

/** Kinds of identified objects and the prefix that makes an id readable in a log. */
export const ID_PREFIX = {
  tenant: 'tnt',
  key: 'key',
  job: 'job',
  pipeline: 'pl',
  file: 'file',
  upload: 'up',
  dataset: 'ds',
  model: 'mdl',
  modelVersion: 'mv',
  deployment: 'dep',
  worker: 'wrk',
  request: 'req',
  suggestion: 'sug',
} as const;
export type IdKind = keyof typeof ID_PREFIX;

/** `job_019abc…`: prefix and a UUID version 7 (RFC 9562) in hex, so ids sort by time of creation. No character needs escaping in a URL, a file name or a queue. */
export function newId(kind: IdKind): string {
  return `${ID_PREFIX[kind]}_${v7().replaceAll('-', '')}`;
}
