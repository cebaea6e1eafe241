import type { JobView, ModelView, RecipeManifest } from '@strata/contracts';
import type { Api, Page } from './api/client.js';

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

/** What the gateway knows that could stand here: recipes, jobs, models. Nothing when it does not answer at once. */
export async function remoteWords(api: Api, command: string | undefined, position: number): Promise<string[]> {
  if (!command || position !== 1) return [];
  try {
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
