// docs/configuration.md from the schemas that the programs parse their settings with. Pure: `npm run docs` writes it, a test compares.
const cell = (text) => String(text).replaceAll('|', '\\|').replaceAll('\n', ' ');

function defaultOf(type) {
  for (let t = type; t?.def; t = t.def.innerType) if (t.def.type === 'default') return t.def.defaultValue;
  return undefined;
}

/** One row for each setting of a zod object. */
export function settingsOf(schema) {
  return Object.entries(schema.shape).map(([name, type]) => {
    const value = defaultOf(type);
    return {
      name,
      required: value === undefined && !type.safeParse(undefined).success,
      value: value === undefined ? '' : value,
      about: type.description ?? '',
    };
  });
}

const shown = ({ required, value }) => (required ? '**required**' : value === '' ? '*empty*' : `\`${String(value)}\``);

/** @param {Record<string, import('zod').ZodObject>} schemas by service @param {Record<string, { setting: string, port: number }>} ports of the launcher */
export function renderConfiguration(schemas, cli, ports) {
  const rows = new Map();
  for (const [service, schema] of Object.entries(schemas))
    for (const s of settingsOf(schema)) {
      const key = [s.name, shown(s), s.about].join('|');
      rows.set(key, { ...s, services: [...(rows.get(key)?.services ?? []), service] });
    }
  const all = Object.keys(schemas).length;
  const line = (r) =>
    `| \`${r.name}\` | ${shown(r)} | ${cell(r.about)} | ${r.services.length === all ? 'all' : r.services.join(', ')} |`;
  const sorted = [...rows.values()].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  const launcher = [
    ['STRATA_DATA_DIR', '.data', 'data folder: database, files, keys. Everything is in it'],
    ['STRATA_HOST', '127.0.0.1', 'address that the HTTP interface listens on; 0.0.0.0 for all'],
    ...Object.entries(ports).map(([name, { setting, port }]) => [setting, port, PORT_OF[name]]),
    ['STRATA_LANG', '', 'language of the launcher’s messages, en or zh; empty: by LC_ALL, LC_MESSAGES, LANG'],
    ['DATABASE_URL', '', 'a PostgreSQL to use instead of starting one'],
    ['REDIS_URL', '', 'a Redis for the job queue; empty: the queue lives in PostgreSQL'],
    [
      'SERVICE_TOKEN',
      '',
      'secret between the services; empty: one is made at the first start and kept in the data folder',
    ],
  ].map(([name, value, about]) => `| \`${name}\` | ${value === '' ? '*empty*' : `\`${value}\``} | ${about} |`);
  const commandLine = settingsOf(cli).map((s) => `| \`${s.name}\` | ${shown(s)} | ${cell(s.about)} |`);
  return `<!-- Made by \`npm run docs\` from the programs' own schemas; a test fails when the two differ. -->

# Configuration

Every setting is an environment variable. A program reads its own once, at its start, and refuses to start when one is wrong: it then
lists all that are, with what they mean. An empty variable counts as absent.

## \`npm start\`

The launcher sets what ties the services of one machine together (addresses, folders, tokens, ports). These are yours to set; besides,
every setting of the services below is passed on, for example \`LOG_LEVEL=debug THREADS=4 npm start\`.

| setting | default | meaning |
| --- | --- | --- |
${launcher.join('\n')}

## Services

Each service parses a closed schema: \`apps/*/src/config.ts\`. The last column says which services have the setting.

| setting | default | meaning | services |
| --- | --- | --- | --- |
${sorted.map(line).join('\n')}

## Command line

| setting | default | meaning |
| --- | --- | --- |
${commandLine.join('\n')}
`;
}

const PORT_OF = {
  gateway: 'port of the HTTP interface',
  control: 'port of the gateway’s control service, which workers connect to',
  catalog: 'port of the catalog',
  inference: 'port of online prediction',
  postgres: 'port of the PostgreSQL that the launcher starts',
};

export const SERVICES_WITH_SETTINGS = ['gateway', 'catalog', 'trainer', 'inference', 'compression'];
