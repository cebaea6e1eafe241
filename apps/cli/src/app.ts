import type { Api } from './api/client.js';
import type { Config, Connection } from './config.js';
import type { Io } from './io.js';

/** What every command gets. */
export interface App {
  readonly io: Io;
  readonly api: Api;
  readonly config: Config;
  readonly connection: Connection;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}
