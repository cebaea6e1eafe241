import { Problem } from '@strata/contracts';
import { ERRORS, isErrorCode } from '@strata/kernel';
import { z } from 'zod';
import type { Connection } from '../config.js';
import { ApiError, Unreachable } from '../errors.js';

export interface Page<T> {
  readonly object: 'list';
  readonly data: T[];
  readonly has_more: boolean;
  readonly next?: string | null;
}
export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** The word that names a failure of the network best: `ECONNREFUSED`. */
function why(e: unknown): string {
  const has = (x: unknown, name: string): x is Record<string, unknown> =>
    typeof x === 'object' && x !== null && name in x;
  const root = has(e, 'cause') && e.cause ? e.cause : e;
  if (has(root, 'code')) return String(root.code);
  return has(root, 'message') ? String(root.message) : String(root);
}

const Brief = z.object({ code: z.string(), message: z.string(), retryable: z.boolean() });

/** The problem that a reply tells of; undefined when it does not come from a gateway. */
async function problemOf(res: Response): Promise<Problem | undefined> {
  let body: unknown;
  try {
    body = await res.json();
  } catch {
    return undefined; // no JSON: a proxy, or an answer to HEAD
  }
  const problem = Problem.safeParse(body);
  if (problem.success) return problem.data;
  // the upload protocol's routes answer with the bare error
  const brief = Brief.safeParse(body);
  if (!brief.success) return undefined;
  const { code, message: detail, retryable } = brief.data;
  const title = isErrorCode(code) ? ERRORS[code].title.en : code;
  const request_id = res.headers.get('x-request-id') ?? '';
  return { type: `/api/errors/${code}`, title, status: res.status, detail, code, retryable, request_id };
}

export class Api {
  /** @param onKept is told of answers that the gateway gives from memory: how many seconds old they are */
  constructor(
    readonly connection: Connection,
    private readonly onKept?: (seconds: number) => void,
  ) {}

  get url(): string {
    return this.connection.url;
  }

  /** Any request; a refusal throws. @throws ApiError, Unreachable */
  async fetch(route: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (this.connection.key) headers.set('authorization', `Bearer ${this.connection.key}`);
    let res: Response;
    try {
      res = await fetch(route.startsWith('http') ? route : `${this.url}${route}`, { ...init, headers });
    } catch (cause) {
      if (init.signal?.aborted) throw cause;
      throw new Unreachable(this.url, why(cause), { cause });
    }
    if (res.headers.get('x-strata-stale') === 'true') this.onKept?.(Number(res.headers.get('age') ?? 0));
    if (res.ok) return res;
    const problem = await problemOf(res);
    if (problem) throw new ApiError(problem, this.url);
    throw new Unreachable(this.url, `status ${res.status}, which is not a gateway's way to say no`);
  }

  private async json<T>(
    method: string,
    route: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<T> {
    const res = await this.fetch(route, {
      method,
      headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    try {
      return (await res.json()) as T;
    } catch (cause) {
      throw new Unreachable(this.url, 'the answer is not JSON: is this a Strata gateway?', { cause });
    }
  }

  get<T>(route: string, query: Query = {}): Promise<T> {
    const params = new URLSearchParams();
    for (const [k, v] of Object.entries(query)) if (v !== undefined && v !== '') params.set(k, String(v));
    return this.json<T>('GET', params.size ? `${route}?${params}` : route);
  }

  post<T>(route: string, body?: unknown, headers?: Record<string, string>): Promise<T> {
    return this.json<T>('POST', route, body, headers);
  }

  delete<T>(route: string): Promise<T> {
    return this.json<T>('DELETE', route);
  }

  /** Pages until there are `limit` entries. */
  async list<T>(route: string, query: Query, limit: number): Promise<Page<T>> {
    const data: T[] = [];
    for (let after: string | undefined; ;) {
      const page = await this.get<Page<T>>(route, { ...query, after, limit: Math.min(200, limit - data.length) });
      data.push(...page.data);
      if (!page.has_more || !page.next || data.length >= limit) return { ...page, data };
      after = page.next;
    }
  }
}
