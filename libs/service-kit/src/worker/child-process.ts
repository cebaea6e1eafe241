import { fork, type ChildProcess } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import type { FromChild, ToChild } from '../child/ipc.js';

/** Last output on standard error that is kept for the failure's message. */
const STDERR_CHARS = 4_000;
/** A dead child's last messages and output are waited for at most this long: a grandchild may hold its pipes. */
const LAST_WORDS_MS = 300;

export interface ChildExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last lines that it wrote to standard error. */
  readonly stderr: string;
}

export interface ChildProgram {
  /** JavaScript file that calls `runChild`. */
  readonly entry: string;
  readonly execArgv?: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** What it prints, line by line; recipes have a log of their own. */
  readonly onOutput?: (line: string) => void;
}

export interface Child {
  readonly pid: number;
  /** Resolves when it can take a job; also when it ends before. */
  readonly ready: Promise<void>;
  readonly alive: boolean;
  readonly exited: Promise<ChildExit>;
  /** Sending to a child that has ended does nothing: its exit tells. */
  send(message: ToChild): void;
  /** One listener at a time; it gets the messages of the job that runs. */
  listen(listener: (message: FromChild) => void): void;
  kill(): void;
}

/** What stands for a process that the system refused to start. */
function stillborn(e: unknown): Child {
  const stderr = e instanceof Error ? e.message : String(e);
  return {
    pid: 0,
    alive: false,
    ready: Promise.resolve(),
    exited: Promise.resolve({ code: null, signal: null, stderr }),
    send: () => undefined,
    listen: () => undefined,
    kill: () => undefined,
  };
}

/** Starts a process that can run jobs. `heapMb` bounds its JavaScript heap. It does not throw: what could not start has ended. */
export function startChild(program: ChildProgram, heapMb: number): Child {
  try {
    const child = forkChild(program, heapMb);
    // when the machine runs out of memory, the kernel should end this process before the worker or a database (Linux)
    writeFile(`/proc/${child.pid}/oom_score_adj`, '500').catch(() => undefined);
    return supervise(child, program);
  } catch (e) {
    return stillborn(e);
  }
}

function forkChild(program: ChildProgram, heapMb: number): ChildProcess {
  return fork(program.entry, [], {
    execArgv: [...(program.execArgv ?? []), `--max-old-space-size=${heapMb}`],
    env: { ...program.env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    // its own process group: a Ctrl-C meant for the host must not end it before the host has saved its work
    detached: true,
  });
}

function supervise(child: ChildProcess, program: ChildProgram): Child {
  let stderr = '';
  let alive = true;
  let listener: (message: FromChild) => void = () => undefined;
  const lines = (text: string): void => {
    for (const line of text.split('\n')) if (line.trim()) program.onOutput?.(line);
  };
  child.stdout?.setEncoding('utf8').on('data', lines);
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-STDERR_CHARS);
    lines(text);
  });
  let isReady: () => void = () => undefined;
  const ready = new Promise<void>((resolve) => (isReady = resolve));
  child.on('message', (message: FromChild) => (message.type === 'ready' ? isReady() : listener(message)));

  const exited = new Promise<ChildExit>((resolve) => {
    const end = (code: number | null, signal: NodeJS.Signals | null): void => {
      alive = false;
      isReady();
      resolve({ code, signal, stderr: stderr.trim() });
    };
    child.once('exit', (code, signal) => {
      alive = false;
      const closed = new Promise<void>((r) => child.once('close', r));
      const silent = child.connected ? new Promise<void>((r) => child.once('disconnect', r)) : Promise.resolve();
      const timer = setTimeout(() => end(code, signal), LAST_WORDS_MS);
      void Promise.all([closed, silent]).then(() => {
        clearTimeout(timer);
        end(code, signal);
      });
    });
    child.on('error', (e) => {
      stderr += `${e.message}\n`;
      // without a process there will be no exit event
      if (child.pid === undefined) end(null, null);
    });
  });

  return {
    pid: child.pid ?? 0,
    ready,
    exited,
    get alive() {
      return alive;
    },
    send(message) {
      if (child.connected) child.send(message, undefined, undefined, () => undefined);
    },
    listen: (l) => (listener = l),
    kill() {
      alive = false;
      child.kill('SIGKILL');
    },
  };
}
