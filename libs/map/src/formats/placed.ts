import { unsafeMarkdown } from '../markdown.js';
import type { Parsed } from '../read.js';
import { Entry } from '../schema.js';
import { columnAt } from './flat.js';

/** One entry of a format that knows the line of an entry, but not of its fields: messages name the column. */
export function placed(value: Record<string, unknown>, file: string, line: number): Parsed {
  const parsed = Entry.safeParse(value);
  const named = typeof value['slug'] === 'string' ? { slug: value['slug'] } : {};
  if (!parsed.success)
    return {
      entries: [],
      problems: parsed.error.issues.map((issue) => ({
        file,
        line,
        ...named,
        message: `${columnAt(issue.path)}: ${issue.message}`,
      })),
    };
  const problems = (['en', 'zh'] as const).flatMap((language) => {
    const unsafe = unsafeMarkdown(parsed.data.body?.[language] ?? '');
    return unsafe ? [{ file, line, ...named, message: `body_${language}: ${unsafe.message}` }] : [];
  });
  return { entries: [{ entry: parsed.data, file, line }], problems };
}
