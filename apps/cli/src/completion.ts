import type { JobView, ModelView, RecipeManifest } from '@strata/contracts';
import type { Argv } from 'yargs';
import type { Api, Page } from './api/client.js';
import type { InsightInfo, MapNode, Suggestion, Version } from './catalog/answers.js';

const BASH = `###-begin-strata-completions-###
_strata_completions() {
  local cur words
  cur="\${COMP_WORDS[COMP_CWORD]}"
  mapfile -t COMPREPLY < <(compgen -W "$(strata --get-yargs-completions "\${COMP_WORDS[@]:1}" 2>/dev/null)" -- "$cur")
  [ \${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- "$cur"))
}
complete -o filenames -F _strata_completions strata
###-end-strata-completions-###
`;

const ZSH = `#compdef strata
###-begin-strata-completions-###
_strata_completions() {
  local -a reply
  local si=$IFS
  IFS=$'\\n' reply=($(COMP_CWORD="$((CURRENT-1))" COMP_LINE="$BUFFER" COMP_POINT="$CURSOR" strata --get-yargs-completions "\${words[@]:1}" 2>/dev/null | sed 's/:.*//'))
  IFS=$si
  if [[ \${#reply} -gt 0 ]]; then compadd -a reply; else _files; fi
}
compdef _strata_completions strata
###-end-strata-completions-###
`;

export const completionScript = (shell: 'bash' | 'zsh'): string => (shell === 'zsh' ? ZSH : BASH);

const OF_JOB = new Set(['job', 'watch', 'logs', 'cancel', 'pause', 'resume', 'retry']);
const OF_MODEL = new Set(['models', 'deploy', 'undeploy', 'predict']);

/** How many entries the first argument of these commands of the catalog names. */
const ENTRIES: Readonly<Record<string, number>> = { show: 1, around: 1, path: 2 };

/** A text that comes right before all that begin with this one: `k~` before `l…`, since no slug has a `~`. */
const justBefore = (prefix: string): string =>
  prefix && `${prefix.slice(0, -1)}${String.fromCharCode(prefix.charCodeAt(prefix.length - 1) - 1)}~`;

/** What the catalog knows that could stand behind one of its commands. */
async function catalogWords(api: Api, action: string, nth: number, current: string): Promise<string[]> {
  if (nth < (ENTRIES[action] ?? 0)) {
    // they come in the order of their slugs
    const { data } = await api.get<Page<MapNode>>('/api/catalog/nodes', { after: justBefore(current), limit: 100 });
    return data.map((n) => n.slug).filter((slug) => slug.startsWith(current));
  }
  if (action === 'insight' && nth === 0)
    return (await api.get<Page<InsightInfo>>('/api/catalog/insights')).data.map((i) => i.name);
  if (action === 'decide' && nth === 0)
    return (await api.get<Page<Suggestion>>('/api/catalog/suggestions', { state: 'pending' })).data.map((s) => s.id);
  if ((action === 'revert' && nth === 0) || (action === 'diff' && nth < 2))
    return (await api.get<Page<Version>>('/api/catalog/versions')).data.map((v) => String(v.number));
  return [];
}

/**
 * What the gateway knows that could stand here: recipes, jobs, models, entries of the map. Nothing when it does not answer at once.
 * @param typed words before the one that is being typed
 */
export async function remoteWords(api: Api, typed: readonly string[], current = ''): Promise<string[]> {
  const [command, action] = typed;
  if (!command) return [];
  try {
    if (command === 'catalog' && action) return await catalogWords(api, action, typed.length - 2, current);
    if (typed.length !== 1) return [];
    if (command === 'submit' || command === 'recipes')
      return (await api.get<Page<RecipeManifest>>('/api/recipes')).data.map((r) => r.name);
    if (OF_JOB.has(command)) return (await api.get<Page<JobView>>('/api/jobs', { limit: 20 })).data.map((j) => j.id);
    if (OF_MODEL.has(command))
      return (await api.get<Page<ModelView>>('/api/models', { limit: 50 })).data.map((m) => m.name);
  } catch {
    return []; // a pressed Tab key must not print errors
  }
  return [];
}

const idle = (module: unknown): unknown =>
  typeof module === 'object' && module !== null && 'handler' in module ? { ...module, handler: () => {} } : module;

/**
 * Makes the commands that are added from now on do nothing. To complete a line, yargs runs those that it names to learn their options:
 * a pressed Tab key must not upload, import or decide anything.
 */
export function withoutDeeds(y: Argv): Argv {
  const add = y.command.bind(y) as (...args: unknown[]) => Argv;
  const HANDLER = 3;
  const command = (...args: unknown[]): Argv =>
    add(...args.map((a, i) => (i === HANDLER ? () => {} : Array.isArray(a) ? a.map(idle) : idle(a))));
  return Object.assign(y, { command });
}
