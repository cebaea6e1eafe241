import type { Entry } from '@strata/map';
import { LRUCache } from 'lru-cache';
import { layered } from './map/layered.js';
import type { MapNode } from './map/map.js';
import { slugsOf, type EntryChange } from './overlay/diff.js';
import type { Versions } from './overlay/versions.js';
import { byScore, createSearch, foundOf, MOST_HITS, type Search } from './search/search.js';
import type { Change, View, Views } from './views.js';

const TENANTS = 200;
/** Milliseconds for which a view is known to be the newest; another catalog may have changed it since. */
const TRUSTED_MS = 1_000;
/** Milliseconds between looks for changes while somebody watches. */
const LOOK_MS = 2_000;

interface Held {
  readonly number: number;
  readonly view: View;
  /** When it was last known to be the newest. */
  checked: number;
}

/** The public map with a tenant's own entries. */
export function withOwn(publicView: View, own: readonly Entry[], number: number): View {
  const map = layered(publicView.map, own);
  // nodes of the public map have gained edges: hits are shown as this map has them
  const here = (n: MapNode): MapNode => map.nodes.get(n.slug) ?? n;
  const searchOwn = createSearch(
    own.flatMap(({ slug }) => map.nodes.get(slug) ?? []).sort((a, b) => (a.slug < b.slug ? -1 : 1)),
    map.nodes.length,
  );
  const search: Search = (query, { test, most = MOST_HITS } = {}) => {
    const ofAll = publicView.search(query, { most, test: test && ((n) => test(here(n))) }).hits();
    const shown = ofAll.map((hit) => ({ ...hit, node: here(hit.node) }));
    const both = [...shown, ...searchOwn(query, { most, test }).hits()];
    return foundOf(both.sort(byScore).slice(0, most));
  };
  return {
    map,
    search,
    version: `${publicView.version}.${number}`,
  };
}

export interface TenantViews extends Views {
  /** A tenant's entries changed here: the next look makes the new view, and who watches is told. */
  changed(tenant: string, number: number, changes: readonly EntryChange[]): void;
  close(): void;
}

/** Views that follow the versions of the tenants' entries, also where another catalog makes them. */
export function createTenantViews(publicView: View, versions: Versions | undefined): TenantViews {
  const held = new LRUCache<string, Held>({ max: TENANTS });
  const loading = new Map<string, Promise<View>>();
  const listeners = new Map<string, Set<(change: Change) => void>>();

  const tell = (tenant: string, change: Change): void => {
    for (const listener of [...(listeners.get(tenant) ?? [])]) listener(change);
  };
  const load = async (tenant: string, from: Versions): Promise<View> => {
    const number = await from.newest(tenant);
    const before = held.get(tenant);
    if (before?.number === number) {
      before.checked = Date.now();
      return before.view;
    }
    const view = number === 0 ? publicView : withOwn(publicView, await from.entries(tenant, number), number);
    held.set(tenant, { number, view, checked: Date.now() });
    return view;
  };
  const of = (tenant: string): Promise<View> => {
    if (!tenant || !versions) return Promise.resolve(publicView);
    const known = held.get(tenant);
    if (known && Date.now() - known.checked < TRUSTED_MS) return Promise.resolve(known.view);
    let running = loading.get(tenant);
    if (!running) {
      running = load(tenant, versions).finally(() => loading.delete(tenant));
      loading.set(tenant, running);
    }
    return running;
  };

  // changes that another catalog makes are found by looking
  const seen = new Map<string, string>();
  const look = setInterval(() => {
    for (const tenant of listeners.keys())
      of(tenant).then(
        ({ version }) => {
          const last = seen.get(tenant);
          seen.set(tenant, version);
          if (last !== undefined && last !== version) tell(tenant, { version, added: [], changed: [], removed: [] });
        },
        () => undefined, // the database is away: looked for again next time
      );
  }, LOOK_MS);
  look.unref();

  return {
    of,
    watch(tenant, listener) {
      const set = listeners.get(tenant) ?? new Set();
      listeners.set(tenant, set.add(listener));
      return () => {
        set.delete(listener);
        if (set.size === 0 && listeners.get(tenant) === set) {
          listeners.delete(tenant);
          seen.delete(tenant);
        }
      };
    },
    changed(tenant, number, changes) {
      held.delete(tenant);
      const version = `${publicView.version}.${number}`;
      if (listeners.has(tenant)) seen.set(tenant, version);
      tell(tenant, {
        version,
        added: slugsOf(changes, 'added'),
        changed: slugsOf(changes, 'changed'),
        removed: slugsOf(changes, 'removed'),
      });
    },
    close: () => clearInterval(look),
  };
}
