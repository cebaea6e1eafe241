import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import type { Device } from '@strata/contracts';
import { StrataError } from '@strata/kernel';

// Extensions for which the runtime has kernels of their own: results may differ in the last bits between processors that
// differ in one of these.
const FEATURES =
  /^(avx|avx2|fma|f16c|avx512\w*|avx_vnni|avx_vnni_int8|avx_ne_convert|amx_\w+|asimd|asimddp|fphp|asimdhp|bf16|i8mm|sve|sve2|sme)$/;

/** Processor features that results may depend on, sorted; empty where the system does not tell (/proc/cpuinfo, Linux). */
export function cpuFeatures(): string[] {
  if (!existsSync('/proc/cpuinfo')) return [];
  const flags = /^(?:flags|Features)\s*:\s*(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? '';
  return flags
    .split(/\s+/)
    .filter((f) => FEATURES.test(f))
    .sort();
}

const requireFrom = createRequire(import.meta.url);

/** Folder of the native library of onnxruntime-node for this platform. */
const binaries = (): string =>
  join(dirname(requireFrom.resolve('onnxruntime-node/package.json')), 'bin', 'napi-v6', process.platform, process.arch);

/** y = x + x over float32 [2], ONNX IR 10, opset 21: the smallest model that must really run on the device. */
const PROBE_MODEL = 'CAo6OQoOCgF4CgF4EgF5IgNBZGQSBXByb2JlWg8KAXgSCgoICAESBAoCCAJiDwoBeRIKCggIARIECgIIAkICEBU=';

const PROBE = `
process.env.ORT_DISABLE_TELEMETRY = '1';
const ort = require(process.argv[1]);
const model = Buffer.from(process.argv[3], 'base64');
ort.InferenceSession.create(model, { executionProviders: [process.argv[2]], logSeverityLevel: 4, intraOpNumThreads: 1 })
  .then((s) => s.run({ x: new ort.Tensor('float32', Float32Array.of(1, 2), [2]) }))
  .then((r) => { if (r.y.data[1] !== 4) throw new Error('wrong sum'); console.log('usable'); process.exit(0); })
  .catch((e) => { console.error(e.message); process.exit(1); });
`;

/** Runs a tiny model on the device in a process of its own, because a broken driver may abort the process that asks it. */
function probe(kind: 'webgpu' | 'cuda'): Promise<boolean> {
  return new Promise((resolve) => {
    const entry = requireFrom.resolve('onnxruntime-node');
    execFile(
      process.execPath,
      ['-e', PROBE, '--', entry, kind, PROBE_MODEL],
      { timeout: 20_000, killSignal: 'SIGKILL' },
      (error, stdout) => resolve(error === null && stdout.includes('usable')),
    );
  });
}

/** Whether the provider library of CUDA lies beside the runtime's own; it is too large for the npm package. */
const hasCuda = (): boolean =>
  ['libonnxruntime_providers_cuda.so', 'onnxruntime_providers_cuda.dll'].some((f) => existsSync(join(binaries(), f)));

/** What to install when a device cannot be there at all; a driver or GPU that fails shows when a session is made. */
export const missingDevice = (kind: Device['kind']): StrataError | undefined =>
  kind === 'cuda' && !hasCuda()
    ? new StrataError(
        'no_device',
        'The device "cuda" needs the CUDA libraries of ONNX Runtime, which are not installed. On a machine with an NVIDIA driver, CUDA 12 and cuDNN 9 run `node node_modules/onnxruntime-node/script/install.js --onnxruntime-node-install=cuda12` in the folder of Strata, or choose the device "cpu".',
      )
    : undefined;

const cpu = (): Device => ({
  kind: 'cpu',
  name: cpus()[0]?.model.trim() || process.arch,
  threads: availableParallelism(),
  memory_bytes: totalmem(),
  features: cpuFeatures(),
});

/**
 * The devices that a session can be created on here: the CPU always; WebGPU and CUDA when a small model really ran on
 * them (CUDA is tried only where its provider library lies beside the runtime's own).
 */
export async function listDevices(): Promise<Device[]> {
  const [webgpu, cuda] = await Promise.all([probe('webgpu'), hasCuda() ? probe('cuda') : false]);
  return [
    cpu(),
    ...(cuda ? [{ kind: 'cuda' as const, name: 'CUDA device 0', features: [] }] : []),
    ...(webgpu ? [{ kind: 'webgpu' as const, name: 'WebGPU default adapter', features: [] }] : []),
  ];
}
