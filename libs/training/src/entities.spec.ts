import { describe, expect, it } from '@jest/globals';
import { entitiesOf, entityScores, marksEntities } from './entities.js';

const t = (s: string): string[] => s.split(' ');

describe('entities of BIO tags', () => {
  it('reads whole, neighbouring and broken entities as conlleval does', () => {
    expect(entitiesOf(t('B-a I-a O B-a B-a I-b'))).toEqual([
      { start: 0, end: 2, type: 'a' },
      { start: 3, end: 4, type: 'a' },
      { start: 4, end: 5, type: 'a' },
      { start: 5, end: 6, type: 'b' },
    ]);
    expect(entitiesOf(t('O I-a I-a'))).toEqual([{ start: 1, end: 3, type: 'a' }]);
    expect(entitiesOf(t('S-a B-b I-b E-b O'))).toEqual([
      { start: 0, end: 1, type: 'a' },
      { start: 1, end: 4, type: 'b' },
    ]);
  });

  it('counts an entity when all its tokens and its type are right', () => {
    // truth: 3 entities; answer: one right, one too short, one of another type
    const scores = entityScores([t('B-a I-a O B-b'), t('B-c')], [t('B-a O O B-b'), t('B-d')]);
    expect(scores).toMatchObject({ expected: 3, predicted: 3, correct: 1 });
    expect(scores.f1).toBeCloseTo(1 / 3);
    expect(entityScores([t('O')], [t('O')]).f1).toBe(0);
  });

  it('knows tags that mark entities', () => {
    expect(marksEntities(['O', 'B-a', 'I-a'])).toBe(true);
    expect(marksEntities(['NOUN', 'B-a'])).toBe(false);
    expect(marksEntities(['O'])).toBe(false);
  });
});
