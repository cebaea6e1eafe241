import { type DynamicModule, Global, Module } from '@nestjs/common';
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
export class PlatformModule {
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
