import { describe, expect, it } from '@jest/globals';
import { UsageError } from '../errors.js';
import { rowsOf } from './models.js';

describe('rows for a prediction', () => {
  it.each([
    ['an array', '[{"a":1},{"a":2}]', [{ a: 1 }, { a: 2 }]],
    ['one object', '{"a":1}', [{ a: 1 }]],
    ['the body of the API', '{"inputs":["x","y"]}', ['x', 'y']],
    ['JSON text', '"hello"', ['hello']],
    ['JSON lines', '{"a":1}\n\n{"a":2}\n', [{ a: 1 }, { a: 2 }]],
    ['plain lines of text', 'good\n很好\r\n', ['good', '很好']],
    ['a number, which is text to a text model', '42', ['42']],
  ])('come from %s', (_what, source, rows) => {
    expect(rowsOf(source)).toEqual(rows);
  });

  it('are refused when the JSON is broken', () => {
    expect(() => rowsOf('{"a":')).toThrow(UsageError);
  });
});
