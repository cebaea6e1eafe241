import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { describeFile, loadColumns, suggestTask, textsOf } from '@strata/data';

const path = fileURLToPath(new URL('participants.csv', import.meta.url));

describe('the demo data', () => {
  it('is what its README says: 570 sentences, five classes, half in each language, none twice', async () => {
    const format = await describeFile(path);
    expect(format.columns.map((c) => [c.name, c.type, c.missing, c.distinct])).toEqual([
      ['text', 'text', 0, 570],
      ['label', 'category', 0, 5],
    ]);
    const table = await loadColumns(path, format);
    const texts = textsOf(table, 'text');
    const counts = new Map<string, number>();
    for (const [i, label] of textsOf(table, 'label').entries()) {
      const key = `${label} ${/\p{Script=Han}/u.test(texts[i] ?? '') ? 'zh' : 'en'}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    const classes = [
      'development-platform',
      'foundation-model',
      'framework-vendor',
      'open-source-community',
      'research-institute',
    ];
    expect([...counts].sort()).toEqual(
      classes.flatMap((c) => [
        [`${c} en`, 57],
        [`${c} zh`, 57],
      ]),
    );
    expect(suggestTask(format, 'label')).toMatchObject({ recipe: 'language/text-classifier', text_column: 'text' });
  });
});
