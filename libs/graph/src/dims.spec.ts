import { describe, expect, it } from '@jest/globals';
import { broadcast, isSymbolName, product, quotient, sum } from './dims.js';

describe('symbolic sizes', () => {
  it('multiply, in one canonical order', () => {
    expect(product([2, 'N', 3, 'L'])).toBe('6*L*N');
    expect(product(['L', product(['N', 6])])).toBe('6*L*N');
    expect(product([4, 0, 'N'])).toBe(0);
    expect(product([])).toBe(1);
  });

  it('divide when symbols cancel and numbers go', () => {
    expect(quotient(['N', 6], [3])).toBe('2*N');
    expect(quotient(['N', 'L', 4], ['N', 4])).toBe('L');
    expect(quotient(['N'], ['L'])).toBeUndefined();
    expect(quotient([7], [2])).toBeUndefined();
    expect(quotient([0], [0])).toBeUndefined();
  });

  it('add', () => {
    expect(sum([2, 3])).toBe(5);
    expect(sum(['N', 0])).toBe('N');
    expect(sum(['N', 2, 'L', 1])).toBe('(L+N+3)');
    // a sum inside a product stays whole
    expect(quotient([product([2, sum(['N', 1])])], [2])).toBe('(N+1)');
  });

  it('broadcast by the rules of NumPy', () => {
    expect(broadcast([4, 1, 3], [2, 1])).toEqual([4, 2, 3]);
    expect(broadcast(['N', 3], [3])).toEqual(['N', 3]);
    expect(broadcast(['N', 1], ['N', 'L'])).toEqual(['N', 'L']);
    expect(broadcast([], [])).toEqual([]);
    expect(broadcast([2], [3])).toBeUndefined();
    // a symbol beside a number is that number or 1
    expect(broadcast(['N'], [5])).toEqual([5]);
    expect(broadcast(['N'], ['M'])).toEqual(broadcast(['M'], ['N']));
  });

  it('tell names from expressions', () => {
    expect([
      isSymbolName('N'),
      isSymbolName('batch_size'),
      isSymbolName('2*N'),
      isSymbolName('?x.0'),
      isSymbolName(3),
    ]).toEqual([true, true, false, false, false]);
  });
});
