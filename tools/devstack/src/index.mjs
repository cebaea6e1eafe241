// Real processes for `npm start`, tests and benchmarks: PostgreSQL from npm binaries, Redis, the services, the whole stack.
export { freePort, accepts } from './ports.mjs';
export { startPostgres } from './postgres.mjs';
export { startRedis, redisAvailable } from './redis.mjs';
export { startService } from './services.mjs';
export { SERVICES, startStack } from './stack.mjs';
