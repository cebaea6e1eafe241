import type { Page } from '../api/client.js';
import type { App } from '../app.js';
import { type Args, type Command, number, required, seg, text, when } from '../commands/common.js';
import { CheckFailed, UsageError } from '../errors.js';
import type { Io } from '../io.js';
import { labelled } from '../view/labelled.js';
import { fitted } from '../view/table.js';
import { shown } from '../view/wrap.js';
import type { DiffAnswer, Suggestion, Version } from './answers.js';
import { FORMATS } from './check.js';
import { widthOf } from './words.js';

const ROUTE = '/api/catalog';
const AT_ONCE = 200;
const SCOPES = ['private', 'public'] as const;

/** Versions, newest first: pages are asked for by the number that ends the one before. */
async function newest({ api }: App, scope: string, most: number): Promise<Page<Version>> {
  const data: Version[] = [];
  for (let before: string | undefined; ;) {
    const limit = Math.min(AT_ONCE, most - data.length);
    const page = await api.get<Page<Version>>(`${ROUTE}/versions`, { scope, before, limit });
    data.push(...page.data);
    if (!page.has_more || !page.next || data.length >= most) return { ...page, data };
    before = page.next;
  }
}

export function versionsText(io: Io, versions: readonly Version[]): string {
  const { t } = io;
  const rows = versions.map((v) => [
    String(v.number),
    when(v.created_at),
    String(v.entries),
    `+${v.added} ~${v.changed} -${v.removed}`,
    v.actor ?? v.hash?.slice(0, 12) ?? '',
    shown(v.note),
  ]);
  return fitted(
    [t('h_version'), t('h_created'), t('h_entries'), t('h_changes'), t('h_by'), t('h_note')],
    rows,
    io.columns,
    5,
  );
}

const versions: Command = (app) => ({
  command: 'versions',
  describe: app.io.t('cmd_catalog_versions'),
  builder: (y) =>
    y
      .option('scope', { choices: SCOPES, default: 'private', describe: app.io.t('opt_scope') })
      .option('limit', { type: 'number', default: 20, describe: app.io.t('opt_limit') }) as never,
  handler: async (args: Args) => {
    const { io } = app;
    const page = await newest(app, required(args.scope), number(args.limit) ?? 20);
    io.document(page);
    if (page.data.length === 0) return io.out(io.t('nothing'));
    io.out(versionsText(io, page.data));
    if (page.has_more) io.say('more');
  },
});

/** What changed, field by field: the old value behind `-`, the new one behind `+`. */
export function diffText(io: Io, { changes }: DiffAnswer): string {
  const MARKS = { added: ['+', 'green'], changed: ['~', 'yellow'], removed: ['-', 'red'] } as const;
  const value = (v: unknown): string => (typeof v === 'string' ? shown(v) : JSON.stringify(v));
  return changes
    .map(({ slug, change, fields }) => {
      const [mark, style] = MARKS[change];
      const rows = fields.flatMap(({ field, before, after }) => [
        ...(before === null ? [] : [[field, `- ${value(before)}`] as const]),
        ...(after === null ? [] : [[before === null ? field : '', `+ ${value(after)}`] as const]),
      ]);
      const told = labelled(rows, widthOf(io), '    ');
      return `${io.paint(style, `${mark} ${slug}`)}${told ? `\n${told}` : ''}`;
    })
    .join('\n');
}

const diff: Command = (app) => ({
  command: 'diff <from> <to>',
  describe: app.io.t('cmd_catalog_diff'),
  builder: (y) =>
    y
      .positional('from', { type: 'string', describe: app.io.t('arg_version_from') })
      .positional('to', { type: 'string', describe: app.io.t('arg_version') })
      .option('scope', { choices: SCOPES, default: 'private', describe: app.io.t('opt_scope') }) as never,
  handler: async (args: Args) => {
    const { io, api } = app;
    const query = { from: required(args.from), to: required(args.to), scope: required(args.scope) };
    const answer = await api.get<DiffAnswer>(`${ROUTE}/versions/diff`, query);
    io.document(answer);
    io.out(answer.changes.length ? diffText(io, answer) : io.t('c_same'));
  },
});

const revert: Command = (app) => ({
  command: 'revert <version>',
  describe: app.io.t('cmd_catalog_revert'),
  builder: (y) => y.positional('version', { type: 'string', describe: app.io.t('arg_version') }) as never,
  handler: async (args: Args) => {
    const { io, api } = app;
    const at = required(args.version);
    const made = await api.post<Version>(`${ROUTE}/versions/${seg(at)}/revert`);
    io.document(made);
    io.out(io.t('c_reverted', { version: made.number, at }));
  },
});

const suggest: Command = (app) => ({
  command: 'suggest [file]',
  describe: app.io.t('cmd_catalog_suggest'),
  builder: (y) =>
    y
      .positional('file', { type: 'string', describe: app.io.t('arg_entries') })
      .option('format', { choices: FORMATS, describe: app.io.t('opt_import_format') })
      .option('remove', { type: 'string', describe: app.io.t('opt_remove') })
      .option('comment', { type: 'string', describe: app.io.t('opt_comment') }) as never,
  handler: async (args: Args) => {
    const { io, api } = app;
    const [file, remove] = [text(args.file), text(args.remove)];
    if ((file === undefined) === (remove === undefined)) throw new UsageError('u_entry_or_remove');
    const bodies: Record<string, unknown>[] = [];
    if (remove) bodies.push({ remove });
    else {
      // what cannot be an entry is told here, with its line; whether it fits into the map is the catalog's to say
      const { readPaths, tellProblems } = await import('./checking.js');
      const { entries, problems } = await readPaths([file ?? ''], text(args.format));
      if (problems.length) {
        io.document({ object: 'catalog_check', files: 1, entries: entries.length, problems });
        tellProblems(io, problems);
        throw new CheckFailed();
      }
      bodies.push(...entries.map(({ entry }) => ({ entry })));
    }
    const comment = text(args.comment) ?? '';
    const made: Suggestion[] = [];
    for (const body of bodies) {
      const one = await api.post<Suggestion>(`${ROUTE}/suggestions`, { ...body, comment });
      made.push(one);
      io.out(io.t('c_suggested', { slug: one.slug, id: one.id }));
    }
    io.document(made.length === 1 ? made[0] : { object: 'list', data: made, has_more: false, next: null });
  },
});

export function suggestionsText(io: Io, suggestions: readonly Suggestion[]): string {
  const { t } = io;
  const rows = suggestions.map((s) => [
    s.id,
    t(`s_${s.state}`),
    s.slug,
    t(s.entry ? 'c_entry_change' : 'c_removal'),
    when(s.created_at),
    shown([s.comment, s.reason && `→ ${s.reason}`].filter(Boolean).join(' ')),
  ]);
  return fitted(
    [t('h_id'), t('h_state'), t('h_entry'), t('h_kind'), t('h_created'), t('h_comment')],
    rows,
    io.columns,
    5,
  );
}

const suggestions: Command = (app) => ({
  command: 'suggestions',
  describe: app.io.t('cmd_catalog_suggestions'),
  builder: (y) =>
    y
      .option('state', { choices: ['pending', 'approved', 'rejected'], describe: app.io.t('opt_suggestion_state') })
      .option('limit', { type: 'number', default: 20, describe: app.io.t('opt_limit') }) as never,
  handler: async (args: Args) => {
    const { io, api } = app;
    const most = number(args.limit) ?? 20;
    const page = await api.list<Suggestion>(`${ROUTE}/suggestions`, { state: text(args.state) }, most);
    io.document(page);
    if (page.data.length === 0) return io.out(io.t('nothing'));
    io.out(suggestionsText(io, page.data));
    if (page.has_more) io.say('more');
  },
});

const decide: Command = (app) => ({
  command: 'decide <id> <decision>',
  describe: app.io.t('cmd_catalog_decide'),
  builder: (y) =>
    y
      .positional('id', { type: 'string', describe: app.io.t('arg_suggestion') })
      .positional('decision', { choices: ['approve', 'reject'], describe: app.io.t('arg_decision') })
      .option('reason', { type: 'string', describe: app.io.t('opt_reason') }) as never,
  handler: async (args: Args) => {
    const { io, api } = app;
    const body = { approve: required(args.decision) === 'approve', reason: text(args.reason) ?? '' };
    const done = await api.post<Suggestion>(`${ROUTE}/suggestions/${seg(required(args.id))}/decide`, body);
    io.document(done);
    io.out(io.t('c_decided', { id: done.id, state: io.t(`s_${done.state}`) }));
    if (done.version !== null) io.out(io.t('c_makes_version', { version: done.version }));
  },
});

export const historyCommands = [versions, diff, revert, suggest, suggestions, decide];
