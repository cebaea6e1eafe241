import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { curve, CURVES } from './testing/curves.js';

const STEPS = 10;
/** Debian's chromium brings SwiftShader, a Vulkan driver that computes on the CPU. */
const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json';
const root = fileURLToPath(new URL('../../../', import.meta.url));

type Curves = Record<string, { losses: number[]; weights: number }>;

async function onWebGpu(): Promise<{ readonly curves: Curves } | { readonly problem: string }> {
  const driver =
    process.env['VK_DRIVER_FILES'] === undefined && existsSync(SWIFTSHADER) ? { VK_DRIVER_FILES: SWIFTSHADER } : {};
  try {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [
        ...['--no-warnings', '--conditions', '@strata/source', '--import', `${root}tools/ts-register.mjs`],
        fileURLToPath(new URL('./testing/curves.program.ts', import.meta.url)),
        ...['webgpu', String(STEPS)],
      ],
      { env: { XDG_RUNTIME_DIR: tmpdir(), ...process.env, ...driver }, timeout: 240_000, killSignal: 'SIGKILL' },
    );
    return { curves: JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Curves };
  } catch (e) {
    return { problem: String(e) };
  }
}

const found = await onWebGpu();
// the message of a failed command holds what it wrote
const absent = 'problem' in found && /no_device|WebGPU adapter|libvulkan/.test(found.problem);
if (absent)
  console.log('skipped: training on WebGPU, because no Vulkan driver is here (apt-get install chromium libvulkan1)');

(absent ? describe.skip : describe)('training on WebGPU', () => {
  it.each(Object.entries(CURVES))(
    'the losses of %s are those of the CPU',
    async (name, model) => {
      if ('problem' in found) throw new Error(found.problem);
      const cpu = await curve(model, 'cpu', STEPS);
      const gpu = found.curves[name];
      // it learns: the curves are no constants
      expect(cpu.losses.at(-1)).toBeLessThan((cpu.losses[0] ?? 0) - 0.05);
      cpu.losses.forEach((loss, i) => expect(Math.abs((gpu?.losses[i] ?? NaN) - loss) / loss).toBeLessThan(1e-3));
      expect(Math.abs((gpu?.weights ?? NaN) / cpu.weights - 1)).toBeLessThan(1e-3);
    },
    60_000,
  );
});
