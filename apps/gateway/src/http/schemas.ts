import { z } from 'zod';

/** An id in a path: nothing that would need escaping anywhere. */
export const Id = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'letters, digits, dash and underscore, 64 at most');
