/** An entity: tokens `start` to `end` - 1 of a sentence, of this type. */
export interface Entity {
  readonly start: number;
  readonly end: number;
  readonly type: string;
}

/** Whether the tags mark entities: B-… and I-… (and O) or their kin. */
export const marksEntities = (tags: Iterable<string>): boolean => {
  let some = false;
  for (const tag of tags) {
    if (tag === 'O') continue;
    if (!/^[BIES]-./u.test(tag)) return false;
    some = true;
  }
  return some;
};

/**
 * Entities of BIO or BIOES tags as `conlleval` reads them: I-X after another type, or after O, begins an entity too, so that broken tags still mean something.
 * @see https://www.cnts.ua.ac.be/conll2000/chunking/output.html
 */
export function entitiesOf(tags: readonly string[]): Entity[] {
  const found: Entity[] = [];
  let open: { start: number; type: string } | undefined;
  const close = (end: number): void => {
    if (open) found.push({ ...open, end });
    open = undefined;
  };
  for (const [i, tag] of tags.entries()) {
    const [mark, type] = [tag[0], tag.slice(2)];
    if (tag === 'O' || tag === '') close(i);
    else if (mark === 'B' || mark === 'S' || open?.type !== type) {
      close(i);
      open = { start: i, type };
    }
    if (mark === 'S' || mark === 'E') close(i + 1);
  }
  close(tags.length);
  return found;
}

export interface EntityScores {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  /** Entities in the truth, in the answer, and in both: the same tokens and the same type. */
  readonly expected: number;
  readonly predicted: number;
  readonly correct: number;
}

/** Micro-averaged precision, recall and F1 over whole entities, as CoNLL-2003 scores them: a part of an entity, or one of another type, is wrong. */
export function entityScores(
  expected: readonly (readonly string[])[],
  predicted: readonly (readonly string[])[],
): EntityScores {
  let [truth, answer, correct] = [0, 0, 0];
  for (const [i, tags] of expected.entries()) {
    const right = new Set(entitiesOf(tags).map((e) => `${e.start} ${e.end} ${e.type}`));
    const given = entitiesOf(predicted[i] ?? []);
    truth += right.size;
    answer += given.length;
    for (const e of given) if (right.has(`${e.start} ${e.end} ${e.type}`)) correct++;
  }
  const precision = answer === 0 ? 0 : correct / answer;
  const recall = truth === 0 ? 0 : correct / truth;
  const f1 = correct === 0 ? 0 : (2 * precision * recall) / (precision + recall);
  return { precision, recall, f1, expected: truth, predicted: answer, correct };
}
