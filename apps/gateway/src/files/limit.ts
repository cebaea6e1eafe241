import { Transform } from 'node:stream';
import { StrataError } from '@strata/kernel';

export const tooLarge = (limit: number): StrataError =>
  new StrataError(
    'payload_too_large',
    `the file is larger than the ${limit} bytes that this installation takes (UPLOAD_LIMIT_BYTES): split it, or have the limit raised`,
  );

/** Passes bytes on and fails when there are more than `limit`. */
export function limited(limit: number): Transform {
  let seen = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      seen += chunk.byteLength;
      if (seen > limit) done(tooLarge(limit));
      else done(null, chunk);
    },
  });
}
