import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { catalog } from '@strata/contracts/grpc';
import { isStrataError } from '@strata/kernel';
import { createGrpcClient, type ClientReadableStream, type GrpcClient, tlsOf } from '@strata/service-kit';
import { LRUCache } from 'lru-cache';
import { CONFIG, type Config } from '../config.js';

type Service = typeof catalog.CatalogServiceService;
type Client = GrpcClient<Service>;
type Calls = Client['call'];
type Answer<K extends keyof Calls> = Awaited<ReturnType<Calls[K]>>;

const DEADLINE_MS = 3_000;
/** Imports of the largest files are checked within this. */
const CHANGE_DEADLINE_MS = 60_000;
/** Waits before the second and third try. */
const PAUSES_MS = [50, 250];
/** Answers that are kept for when the catalog is away, and their size in characters of JSON. */
const KEPT = 5_000;
const KEPT_CHARACTERS = 64 * 1024 * 1024;
const LARGEST_KEPT = 4 * 1024 * 1024;

/** An answer, and since when it may be out of date: undefined when it comes from the catalog itself. */
export interface Read<T> {
  readonly answer: T;
  readonly staleSince: number | undefined;
}

interface Kept {
  readonly answer: object;
  readonly at: number;
  readonly size: number;
}

/** The catalog service, over one connection that opens when first used. */
@Injectable()
export class CatalogClient implements OnApplicationShutdown {
  private client: Promise<Client> | undefined;
  private readonly kept = new LRUCache<string, Kept>({
    max: KEPT,
    maxSize: KEPT_CHARACTERS,
    maxEntrySize: LARGEST_KEPT,
    sizeCalculation: (kept) => kept.size,
  });

  constructor(@Inject(CONFIG) private readonly config: Config) {}

  /**
   * A call that only reads. It is repeated while the catalog is away; then the last answer to the same question is given, if there is one.
   * @throws StrataError as the catalog raised it; `unavailable` or `deadline_exceeded` when it stays away and nothing is kept
   */
  async read<K extends keyof Calls>(
    method: K,
    request: Parameters<Calls[K]>[0],
    requestId: string,
  ): Promise<Read<Answer<K>>> {
    const question = `${method} ${JSON.stringify(request)}`;
    for (let attempt = 0; ; attempt++) {
      try {
        const answer = await this.call(method, request, requestId, DEADLINE_MS);
        this.keep(question, answer);
        return { answer, staleSince: undefined };
      } catch (e) {
        const away = isStrataError(e) && (e.code === 'unavailable' || e.code === 'deadline_exceeded');
        if (!away) throw e;
        const pause = e.code === 'unavailable' ? PAUSES_MS[attempt] : undefined;
        if (pause === undefined) {
          const kept = this.kept.get(question);
          if (!kept) throw e;
          return { answer: kept.answer as Answer<K>, staleSince: kept.at };
        }
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
  }

  /** A call that changes something: made once. @throws StrataError */
  change<K extends keyof Calls>(method: K, request: Parameters<Calls[K]>[0], requestId: string): Promise<Answer<K>> {
    return this.call(method, request, requestId, CHANGE_DEADLINE_MS);
  }

  /** Answers as they come. Errors of the stream are grpc-js's own: see `fromGrpcError`. */
  async answers<K extends 'watch' | 'export'>(
    method: K,
    request: Parameters<Client['answers']>[1],
    requestId: string,
  ): Promise<ClientReadableStream<unknown>> {
    return (await this.open()).answers(method, request as never, requestId) as ClientReadableStream<unknown>;
  }

  private async call<K extends keyof Calls>(
    method: K,
    request: Parameters<Calls[K]>[0],
    requestId: string,
    deadlineMs: number,
  ): Promise<Answer<K>> {
    const { call } = await this.open();
    const run = call[method] as (r: typeof request, o: object) => Promise<Answer<K>>;
    return run(request, { requestId, deadlineMs });
  }

  private open(): Promise<Client> {
    return (this.client ??= createGrpcClient(catalog.CatalogServiceService, {
      address: this.config.CATALOG_ADDRESS,
      token: this.config.SERVICE_TOKEN,
      tls: tlsOf(this.config),
      name: 'the catalog service',
    }));
  }

  private keep(question: string, answer: object): void {
    // a guess at the size in memory that costs no second serialisation: most of an answer is text
    const size = question.length + roughSize(answer);
    if (size <= LARGEST_KEPT) this.kept.set(question, { answer, at: Date.now(), size });
  }

  async onApplicationShutdown(): Promise<void> {
    (await this.client)?.close();
  }
}

function roughSize(value: unknown): number {
  if (typeof value === 'string') return value.length + 8;
  if (typeof value !== 'object' || value === null) return 8;
  let size = 16;
  for (const part of Object.values(value)) size += roughSize(part);
  return size;
}
