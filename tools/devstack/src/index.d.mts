import type { ChildProcess } from 'node:child_process';

export interface Exit {
  code: number | null;
  signal: string | null;
}

export function freePort(): Promise<number>;
export function accepts(port: number, host?: string): Promise<boolean>;

export interface PostgresOptions {
  /** Folder of the cluster; made when absent. Take it over when another PostgreSQL was left on it. */
  dataDir: string;
  /** A free one when absent. */
  port?: number;
  /** false: no fsync, for tests. */
  durable?: boolean;
  /** Without one the cluster trusts whoever reaches the loopback interface. */
  password?: string;
  log?: (line: string) => void;
}
export interface Postgres {
  url: string;
  port: number;
  pid: number;
  dataDir: string;
  exit: Promise<Exit>;
  stop(): Promise<void>;
  /** For tests of crashes: SIGKILL unless told otherwise. */
  kill(signal?: NodeJS.Signals): Promise<void>;
}
export function startPostgres(options: PostgresOptions): Promise<Postgres>;

export interface RedisOptions {
  port?: number;
  /** A temporary one, removed at the end, when absent. */
  dataDir?: string;
  /** true: append-only file, synced at every write; 'everysec': synced once a second, as docker-compose.yml runs it. */
  durable?: boolean | 'everysec';
}
export interface Redis {
  url: string;
  port: number;
  pid: number;
  exit: Promise<Exit>;
  stop(): Promise<void>;
  kill(signal?: NodeJS.Signals): Promise<void>;
}
export function redisAvailable(): boolean;
export function startRedis(options?: RedisOptions): Promise<Redis>;

export interface ServiceOptions {
  root: string;
  env?: Record<string, string>;
  out?: 'inherit' | 'ignore';
  /** Script to run instead of apps/NAME/dist/main.js. */
  entry?: string | undefined;
  /** Arguments of the script. */
  args?: readonly string[];
  /** Gets each line of the service's output, instead of `out`. */
  onLine?: (line: string) => void;
  execArgv?: string[];
}
export interface Service {
  name: string;
  pid: number;
  child: ChildProcess;
  exit: Promise<Exit>;
  /** Rejects when the service ends before it is ready. `wall`: milliseconds that it took. */
  ready: Promise<{ service: string; wall: number } & Record<string, unknown>>;
  stop(graceMs?: number): Promise<void>;
  kill(signal?: NodeJS.Signals): Promise<void>;
}
export function startService(name: string, options: ServiceOptions): Service;

export const SERVICES: readonly string[];
export interface Ports {
  gateway?: number;
  control?: number;
  catalog?: number;
  inference?: number;
  postgres?: number;
}
export interface Wiring {
  dataDir: string;
  databaseUrl: string;
  redisUrl?: string | undefined;
  ports: Ports;
  serviceToken: string;
  /** Address that the HTTP interface listens on. */
  host?: string;
}
export interface StackOptions {
  /** The checkout. */
  root: string;
  dataDir: string;
  durable?: boolean;
  /** Free ones where absent. */
  ports?: Ports;
  /** Settings for all services, over the ones that tie them together. */
  env?: Record<string, string>;
  /** Settings for one service, over `env`. */
  serviceEnv?: Record<string, Record<string, string>>;
  out?: 'inherit' | 'ignore';
  backend?: 'postgres' | 'redis';
  redisUrl?: string;
  /** Use this database instead of starting one. */
  databaseUrl?: string;
  serviceToken?: string;
  /** All five when absent. */
  services?: readonly string[];
  entry?: (service: string) => string | undefined;
  onLine?: (service: string, line: string) => void;
  log?: (line: string) => void;
}
export interface Stack {
  url: string;
  ports: Required<Omit<Ports, 'postgres'>> & Ports;
  dataDir: string;
  databaseUrl: string;
  serviceToken: string;
  pg: Postgres | undefined;
  services: Service[];
  infos: ({ service: string; wall: number } & Record<string, unknown>)[];
  service(name: string): Service;
  restart(name: string): Promise<Service>;
  stop(): Promise<void>;
}
export function startStack(options: StackOptions): Promise<Stack>;
