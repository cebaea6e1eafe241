import fs from 'node:fs';
import path from 'node:path';
import {
  ENDED,
  type DatasetView,
  type FileView,
  type JobEvent,
  type JobView,
  type PipelineView,
} from '@strata/contracts';

export interface Reply<T> {
  status: number;
  body: T;
  headers: Headers;
}

/** A plain HTTP client: the tests see what any client sees. */
export class Client {
  constructor(
    readonly url: string,
    readonly key: string,
  ) {}

  async send<T>(
    method: string,
    route: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Reply<T>> {
    const form = body instanceof FormData;
    const res = await fetch(`${this.url}${route}`, {
      method,
      headers: {
        authorization: `Bearer ${this.key}`,
        ...(body === undefined || form ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: form ? body : JSON.stringify(body) }),
    });
    const text = await res.text();
    let parsed: unknown = text;
    try {
      parsed = text ? JSON.parse(text) : undefined;
    } catch {
      // not JSON: the text itself is the body
    }
    return { status: res.status, body: parsed as T, headers: res.headers };
  }

  /** As `send`, and the call must succeed. */
  async ok<T>(method: string, route: string, body?: unknown, headers: Record<string, string> = {}): Promise<T> {
    const r = await this.send<T>(method, route, body, headers);
    if (r.status >= 300) throw new Error(`${method} ${route}: ${r.status} ${JSON.stringify(r.body)}`);
    return r.body;
  }

  async upload(filename: string, content: string | Uint8Array): Promise<FileView> {
    const form = new FormData();
    form.append('file', new File([content as BlobPart], filename));
    return this.ok<FileView>('POST', '/api/files', form);
  }

  async dataset(
    filename: string,
    content: string | Uint8Array,
    options: Record<string, unknown> = {},
  ): Promise<DatasetView> {
    const file = await this.upload(filename, content);
    return this.ok<DatasetView>('POST', '/api/datasets', { file: file.id, ...options });
  }

  job(body: Record<string, unknown>, headers: Record<string, string> = {}): Promise<JobView> {
    return this.ok<JobView>('POST', '/api/jobs', body, headers);
  }

  /** Polls, tolerating a gateway that is away for a while. */
  async wait(id: string, seconds = 60, until: (j: JobView) => boolean = (j) => ENDED.has(j.state)): Promise<JobView> {
    const end = Date.now() + seconds * 1000;
    let last: JobView | undefined;
    while (Date.now() < end) {
      try {
        last = await this.ok<JobView>('GET', `/api/jobs/${id}`);
        if (until(last)) return last;
      } catch (e) {
        if (Date.now() > end) throw e;
      }
      await sleep(100);
    }
    throw new Error(`job ${id} is not there after ${seconds} s: ${JSON.stringify(last)}`);
  }

  async pipelineEnd(id: string, seconds: number): Promise<PipelineView> {
    const end = Date.now() + seconds * 1000;
    for (;;) {
      const p = await this.ok<PipelineView>('GET', `/api/pipelines/${id}`);
      if (Object.values(p.jobs).every((j) => ENDED.has(j.state))) return p;
      if (Date.now() > end) throw new Error(`pipeline ${id} is not done: ${JSON.stringify(p)}`);
      await sleep(200);
    }
  }

  /** Events from the stream until it ends, breaks or `stop` says so. */
  async *events(id: string, lastEventId?: number): AsyncGenerator<JobEvent> {
    const res = await fetch(`${this.url}/api/jobs/${id}/events`, {
      headers: {
        authorization: `Bearer ${this.key}`,
        accept: 'text/event-stream',
        ...(lastEventId === undefined ? {} : { 'last-event-id': String(lastEventId) }),
      },
    });
    if (!res.ok || !res.body) throw new Error(`events of ${id}: ${res.status} ${await res.text()}`);
    let buffer = '';
    const decoder = new TextDecoder();
    for await (const chunk of res.body as unknown as AsyncIterable<Uint8Array>) {
      buffer += decoder.decode(chunk, { stream: true });
      for (let at = buffer.indexOf('\n\n'); at >= 0; at = buffer.indexOf('\n\n')) {
        const block = buffer.slice(0, at);
        buffer = buffer.slice(at + 2);
        const data = block
          .split('\n')
          .filter((l) => l.startsWith('data:'))
          .map((l) => l.slice(5).trimStart())
          .join('\n');
        if (data && block.includes('id:')) yield JSON.parse(data) as JobEvent;
      }
    }
  }
}

export const sleep = (ms: number): Promise<void> => new Promise((r) => setTimeout(r, ms));
export const root = path.resolve(import.meta.dirname, '../../..');

/** The key that the gateway made at its first start. */
export function adminKey(dataDir: string): string {
  for (const at of ['admin-key', 'gateway/admin-key']) {
    const file = path.join(dataDir, at);
    if (fs.existsSync(file)) return fs.readFileSync(file, 'utf8').trim();
  }
  throw new Error(`no admin key under ${dataDir}`);
}
