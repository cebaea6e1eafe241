import { StrataError } from '@strata/kernel';
import type { AttrType, Emitter, OpRule } from './ops/rule.js';
import type { OpFunctions, OpName, Value } from './ops/signatures.js';
import { OPS } from './ops/table.js';
import type { Attr, Attrs } from './types.js';

const isValue = (a: unknown): a is Value =>
  typeof a === 'object' && a !== null && 'dtype' in a && 'shape' in a && 'name' in a;

/** A JavaScript value as the attribute type that the rule declares. */
function toAttr(type: AttrType, value: unknown): Attr | undefined {
  if (value === undefined) return undefined;
  switch (type) {
    case 'int':
      return { type, value: Number(value) };
    case 'float':
      return { type, value: Number(value) };
    case 'string':
      return { type, value: String(value) };
    case 'ints':
      return Array.isArray(value) ? { type, value: value.map(Number) } : undefined;
    default:
      throw new StrataError('internal', `an attribute of type ${type} needs an emit function of its own`);
  }
}

/** Attributes that are given, in the types that the rule declares. */
export function attrsOf(
  types: Readonly<Record<string, AttrType>> | undefined,
  given: Readonly<Record<string, unknown>>,
): Attrs {
  const attrs: Record<string, Attr> = {};
  for (const [name, type] of Object.entries(types ?? {})) {
    const attr = toAttr(type, given[name]);
    if (attr) attrs[name] = attr;
  }
  return attrs;
}

/** Operators as functions that emit into `b`. */
export function opFunctions(b: Emitter): OpFunctions {
  const plain =
    (name: string, rule: Pick<OpRule, 'attrs' | 'domain'>) =>
    (...args: readonly unknown[]): Value => {
      const last = args.at(-1);
      const options = typeof last === 'object' && last !== null && !isValue(last) ? last : undefined;
      const inputs = (options ? args.slice(0, -1) : args).map((a) => (isValue(a) ? a : undefined));
      const attrs = options ? attrsOf(rule.attrs, options as Readonly<Record<string, unknown>>) : {};
      const [value] = b.node(name, inputs, attrs, rule.domain === undefined ? {} : { domain: rule.domain });
      if (!value) throw new StrataError('internal', `${name} gave no value`);
      return value;
    };
  const entries = (Object.keys(OPS) as OpName[]).map((name) => {
    const rule: OpRule<never> | OpRule = OPS[name] as OpRule;
    const emit = rule.emit as ((b: Emitter, ...args: readonly unknown[]) => unknown) | undefined;
    return [name, emit ? (...args: readonly unknown[]) => emit(b, ...args) : plain(name, rule)];
  });
  // each entry has the signature of its name: the table's type ties rule and function together
  return Object.fromEntries(entries) as OpFunctions;
}
