import { defineRecipe } from '@strata/contracts';
import { z } from 'zod';

export default defineRecipe({
  name: 'diagnostics/ping',
  version: 1,
  queue: 'train',
  title: { en: 'Ping', zh: '连通性检查' },
  summary: {
    en: 'Does nothing but answer: shows that gateway, queue and a worker are joined, and how fast. With steps it counts and saves checkpoints.',
    zh: '只做应答：用于检查网关、队列与工作节点是否连通及其速度；设置步数后会逐步计数并保存检查点。',
  },
  catalog: ['platform-functions'],
  params: z.strictObject({
    echo: z.string().max(10_000).default('').describe('Text that the result repeats'),
    sleep_ms: z.number().min(0).max(3_600_000).default(0).describe('Milliseconds to wait, in all or before each step'),
    steps: z
      .number()
      .int()
      .min(0)
      .max(1_000_000)
      .default(0)
      .describe('Steps to count; each adds a random number to a sum, after each it can be paused'),
    fail_at: z
      .number()
      .int()
      .min(0)
      .default(0)
      .describe('Step at which the first attempt fails in a way that is worth another try; 0 for never'),
  }),
  inputs: {},
  outputs: {
    report: {
      kind: 'report',
      optional: true,
      description: { en: 'What was counted; only with steps', zh: '计数结果；仅在设置步数时生成' },
    },
  },
  resumable: true,
  light: true,
  smoke: { params: { steps: 12, echo: 'smoke' }, inputs: {} },
  run: () => import('./ping.run.js'),
});
