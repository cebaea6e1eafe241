// Reads and checks a file of entries beside the service's thread, which must go on answering: the largest files take seconds.
import { parentPort, workerData } from 'node:worker_threads';
import { isStrataError } from '@strata/kernel';
import { checkOwn, type Entry, readEntries } from '@strata/map';
import type { ImportAnswer, ImportTask } from './read-import.js';

const { content, filename, format, publicEntries, recipes, kept, merge } = workerData as ImportTask;

function answer(): ImportAnswer {
  try {
    const parsed = readEntries(content, filename, format);
    const named = new Set(parsed.entries.map((p) => p.entry.slug));
    const stays: Entry[] = merge ? kept.filter((e) => !named.has(e.slug)) : [];
    const problems = checkOwn(publicEntries, new Set(recipes), parsed, stays);
    return { problems, entries: problems.length ? [] : [...stays, ...parsed.entries.map((p) => p.entry)] };
  } catch (e) {
    if (isStrataError(e)) return { code: e.code, message: e.message, where: e.where };
    throw e;
  }
}
parentPort?.postMessage(answer());
