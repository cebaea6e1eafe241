import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { inference } from '@strata/contracts/grpc';
import { isStrataError, StrataError } from '@strata/kernel';
import { createGrpcClient, type GrpcClient, tlsOf } from '@strata/service-kit';
import { CONFIG, type Config } from '../config.js';
import { WorkersService } from '../workers/workers.service.js';

export type InferenceClient = GrpcClient<typeof inference.GRPCInferenceServiceService>;

/** The list of workers is asked for at most this often while they answer. */
const FRESH_MS = 1_000;

const unavailable = (why: string, cause?: unknown): StrataError =>
  new StrataError('unavailable', `${why}: start an inference service, or wait until one is back`, { cause });

/** Connections to the inference workers that are online, taken in turn. */
@Injectable()
export class InferencePool implements OnApplicationShutdown {
  private readonly clients = new Map<string, Promise<InferenceClient>>();
  private known: { readonly at: number; readonly addresses: Promise<string[]> } | undefined;
  private turn = 0;

  constructor(
    private readonly workers: WorkersService,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /**
   * Does the work with one worker; with the next when that one cannot be reached or is shutting down.
   * @throws StrataError `unavailable` when no worker is left
   */
  async withOne<T>(work: (client: InferenceClient) => Promise<T>): Promise<T> {
    const tried = new Map<string, unknown>();
    const first = this.turn++;
    for (const fresh of [false, true]) {
      const addresses = await this.addresses(fresh);
      for (let i = 0; i < addresses.length; i++) {
        const address = addresses[(first + i) % addresses.length] ?? '';
        if (tried.has(address)) continue;
        try {
          return await work(await this.client(address));
        } catch (e) {
          if (!isStrataError(e) || e.code !== 'unavailable') throw e;
          tried.set(address, e);
        }
      }
    }
    if (!tried.size) throw unavailable('no inference worker is online');
    throw unavailable(`none of the ${tried.size} inference workers answers`, [...tried.values()].at(-1));
  }

  /** Does the work with all workers that are online now; what failed is told, not thrown. */
  async withAll<T>(work: (client: InferenceClient) => Promise<T>): Promise<PromiseSettledResult<T>[]> {
    const addresses = await this.addresses(true);
    return Promise.allSettled(addresses.map(async (address) => work(await this.client(address))));
  }

  private async addresses(fresh: boolean): Promise<readonly string[]> {
    const now = performance.now();
    if (fresh || !this.known || now - this.known.at > FRESH_MS)
      this.known = { at: now, addresses: this.workers.inferenceAddresses() };
    try {
      // one order for everybody, so that taking turns is fair
      return [...new Set(await this.known.addresses)].sort();
    } catch (e) {
      this.known = undefined;
      throw e;
    }
  }

  async onApplicationShutdown(): Promise<void> {
    for (const client of await Promise.allSettled(this.clients.values()))
      if (client.status === 'fulfilled') client.value.close();
  }

  private client(address: string): Promise<InferenceClient> {
    let client = this.clients.get(address);
    if (!client) {
      client = createGrpcClient(inference.GRPCInferenceServiceService, {
        address,
        token: this.config.SERVICE_TOKEN,
        tls: tlsOf(this.config),
        name: 'the inference service',
      });
      this.clients.set(address, client);
    }
    return client;
  }
}
