import type { JobEvent } from '@strata/contracts';
import { ApiError, Unreachable } from '../errors.js';
import type { Api } from './client.js';

const RETRY_MS = 1000;
const RETRIES = 120;

/** Blocks of a server-sent event stream: what `data:` holds and the `id:` (WHATWG HTML, section 9.2). */
export async function* eventBlocks(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<{ id: string; data: string }> {
  const decoder = new TextDecoder();
  let buffer = '';
  for await (const chunk of chunks) {
    buffer = (buffer + decoder.decode(chunk, { stream: true })).replaceAll('\r\n', '\n');
    for (let at = buffer.indexOf('\n\n'); at >= 0; at = buffer.indexOf('\n\n')) {
      const lines = buffer.slice(0, at).split('\n');
      buffer = buffer.slice(at + 2);
      const field = (name: string): string[] =>
        lines.filter((l) => l.startsWith(`${name}:`)).map((l) => l.slice(name.length + 1).replace(/^ /, ''));
      const data = field('data').join('\n');
      if (data) yield { id: field('id').at(-1) ?? '', data };
    }
  }
}

const ends = (e: JobEvent): boolean =>
  e.body.type === 'state' && ['succeeded', 'failed', 'cancelled'].includes(e.body.state);

/**
 * Events of a job from the first one (or after `lastId`) to its end. When the connection breaks it is made again with
 * `Last-Event-ID`, so that none is lost and none comes twice.
 * @throws ApiError; Unreachable when the gateway stays away for two minutes
 */
export async function* jobEvents(
  api: Api,
  id: string,
  options: { signal?: AbortSignal; onBreak?: () => void } = {},
): AsyncGenerator<JobEvent> {
  let lastId = '';
  for (let failures = 0; ;) {
    try {
      const headers = { accept: 'text/event-stream', ...(lastId ? { 'last-event-id': lastId } : {}) };
      const res = await api.fetch(`/api/jobs/${encodeURIComponent(id)}/events`, {
        headers,
        ...(options.signal ? { signal: options.signal } : {}),
      });
      if (res.body)
        for await (const block of eventBlocks(res.body as unknown as AsyncIterable<Uint8Array>)) {
          const event = JSON.parse(block.data) as JobEvent;
          lastId = block.id || lastId;
          failures = 0;
          yield event;
          if (ends(event)) return;
        }
    } catch (e) {
      if (options.signal?.aborted) return;
      if (e instanceof ApiError && !e.problem.retryable) throw e;
      if (e instanceof Unreachable && failures >= RETRIES) throw e;
      if (e instanceof SyntaxError) throw e;
    }
    // the server may also close a stream in good order, to shut down: the job has not ended, so go on
    if (failures++ === 0) options.onBreak?.();
    await new Promise((r) => setTimeout(r, RETRY_MS));
  }
}
