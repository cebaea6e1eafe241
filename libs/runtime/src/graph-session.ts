import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { blockConvolutions, graphHash, initializerBytes, lowerFor, toOnnx, type Graph } from '@strata/graph';
import { writeOnnx } from '@strata/graph/onnx';
import { StrataError } from '@strata/kernel';
import { channelBlock } from './channel-block.js';
import type { DeviceKind, SessionOptions } from './native.js';
import { createSession, type Session } from './session.js';

/** Beyond this the model does not go through one buffer: a protobuf message ends at 2 GiB. */
const LARGE = 2 ** 30;

interface Entry {
  readonly session: Promise<Session>;
  users: number;
}
const open = new Map<string, Entry>();

const keyOf = (graph: Graph, o: SessionOptions): string =>
  [
    graphHash(graph),
    o.device ?? 'cpu',
    o.threads ?? 1,
    o.optimization ?? 'all',
    o.spin ?? false,
    o.preallocated ?? false,
    JSON.stringify(o.keep ?? []),
  ].join(' ');

/** The graph in the operators that run fastest on this machine. */
export async function lowerHere(graph: Graph, device: DeviceKind): Promise<Graph> {
  const lowered = lowerFor(graph, device);
  return device === 'cpu' && lowered.nodes.some((n) => n.op === 'Conv')
    ? blockConvolutions(lowered, await channelBlock())
    : lowered;
}

async function load(graph: Graph, options: SessionOptions): Promise<Session> {
  const lowered = await lowerHere(graph, options.device ?? 'cpu');
  if (initializerBytes(lowered) < LARGE) return createSession(toOnnx(lowered), options);
  const dir = mkdtempSync(join(tmpdir(), 'strata-model-'));
  try {
    const path = join(dir, 'model.onnx');
    writeOnnx(path, lowered);
    return await createSession(path, options);
  } finally {
    // the runtime has read or mapped the data: the names are not needed any more
    rmSync(dir, { recursive: true, force: true });
  }
}

/**
 * A session for a graph, lowered for its device. Within a process, equal graphs with equal options share one session; the native memory is freed when
 * the last user has released it.
 * @throws StrataError `invalid_graph`, `invalid_onnx`, `no_device`, `out_of_memory`
 */
export async function openGraph(graph: Graph, options: SessionOptions = {}): Promise<Session> {
  const key = keyOf(graph, options);
  let entry = open.get(key);
  if (!entry) {
    entry = { session: load(graph, options), users: 0 };
    open.set(key, entry);
  }
  const mine = entry;
  mine.users++;
  let released = false;
  const leave = async (): Promise<void> => {
    if (released) return;
    released = true;
    if (--mine.users > 0) return;
    open.delete(key);
    await (await mine.session).release();
  };
  const mineOnly =
    <A extends readonly unknown[], R>(run: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      if (released) throw new StrataError('internal', 'the session was released and cannot run');
      return run(...args);
    };
  try {
    const session = await mine.session;
    return { ...session, run: mineOnly(session.run), runOnDevice: mineOnly(session.runOnDevice), release: leave };
  } catch (e) {
    // a session that could not be made has nothing to release; the next call tries again
    if (open.get(key) === mine) open.delete(key);
    throw e;
  }
}
