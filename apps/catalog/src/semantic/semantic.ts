import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Logger, StrataError } from '@strata/kernel';
import { plainNode } from '../map/layered.js';
import type { MapNode } from '../map/map.js';
import { ESSENCE } from './essence.js';
import { readMeaning } from './file.js';
import { createMeaning, hasMeaning, type Meaning } from './meaning.js';
import { PARAMS, SEED, startTraining, type ChildProgram, type Training } from './train.js';

export interface Semantic {
  /** The trained model, once it is ready. */
  current(): Meaning | undefined;
  /** Ends when it is clear whether there will be a model. */
  readonly settled: Promise<void>;
  close(): void;
}

/** Without a model: search stays by words. */
export const NO_SEMANTIC: Semantic = { current: () => undefined, settled: Promise.resolve(), close: () => undefined };

export interface SemanticOptions {
  readonly nodes: Iterable<MapNode>;
  /** Folder that keeps the model for the next start; empty: none, it is trained at every start. */
  readonly dataDir: string;
  readonly log: Logger;
  readonly program?: ChildProgram | undefined;
}

/** More entries take minutes to learn, and milliseconds to compare with a query. */
const MOST_NODES = 20_000;
const PREFIX = 'meaning-';

/** Names what a model depends on: texts, parameters and the form of the file. */
const keyOf = (nodes: readonly MapNode[]): string =>
  createHash('sha256')
    .update(
      JSON.stringify([
        1,
        ESSENCE,
        PARAMS,
        SEED,
        nodes.map((n) => [n.slug, n.name, n.aliases, n.summary, n.body, n.method?.when, n.citation?.title, n.edges]),
      ]),
    )
    .digest('hex')
    .slice(0, 24);

/** Loads the model of meanings of these entries, or trains it in the background. What goes wrong is logged, and search stays by words. */
export function createSemantic({ nodes, dataDir, log, program }: SemanticOptions): Semantic {
  let meant = 0;
  for (const n of nodes) if (hasMeaning(n)) meant++;
  if (meant > MOST_NODES) {
    log.warn(
      { entries: meant, most: MOST_NODES },
      'the map is too large to learn its meanings: it is searched by words',
    );
    return NO_SEMANTIC;
  }
  const all = [...nodes];
  let meaning: Meaning | undefined;
  let training: Training | undefined;
  let stopped = false;

  const train = async (file: string): Promise<void> => {
    const since = performance.now();
    training = startTraining({ file, nodes: all.map(plainNode) }, program);
    const pairs = await training.done;
    const model = await readMeaning(file);
    if (!model) throw new StrataError('internal', `the training left no ${file}`);
    meaning = createMeaning(model);
    const seconds = Math.round((performance.now() - since) / 100) / 10;
    log.info({ pairs, seconds }, 'search by meaning is ready');
  };
  const prepare = async (): Promise<void> => {
    if (!dataDir) {
      const dir = await mkdtemp(path.join(tmpdir(), 'strata-meaning-'));
      await train(path.join(dir, 'model')).finally(() => rm(dir, { recursive: true, force: true }));
      return;
    }
    await mkdir(dataDir, { recursive: true });
    const name = `${PREFIX}${keyOf(all)}`;
    const file = path.join(dataDir, name);
    const kept = await readMeaning(file).catch((e: unknown) => {
      log.warn({ error: String(e) }, 'the kept model of meanings cannot be used: it is trained anew');
      return undefined;
    });
    if (kept) {
      meaning = createMeaning(kept);
      return;
    }
    await train(file);
    // models of earlier content
    for (const old of await readdir(dataDir))
      if (old.startsWith(PREFIX) && old !== name) await rm(path.join(dataDir, old), { force: true });
  };
  const settled = prepare().catch((e: unknown) => {
    if (!stopped) log.error({ error: String(e) }, 'there is no search by meaning: it stays by words');
  });
  return {
    current: () => meaning,
    settled,
    close() {
      stopped = true;
      training?.stop();
    },
  };
}
