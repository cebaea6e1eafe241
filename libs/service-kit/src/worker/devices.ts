import os from 'node:os';
import type { Device } from '@strata/contracts';
import { startChild, type ChildProgram } from './child-process.js';

const DISCOVERY_MS = 20_000;
const HEAP_MB = 512;

const processor = (): Device => ({
  kind: 'cpu',
  name: os.cpus()[0]?.model.trim() || os.arch(),
  threads: os.availableParallelism(),
  memory_bytes: os.totalmem(),
  features: [],
});

/**
 * Asks a short-lived child which devices there are, because native discovery blocks and may crash. When it fails, the processor is what is
 * known, and `onFailure` hears why.
 */
export async function discoverDevices(program: ChildProgram, onFailure: (why: string) => void): Promise<Device[]> {
  const child = startChild(program, HEAP_MB);
  try {
    return await new Promise<Device[]>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no answer within ${DISCOVERY_MS} ms`)), DISCOVERY_MS);
      child.listen((message) => {
        if (message.type !== 'devices') return;
        clearTimeout(timer);
        resolve(message.devices.length > 0 ? [...message.devices] : [processor()]);
      });
      void child.exited.then((exit) => {
        clearTimeout(timer);
        reject(new Error(`it ended with ${exit.signal ?? exit.code}: ${exit.stderr.slice(-500)}`));
      });
      child.send({ type: 'devices' });
    });
  } catch (e) {
    onFailure((e as Error).message);
    return [processor()];
  } finally {
    child.kill();
  }
}
