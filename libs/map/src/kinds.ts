/** What an entry of the map is. `recipe` entries are made from the recipes, never written. */
export const NODE_KINDS = [
  'layer',
  'section',
  'participant-class',
  'organisation',
  'model',
  'product',
  'framework',
  'platform',
  'community',
  'business-model',
  'algorithm-family',
  'algorithm',
  'technique',
  'training-method',
  'stage',
  'step',
  'application',
  'task',
  'trend',
  'case',
  'figure',
  'source',
  'platform-function',
  'recipe',
] as const;
export type NodeKind = (typeof NODE_KINDS)[number];

/** Kinds that methods of learning have: what can be trained, and what is done to train it. */
export const METHOD_KINDS = ['algorithm-family', 'algorithm', 'technique', 'training-method'] as const;
/** Places in the development pipeline. */
const PIPELINE = ['stage', 'step'] as const;
/** What methods are used for. */
const USES = ['application', 'task'] as const;
/** Who takes part, and what they bring. */
const OFFERS = ['model', 'product', 'framework', 'platform', 'community'] as const;
const ACTORS = ['participant-class', 'organisation', ...OFFERS] as const;

type Rule = readonly (readonly [from: readonly NodeKind[], to: readonly NodeKind[]])[];

const ANY = NODE_KINDS.filter((k) => k !== 'recipe');
const same = (...kinds: NodeKind[]): Rule => kinds.map((k) => [[k], [k]] as const);

/** Which kinds an edge may join; read an edge as a sentence, `from kind to`. */
export const EDGE_RULES = {
  /** Parts; a tree or a graph without circles. */
  contains: [
    [['layer'], ['section']],
    [['section'], ANY.filter((k) => k !== 'layer')],
    [['participant-class'], ACTORS],
    [
      ['algorithm-family', 'training-method'],
      [...METHOD_KINDS, 'task', 'step'],
    ],
    [
      ['algorithm', 'technique'],
      ['algorithm', 'technique', 'step'],
    ],
    [PIPELINE, [...PIPELINE, ...METHOD_KINDS]],
    [['application'], [...USES, ...METHOD_KINDS]],
    [['task'], ['task']],
    [['trend'], ['trend', 'case', ...METHOD_KINDS, 'platform-function']],
    [['figure'], ['figure']],
    [['business-model'], ['business-model']],
    [['platform-function'], ['platform-function']],
  ],
  /** An actor brings something to others. */
  offers: [
    [
      ['participant-class', 'organisation', 'platform', 'community'],
      [...OFFERS, 'platform-function', 'business-model'],
    ],
  ],
  uses: [
    [
      [
        ...PIPELINE,
        ...USES,
        ...METHOD_KINDS,
        ...OFFERS,
        'organisation',
        'case',
        'trend',
        'platform-function',
        'business-model',
      ],
      [...METHOD_KINDS, ...PIPELINE, 'task', ...OFFERS, 'platform-function'],
    ],
  ],
  'applied-in': [
    [
      [...METHOD_KINDS, ...OFFERS, 'case', 'business-model', 'platform-function'],
      [...PIPELINE, ...USES, 'trend', 'case', 'platform-function'],
    ],
  ],
  'trained-by': [[[...METHOD_KINDS, 'model', 'task'], METHOD_KINDS]],
  /** Order in time; without circles. */
  precedes: same('stage', 'step'),
  /** Both cannot hold of one thing; symmetric. */
  excludes: same('participant-class', 'training-method', 'technique', 'algorithm', 'business-model'),
  /** Narrower to wider; without circles. */
  'subset-of': [[METHOD_KINDS, METHOD_KINDS], [USES, USES], ...same('business-model', 'trend')],
  'earns-by': [[ACTORS, ['business-model']]],
  'trend-of': [
    [
      ['trend'],
      ['section', 'participant-class', 'framework', 'platform', 'community', ...METHOD_KINDS, ...USES, ...PIPELINE],
    ],
  ],
  /** A source, a figure or a case supports what an entry says. */
  'evidence-for': [[['source', 'figure', 'case'], ANY]],
  /** A later method mends a weakness of an earlier one. */
  improves: [[METHOD_KINDS, METHOD_KINDS], ...same('model', 'framework')],
  /** Does the same job in another way; symmetric. */
  'alternative-to': [
    [METHOD_KINDS, METHOD_KINDS],
    ...same('model', 'product', 'framework', 'platform', 'community', 'business-model'),
  ],
  /** Made from the recipes, never written. */
  'runs-as': [[ANY, ['recipe']]],
} as const satisfies Record<string, Rule>;

export type EdgeKind = keyof typeof EDGE_RULES;
export const EDGE_KINDS = Object.keys(EDGE_RULES) as [EdgeKind, ...EdgeKind[]];
/** Edges that run in no circle. */
export const ORDERS: readonly EdgeKind[] = ['contains', 'subset-of', 'precedes'];
/** Edges that hold in both directions though they are written once. */
export const SYMMETRIC: readonly EdgeKind[] = ['excludes', 'alternative-to'];

/** Whether the map's schema allows such an edge. */
export const allowed = (edge: EdgeKind, from: NodeKind, to: NodeKind): boolean =>
  (EDGE_RULES[edge] as Rule).some(([a, b]) => a.includes(from) && b.includes(to));
/** Kinds that an edge of this kind may lead to from such an entry. */
export const targetsOf = (edge: EdgeKind, from: NodeKind): NodeKind[] => [
  ...new Set((EDGE_RULES[edge] as Rule).flatMap(([a, b]) => (a.includes(from) ? b : []))),
];
