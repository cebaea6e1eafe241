import { describe, expect, it } from '@jest/globals';
import { contentDisposition, rangeOf } from '../http/send-blob.js';
import { cleanFilename, cleanMediaType } from './names.js';

describe('file names', () => {
  it.each([
    ['data.csv', 'data.csv'],
    ['../../etc/passwd', 'passwd'],
    ['C:\\Users\\me\\data.csv', 'data.csv'],
    ['a\u0000b\r\n.csv', 'ab.csv'],
    ['数据 集.csv', '数据 集.csv'],
    ['\u202Evsc.exe', 'vsc.exe'],
    ['..', 'upload'],
    ['', 'upload'],
    [undefined, 'upload'],
  ])('%j becomes %j', (given, clean) => {
    expect(cleanFilename(given)).toBe(clean);
  });

  it('are cut to what file systems take', () => {
    expect(cleanFilename('x'.repeat(5000))).toHaveLength(255);
  });

  it('travel in Content-Disposition without breaking out of it', () => {
    expect(contentDisposition('a"b\\数.csv')).toBe(
      `attachment; filename="a_b__.csv"; filename*=UTF-8''a%22b%5C%E6%95%B0.csv`,
    );
  });

  it('and media types are checked', () => {
    expect(cleanMediaType('Text/CSV; charset=utf-8')).toBe('text/csv');
    expect(cleanMediaType('text/html\r\nx: y')).toBe('application/octet-stream');
  });
});

describe('ranges of 10 bytes', () => {
  it.each([
    [undefined, undefined],
    ['bytes=0-3', { start: 0, end: 3 }],
    ['bytes=4-', { start: 4, end: 9 }],
    ['bytes=-3', { start: 7, end: 9 }],
    ['bytes=-30', { start: 0, end: 9 }],
    ['bytes=8-200', { start: 8, end: 9 }],
    ['bytes=5-2', undefined],
    ['bytes=0-1,4-5', undefined],
    ['lines=1-2', undefined],
    ['bytes=-', undefined],
  ])('%s', (header, range) => {
    expect(rangeOf(header, 10)).toEqual(range);
  });

  it('refuses one beyond the end', () => {
    expect(() => rangeOf('bytes=10-', 10)).toThrow(/beyond the end/);
    expect(() => rangeOf('bytes=-0', 10)).toThrow(/beyond the end/);
  });
});
