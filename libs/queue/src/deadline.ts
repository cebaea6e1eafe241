import { StrataError, isStrataError } from '@strata/kernel';
import { isConnectionLoss } from './postgres-pool.js';

/** A backend that has not answered by then is taken for gone, in milliseconds. */
const ANSWER_MS = 5000;

const LOST_REDIS = /Connection is closed|max retries per request|LOADING|ECONNREFUSED|Stream isn't writeable/;

/** Turns silence and lost connections into `unavailable`. What was asked may still happen later: every operation here can be repeated. */
export async function answered<T>(who: string, what: string, work: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new StrataError('unavailable', `${who} did not answer "${what}" within ${ANSWER_MS / 1000} s`)),
      ANSWER_MS,
    );
  });
  const answer = work();
  answer.catch(() => undefined); // after the silence nobody listens any more
  try {
    return await Promise.race([answer, silence]);
  } catch (e) {
    if (isStrataError(e)) throw e;
    const message = typeof e === 'object' && e !== null && 'message' in e ? String(e.message) : String(e);
    if (isConnectionLoss(e) || LOST_REDIS.test(message))
      throw new StrataError('unavailable', `${who} is not reachable: ${message}`, { cause: e });
    throw e;
  } finally {
    clearTimeout(timer);
  }
}
