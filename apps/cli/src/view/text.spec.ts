import { describe, expect, it } from '@jest/globals';
import stringWidth from 'string-width';
import { bar, bytes, clip, duration, figure, padTo, sparkline } from './text.js';

describe('numbers for people', () => {
  it('sizes', () => {
    expect([0, 999, 1000, 12_345, 999_960, 2_147_483_648].map(bytes)).toEqual([
      '0 B',
      '999 B',
      '1.0 kB',
      '12.3 kB',
      '1.0 MB',
      '2.1 GB',
    ]);
  });

  it('durations', () => {
    expect([0.04, 9.99, 42.4, 125, 3599.7, 7440].map(duration)).toEqual([
      '0.0 s',
      '10.0 s',
      '42 s',
      '2 min 05 s',
      '1 h 00 min',
      '2 h 04 min',
    ]);
  });

  it('metrics', () => {
    expect([0.857123, 48_743.2, 3, 0.00001234, 0, NaN].map(figure)).toEqual([
      '0.8571',
      '48740',
      '3',
      '1.23e-5',
      '0',
      'NaN',
    ]);
  });
});

describe('sparkline', () => {
  it('runs from the least to the greatest value', () => {
    expect(sparkline([0, 1, 2, 3, 4, 5, 6, 7], 8)).toBe('▁▂▃▄▅▆▇█');
    expect(sparkline([3, 2, 1], 10)).toBe('█▅▁');
  });

  it('takes the mean of each stretch when there are more values than characters', () => {
    // stretches 0,0 | 7,7 | 0,14 have the means 0, 7, 7
    expect(sparkline([0, 0, 7, 7, 0, 14], 3)).toBe('▁██');
  });

  it('is flat for equal values, empty for none, and leaves out what is not finite', () => {
    expect(sparkline([2, 2, 2], 5)).toBe('▁▁▁');
    expect(sparkline([], 5)).toBe('');
    expect(sparkline([NaN, 1, Infinity, 2], 5)).toBe('▁█');
  });
});

describe('bar', () => {
  it('counts in eighths of a character', () => {
    expect(bar(0, 4)).toBe('····');
    expect(bar(0.5, 4)).toBe('██··');
    expect(bar(1 / 32, 4)).toBe('▏···');
    expect(bar(1, 4)).toBe('████');
    expect(bar(7, 4)).toBe('████');
  });
});

describe('width on the screen', () => {
  it('counts a Chinese character as two columns', () => {
    expect(clip('量化模型', 8)).toBe('量化模型');
    expect(clip('量化模型', 6)).toBe('量化…');
    expect(stringWidth(clip('量化模型 model', 9))).toBeLessThanOrEqual(9);
    expect(padTo('训练', 6)).toBe('训练  ');
  });
});
