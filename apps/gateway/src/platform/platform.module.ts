import { type DynamicModule, Global, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { type ArtifactStore, createArtifactStore } from '@strata/artifacts';
import { createQueue, type QueuePort } from '@strata/queue';
import { artifactConfigOf, queueConfigOf } from '@strata/service-kit';
import { CONFIG, type Config } from '../config.js';
import { Database } from '../db/database.js';

/** Injection token of the QueuePort. */
export const QUEUE = Symbol('queue');
/** Injection token of the ArtifactStore. */
export const ARTIFACTS = Symbol('artifact store');

/** What every feature may inject: `@Inject(CONFIG)`, `Database`, `@Inject(QUEUE)`, `@Inject(ARTIFACTS)`. */
@Global()
@Module({})
export class PlatformModule implements OnApplicationShutdown {
  constructor(
    private readonly db: Database,
    @Inject(QUEUE) private readonly queue: QueuePort,
    @Inject(ARTIFACTS) private readonly artifacts: ArtifactStore,
  ) {}

  /** Comes last: HTTP is closed and the features have stopped. */
  async onApplicationShutdown(): Promise<void> {
    await Promise.all([this.queue.close(), this.artifacts.close()]);
    await this.db.close();
  }

  static with(config: Config): DynamicModule {
    return {
      module: PlatformModule,
      providers: [
        { provide: CONFIG, useValue: config },
        Database,
        { provide: QUEUE, useFactory: (): QueuePort => createQueue(queueConfigOf(config)) },
        { provide: ARTIFACTS, useFactory: (): ArtifactStore => createArtifactStore(artifactConfigOf(config)) },
      ],
      exports: [CONFIG, Database, QUEUE, ARTIFACTS],
    };
  }
}
