import { describe, expect, it } from '@jest/globals';
import { balancedWeights, classesOf } from './classes.js';

const rows = (n: number): Int32Array => Int32Array.from({ length: n }, (_, i) => i);

describe('classesOf', () => {
  it('orders numbers as numbers and names by code unit', () => {
    const cells = ['10', '9', '2', '10', '9', '2'];
    expect(classesOf(cells, rows(6), 'y').names).toEqual(['2', '9', '10']);
    const names = classesOf(['b', '中', 'B', 'b', '中', 'B'], rows(6), 'y');
    expect(names.names).toEqual(['B', 'b', '中']);
    expect([names.indexOf('中'), names.indexOf('x'), names.indexOf(null)]).toEqual([2, -1, -1]);
  });
  it('refuses one class, and values that are no classes, naming what to use instead', () => {
    expect(() => classesOf(['a', 'a'], rows(2), 'y')).toThrow(/only one class/);
    const values = Array.from({ length: 40 }, (_, i) => String(i));
    expect(() => classesOf(values, rows(40), 'y', 'classical/tabular-regressor')).toThrow(
      /40 different values in 40 rows.*use classical\/tabular-regressor/,
    );
  });
});

it('balanced weights: n / (classes × rows of the class)', () => {
  expect(balancedWeights([0, 0, 0, 1], 2)).toEqual([4 / 6, 2]);
});
