export { checkEntries, checkParsed, edgesOf, folded, type MapEdge } from './check.js';
export { checkOwn } from './check-own.js';
export {
  EDGE_KINDS,
  EDGE_RULES,
  METHOD_KINDS,
  NODE_KINDS,
  SYMMETRIC,
  allowed,
  targetsOf,
  type EdgeKind,
  type NodeKind,
} from './kinds.js';
export { unsafeMarkdown } from './markdown.js';
export {
  parseContent,
  problemError,
  problemText,
  readContent,
  type Parsed,
  type Placed,
  type Problem,
} from './read.js';
export { Entry, OPENNESS, REGIONS, SLUG, Slug, type EntryInput } from './schema.js';
export { COLUMNS, flatten } from './formats/flat.js';
export { readEntries, writerOf } from './formats/formats.js';
