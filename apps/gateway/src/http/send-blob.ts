import { Readable } from 'node:stream';
import { applyDecorators } from '@nestjs/common';
import { ApiOperation, ApiProduces, ApiResponse } from '@nestjs/swagger';
import type { ArtifactStore } from '@strata/artifacts';
import type { Blob } from '@strata/contracts';
import { StrataError } from '@strata/kernel';
import type { FastifyReply, FastifyRequest } from 'fastify';

export interface Download {
  readonly blob: Blob;
  readonly filename: string;
  readonly mediaType: string;
}

/** Describes a route that answers with `sendBlob`. */
export const ApiDownload = (summary: string, ...mediaTypes: string[]): MethodDecorator =>
  applyDecorators(
    ApiOperation({ summary: `${summary}; honours Range, If-None-Match and If-Range` }),
    ApiProduces(...mediaTypes),
    ApiResponse({ status: 200, description: 'the whole file' }),
    ApiResponse({ status: 206, description: 'the range that was asked for' }),
  );

/** RFC 6266: a plain name for old clients, and the true one in UTF-8. */
export function contentDisposition(filename: string): string {
  const plain = filename.replace(/[^\x20-\x7e]|["\\%]/g, '_');
  const encoded = encodeURIComponent(filename).replace(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16)}`);
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}

/**
 * One range of a `Range` header (RFC 9110, section 14): undefined when there is none that this server honours, and the whole is sent.
 * @throws StrataError `invalid_range` when it begins beyond the end
 */
export function rangeOf(header: string | undefined, size: number): { start: number; end: number } | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? '');
  if (!match || (!match[1] && !match[2])) return undefined;
  const suffix = match[1] === '';
  const start = suffix ? Math.max(0, size - Number(match[2])) : Number(match[1]);
  const end = suffix || !match[2] ? size - 1 : Math.min(Number(match[2]), size - 1);
  if (!suffix && match[2] && Number(match[2]) < start) return undefined;
  if (start >= size)
    throw new StrataError('invalid_range', `the range begins beyond the end: there are ${size} bytes`, {
      where: { field: 'range' },
    });
  return { start, end };
}

/** Streams a stored content: ranges, `ETag` (its hash), `If-None-Match` and `If-Range`. Never shown inside a page, always a download. */
export async function sendBlob(
  store: ArtifactStore,
  request: FastifyRequest,
  reply: FastifyReply,
  { blob, filename, mediaType }: Download,
): Promise<void> {
  const etag = `"${blob.sha256}"`;
  void reply.headers({
    etag,
    'accept-ranges': 'bytes',
    'cache-control': 'private, max-age=31536000, immutable',
    'content-disposition': contentDisposition(filename),
    'x-content-type-options': 'nosniff',
  });
  if (request.headers['if-none-match']?.split(/ *, */).includes(etag)) {
    await reply.status(304).send();
    return;
  }
  const whole = request.headers['if-range'] !== undefined && request.headers['if-range'] !== etag;
  let range: { start: number; end: number } | undefined;
  try {
    range = whole ? undefined : rangeOf(request.headers.range, blob.size);
  } catch (e) {
    void reply.header('content-range', `bytes */${blob.size}`);
    throw e;
  }
  const length = range ? range.end - range.start + 1 : blob.size;
  void reply.header('content-length', length).type(mediaType);
  if (range) void reply.status(206).header('content-range', `bytes ${range.start}-${range.end}/${blob.size}`);
  if (request.method === 'HEAD') {
    // an empty stream: without a payload the length would be set to 0
    await reply.send(Readable.from([]));
    return;
  }
  await reply.send(await store.open(blob.sha256, range));
}
