import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { catalog } from '@strata/contracts/grpc';
import { isStrataError } from '@strata/kernel';
import { createGrpcClient, type GrpcClient, tlsOf } from '@strata/service-kit';
import { CONFIG, type Config } from '../config.js';

type Client = GrpcClient<typeof catalog.CatalogServiceService>;
type Calls = Client['call'];

const DEADLINE_MS = 3_000;
/** Waits before the second and third try. */
const PAUSES_MS = [50, 250];

/** The catalog service, over one connection that opens when first used. All of its calls only read, so they may be repeated. */
@Injectable()
export class CatalogClient implements OnApplicationShutdown {
  private client: Promise<Client> | undefined;

  constructor(@Inject(CONFIG) private readonly config: Config) {}

  /** @throws StrataError as the catalog raised it; `unavailable` or `deadline_exceeded` after three tries */
  async call<K extends keyof Calls>(
    method: K,
    request: Parameters<Calls[K]>[0],
    requestId: string,
  ): Promise<Awaited<ReturnType<Calls[K]>>> {
    this.client ??= createGrpcClient(catalog.CatalogServiceService, {
      address: this.config.CATALOG_ADDRESS,
      token: this.config.SERVICE_TOKEN,
      tls: tlsOf(this.config),
      name: 'the catalog service',
    });
    const { call } = await this.client;
    const run = call[method] as (r: typeof request, o: object) => Promise<Awaited<ReturnType<Calls[K]>>>;
    for (let attempt = 0; ; attempt++) {
      try {
        return await run(request, { requestId, deadlineMs: DEADLINE_MS });
      } catch (e) {
        const pause = PAUSES_MS[attempt];
        if (pause === undefined || !isStrataError(e) || e.code !== 'unavailable') throw e;
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
  }

  async onApplicationShutdown(): Promise<void> {
    (await this.client)?.close();
  }
}
