import type { catalog } from '@strata/contracts/grpc';
import { StrataError } from '@strata/kernel';
import { checkOwn, type Entry, type Parsed, problemError, readEntries, writerOf } from '@strata/map';
import { type Implementation, toGrpcStatus } from '@strata/service-kit';
import { diffEntries, slugsOf } from '../overlay/diff.js';
import { readImport, type ThreadProgram } from '../overlay/read-import.js';
import { createSuggestions, type Suggestion } from '../overlay/suggestions.js';
import type { Change, Changed, Version, Versions } from '../overlay/versions.js';
import type { TenantViews } from '../tenant-views.js';

const USUAL_LIMIT = 50;
const HIGHEST_LIMIT = 200;
/** Bytes of a piece of an export. */
const PIECE = 256 * 1024;

const limitOf = (limit: number): number => (limit > 0 ? Math.min(limit, HIGHEST_LIMIT) : USUAL_LIMIT);

const wireVersion = (v: Version): catalog.Version => ({ ...v, createdAt: v.createdAt.toISOString() });
const wireSuggestion = (s: Suggestion): catalog.Suggestion => ({
  id: s.id,
  state: s.state,
  slug: s.slug,
  entryJson: s.entry ? JSON.stringify(s.entry) : '',
  comment: s.comment,
  actor: s.actor,
  createdAt: s.created_at.toISOString(),
  decidedBy: s.decided_by ?? '',
  decidedAt: s.decided_at?.toISOString() ?? '',
  reason: s.reason,
  version: s.version ?? 0,
});
const json = (value: unknown): string => (value === undefined ? '' : JSON.stringify(value));

export interface OverlayDeps {
  readonly views: TenantViews;
  readonly versions: Versions;
  /** The entries of the public map, made when they are needed. */
  readonly publicEntries: () => readonly Entry[];
  readonly recipeSlugs: readonly string[];
  /** Program of the thread that reads imports, where it is not the built one. */
  readonly thread?: ThreadProgram | undefined;
}

type Own = Pick<
  Implementation<typeof catalog.CatalogServiceService>,
  | 'export'
  | 'importOverlay'
  | 'listVersions'
  | 'diffVersions'
  | 'revertOverlay'
  | 'suggest'
  | 'listSuggestions'
  | 'decideSuggestion'
>;

function needTenant(tenant: string): void {
  if (!tenant) throw new StrataError('invalid_request', 'no tenant is named', { where: { field: 'tenant' } });
}

/** Entries of the tenants' own: import, history, suggestions; and the map in other formats. */
export function overlayMethods({ views, versions, publicEntries, recipeSlugs, thread }: OverlayDeps): Own {
  const known = new Set(recipeSlugs);
  const check = (_: string, entries: readonly Entry[], file = 'the entry'): void => {
    const parsed: Parsed = { entries: entries.map((entry) => ({ entry, file, line: 0 })), problems: [] };
    const problems = checkOwn(publicEntries(), known, parsed, []);
    if (problems.length) throw problemError(problems, 'nothing was changed');
  };
  const suggestions = createSuggestions(versions, check);

  const change = async (tenant: string, what: Change): Promise<Changed> => {
    const done = await versions.change(tenant, what);
    if (done.changes.length) views.changed(tenant, done.version.number, done.changes);
    return done;
  };
  const entriesOf = async (tenant: string): Promise<Entry[]> =>
    tenant ? versions.entries(tenant, await versions.newest(tenant)) : [];

  return {
    export(call) {
      const { format, tenant, privateOnly } = call.request;
      const send = async (): Promise<void> => {
        const { contentType, ending, write } = writerOf(format);
        const own = privateOnly || tenant ? await entriesOf(tenant) : [];
        const entries = privateOnly ? own : [...publicEntries(), ...own];
        const data = Buffer.from(write(entries, (await views.of(tenant)).version), 'utf8');
        const filename = `strata-map${privateOnly ? '-own' : ''}.${ending}`;
        for (let at = 0; at === 0 || at < data.length; at += PIECE) {
          const head = at === 0 ? { contentType, filename } : { contentType: '', filename: '' };
          if (call.cancelled) return;
          if (!call.write({ data: data.subarray(at, at + PIECE), ...head }))
            await new Promise((resolve) => call.once('drain', resolve).once('cancelled', resolve));
        }
        call.end();
      };
      send().catch((e: unknown) => call.emit('error', toGrpcStatus(e)));
    },

    async importOverlay({ tenant, actor, format, filename, content, merge, dryRun, note }) {
      needTenant(tenant);
      const read = (kept: readonly Entry[]): Promise<readonly Entry[]> =>
        readImport(
          {
            content,
            filename: filename || 'import',
            format,
            publicEntries: publicEntries(),
            recipes: recipeSlugs,
            kept,
            merge,
          },
          thread,
        );
      if (dryRun) {
        const before = await entriesOf(tenant);
        const changes = diffEntries(before, await read(before));
        return {
          version: undefined,
          added: slugsOf(changes, 'added'),
          changed: slugsOf(changes, 'changed'),
          removed: slugsOf(changes, 'removed'),
        };
      }
      const { version, changes } = await change(tenant, { actor, note: note || `import of ${filename}`, next: read });
      return {
        version: wireVersion(version),
        added: slugsOf(changes, 'added'),
        changed: slugsOf(changes, 'changed'),
        removed: slugsOf(changes, 'removed'),
      };
    },

    async listVersions({ tenant, before, limit }) {
      const most = limitOf(limit);
      const found = await versions.list(tenant, before, most + 1);
      return { versions: found.slice(0, most).map(wireVersion), hasMore: found.length > most };
    },

    async diffVersions({ tenant, from, to }) {
      const [before, after] = await Promise.all([versions.entries(tenant, from), versions.entries(tenant, to)]);
      return {
        changes: diffEntries(before, after).map(({ slug, change: kind, fields }) => ({
          slug,
          change: kind,
          fields: fields.map((f) => ({ field: f.field, before: json(f.before), after: json(f.after) })),
        })),
      };
    },

    async revertOverlay({ tenant, actor, number }) {
      needTenant(tenant);
      const { version } = await change(tenant, {
        actor,
        note: `back to version ${number}`,
        async next() {
          const entries = await versions.entries(tenant, number);
          // the public map may have changed since
          check(tenant, entries, `version ${number}`);
          return entries;
        },
      });
      return wireVersion(version);
    },

    async suggest({ tenant, actor, entryJson, slug, comment }) {
      needTenant(tenant);
      let entry: Entry | null = null;
      if (entryJson) {
        const parsed = readEntries(Buffer.from(`[${entryJson}]`), 'entry.json', 'json');
        if (parsed.problems.length) throw problemError(parsed.problems, 'the suggestion was not kept');
        entry = parsed.entries[0]?.entry ?? null;
      }
      return wireSuggestion(await suggestions.add({ tenant, actor, slug: entry?.slug ?? slug, entry, comment }));
    },

    async listSuggestions({ tenant, state, after, limit }) {
      needTenant(tenant);
      const most = limitOf(limit);
      const found = await suggestions.list(tenant, state, after, most + 1);
      const page = found.slice(0, most);
      const hasMore = found.length > most;
      return { suggestions: page.map(wireSuggestion), hasMore, next: hasMore ? (page.at(-1)?.id ?? '') : '' };
    },

    async decideSuggestion({ tenant, actor, id, approve, reason }) {
      needTenant(tenant);
      const { suggestion, changed } = await suggestions.decide({ tenant, actor, id, approve, reason });
      if (changed?.changes.length) views.changed(tenant, changed.version.number, changed.changes);
      return wireSuggestion(suggestion);
    },
  };
}
