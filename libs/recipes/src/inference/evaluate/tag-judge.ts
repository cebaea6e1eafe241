import { StrataError } from '@strata/kernel';
import { entityScores, marksEntities } from '@strata/training';
import type { Judge } from './judge.js';

/** Judges taggers: accuracy over words, and where the tags mark entities (B-…, I-…) precision, recall and F1 of whole entities. The truth holds a tag for each word, joined by spaces. */
export function tagJudge(labels: readonly string[]): Judge {
  const truths: string[][] = [];
  const answers: string[][] = [];
  return {
    add(truth, prediction) {
      if (!('tags' in prediction))
        throw new StrataError('invalid_model', 'the model calls itself a tagger and gives no tags');
      const tags = truth.split(/\s+/u).filter((t) => t !== '');
      truths.push(tags);
      // words beyond the model's longest text have no answer: O, the tag of nothing, or a wrong one
      answers.push(tags.map((_, i) => prediction.tags[i]?.label ?? 'O'));
    },
    figures() {
      let right = 0;
      let words = 0;
      truths.forEach((tags, n) =>
        tags.forEach((tag, i) => {
          words++;
          if (answers[n]?.[i] === tag) right++;
        }),
      );
      const metrics: Record<string, number> = { accuracy: right / words };
      if (!marksEntities(labels)) return { metrics, detail: { words } };
      const { precision, recall, f1, ...counts } = entityScores(truths, answers);
      return { metrics: { ...metrics, precision, recall, f1 }, detail: { words, entities: counts } };
    },
  };
}
