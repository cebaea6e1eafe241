import { createHash } from 'node:crypto';
import { createModelHost, type ModelHost, type ModelHostOptions } from '@strata/serving';
import { parseFiles, type ModelFolders } from './model-files.js';

/** Models by name and version, fetched from the artifact store when they are loaded. */
export interface Repository {
  readonly host: ModelHost;
  /**
   * Loads the model's files, or does nothing when exactly these are open under this name and version.
   * @throws StrataError `invalid_request`, `not_found` (a file is not stored), `invalid_model`, `invalid_onnx`
   */
  load(name: string, version: string, filesJson: string): Promise<void>;
  close(): Promise<void>;
}

interface Loaded {
  readonly content: string;
  readonly folder: string;
}

export function createRepository(
  folders: ModelFolders,
  options: Omit<ModelHostOptions, 'onUnload'>,
  onError: (e: Error) => void,
): Repository {
  const open = new Map<string, Loaded>();
  // loads of one name and version take turns
  const turns = new Map<string, Promise<void>>();
  const keyOf = (name: string, version: string): string => JSON.stringify([name, version]);

  const host = createModelHost({
    ...options,
    onUnload({ name, version, dir }) {
      if (open.get(keyOf(name, version))?.folder === dir) open.delete(keyOf(name, version));
      return folders.remove(dir).catch(onError);
    },
  });

  const loadInTurn = async (name: string, version: string, filesJson: string): Promise<void> => {
    const files = parseFiles(filesJson);
    const key = keyOf(name, version);
    const content = createHash('sha256')
      .update(JSON.stringify(Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1))))
      .digest('hex');
    if (open.get(key)?.content === content) return;
    const folder = await folders.fetch(files);
    try {
      await host.load(name, version, folder);
      open.set(key, { content, folder });
    } catch (e) {
      await folders.remove(folder);
      throw e;
    }
  };

  return {
    host,
    load(name, version, filesJson) {
      const key = keyOf(name, version);
      const before = turns.get(key) ?? Promise.resolve();
      const turn = before.catch(() => undefined).then(() => loadInTurn(name, version, filesJson));
      turns.set(key, turn);
      const done = (): void => {
        if (turns.get(key) === turn) turns.delete(key);
      };
      turn.then(done, done);
      return turn;
    },
    close: () => host.close(),
  };
}
