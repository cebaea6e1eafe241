import { z } from 'zod';

export const Device = z
  .object({
    kind: z.enum(['cpu', 'webgpu', 'cuda']),
    name: z.string(),
    threads: z.number().int().optional(),
    memory_bytes: z.number().int().optional(),
    features: z
      .array(z.string())
      .default([])
      .describe('processor features that results may depend on, for example avx512f'),
  })
  .meta({ id: 'Device' });
export type Device = z.infer<typeof Device>;

export const WorkerView = z
  .object({
    object: z.literal('worker'),
    id: z.string(),
    queue: z.string(),
    host: z.string(),
    pid: z.number().int(),
    version: z.string(),
    state: z.enum(['online', 'offline']),
    concurrency: z.number().int(),
    devices: z.array(Device),
    recipes: z.array(z.string()),
    running: z.array(z.string()).describe('jobs that run there now'),
    cpu_fraction: z.number().nullable(),
    memory_bytes: z.number().nullable(),
    inference_address: z.string().nullable(),
    connected_at: z.iso.datetime(),
    last_seen_at: z.iso.datetime(),
  })
  .meta({ id: 'Worker' });
export type WorkerView = z.infer<typeof WorkerView>;
