// docs/configuration.md from the schemas that the programs parse their settings with. Pure: `npm run docs` writes it, a test compares.
import { z } from 'zod';

const cell = (text) => String(text).replaceAll('|', '\\|').replaceAll('\n', ' ');

function defaultOf(type) {
  for (let t = type; t?.def; t = t.def.innerType) if (t.def.type === 'default') return t.def.defaultValue;
  return undefined;
}

/** What may stand in the variable, in words. */
function typeOf(type) {
  const { type: kind, enum: values, minimum, maximum, minLength } = z.toJSONSchema(type, { io: 'output' });
  if (values) return values.map((v) => `\`${v}\``).join(', ');
  if (kind === 'boolean') return '`true` or `false`';
  if (kind === 'string') return minLength ? `text, ${minLength} characters at least` : 'text';
  const number = kind === 'integer' ? 'whole number' : 'number';
  const bounded = maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER;
  if (bounded) return `${number}, ${minimum} to ${maximum}`;
  return minimum === undefined ? number : `${number}, ${minimum} at least`;
}

/** One row for each setting of a zod object. */
export function settingsOf(schema) {
  return Object.entries(schema.shape).map(([name, type]) => {
    const value = defaultOf(type);
    return {
      name,
      required: value === undefined && !type.safeParse(undefined).success,
      value: value === undefined ? '' : value,
      type: typeOf(type),
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
      const key = [s.name, shown(s), s.type, s.about].join('|');
      rows.set(key, { ...s, services: [...(rows.get(key)?.services ?? []), service] });
    }
  const all = Object.keys(schemas).length;
  const line = (r) =>
    `| \`${r.name}\` | ${shown(r)} | ${cell(r.type)} | ${cell(r.about)} | ${r.services.length === all ? 'all' : r.services.join(', ')} |`;
  const sorted = [...rows.values()].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  const launcher = [
    ['STRATA_DATA_DIR', '.data', 'text', 'data folder: database, files, keys. Everything is in it'],
    ['STRATA_HOST', '127.0.0.1', 'text', 'address that the HTTP interface listens on; 0.0.0.0 for all'],
    ...Object.entries(ports).map(([name, { setting, port }]) => [
      setting,
      port,
      'whole number, 1 to 65535',
      PORT_OF[name],
    ]),
    ['STRATA_LANG', '', '`en`, `zh`', 'language of the launcher’s messages; empty: by LC_ALL, LC_MESSAGES, LANG'],
    ['DATABASE_URL', '', 'text', 'a PostgreSQL to use instead of starting one'],
    ['REDIS_URL', '', 'text', 'a Redis for the job queue; empty: the queue lives in PostgreSQL'],
    [
      'SERVICE_TOKEN',
      '',
      'text, 16 characters at least',
      'secret between the services; empty: one is made at the first start and kept in the data folder',
    ],
  ].map(
    ([name, value, type, about]) =>
      `| \`${name}\` | ${value === '' ? '*empty*' : `\`${value}\``} | ${type} | ${about} |`,
  );
  const commandLine = settingsOf(cli).map(
    (s) => `| \`${s.name}\` | ${shown(s)} | ${cell(s.type)} | ${cell(s.about)} |`,
  );
  return `<!-- Made by \`npm run docs\` from the programs' own schemas; a test fails when the two differ. -->

# Configuration

Every setting is an environment variable. A program reads its own once, at its start, and refuses to start when one is wrong: it then
lists all that are, with what they mean. An empty variable counts as absent; a name that is plainly a misspelt setting is refused.

At least these must be given to services that you start yourself: \`SERVICE_TOKEN\` to all; \`DATABASE_URL\` to the gateway, and to workers unless
\`REDIS_URL\` names the queue; \`ARTIFACTS_DIR\` or \`S3_BUCKET\` to all but the catalog. A worker needs a \`DATA_DIR\` of its own.

## \`npm start\`

The launcher sets what ties the services of one machine together (addresses, folders, tokens, ports). These are yours to set; besides,
every setting of the services below is passed on, for example \`LOG_LEVEL=debug THREADS=4 npm start\`.

| setting | default | type | meaning |
| --- | --- | --- | --- |
${launcher.join('\n')}

## Services

Each service parses its schema, \`apps/*/src/config.ts\`. The last column says which services have the setting. A truth value may also be
written \`yes\`/\`no\`, \`on\`/\`off\` or \`1\`/\`0\`.

| setting | default | type | meaning | services |
| --- | --- | --- | --- | --- |
${sorted.map(line).join('\n')}

## Command line

| setting | default | type | meaning |
| --- | --- | --- | --- |
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
