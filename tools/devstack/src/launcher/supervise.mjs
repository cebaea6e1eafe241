const WINDOW_MS = 60_000;
export const CRASHES = 5;

/**
 * Keeps one process alive: when it ends unasked it is started again after a pause that doubles (0.5 s, 1 s, 2 s, …).
 * After five crashes within a minute `onGiveUp` is called instead.
 * @param {object} o
 * @param {string} o.name
 * @param {(spawned: (p: object) => void) => Promise<{ exit: Promise<{ code: number | null, signal: string | null }>, stop(grace?: number): Promise<void>, kill?(): Promise<void> }>} o.start resolves when the process is ready; tells `spawned` as soon as there is something to stop
 */
export function supervise({ name, start, say, t, onGiveUp }) {
  let current;
  let stopping = false;
  let wake = () => {};
  let crashes = [];

  async function again(how) {
    crashes = [...crashes.filter((at) => at > Date.now() - WINDOW_MS), Date.now()];
    if (crashes.length >= CRASHES) return onGiveUp(name, crashes.length);
    const pause = 500 * 2 ** (crashes.length - 1);
    say(t('crashed', { how, s: pause / 1000 }), 'error');
    await new Promise((resolve) => {
      wake = resolve;
      setTimeout(resolve, pause).unref();
    });
    if (stopping) return;
    try {
      await run();
      say(t('back'));
    } catch (e) {
      if (!stopping) void again(e.message.split('\n')[0]);
    }
  }

  async function run() {
    const next = await start((p) => (current = p));
    current = next;
    if (stopping) return next.stop(); // asked to stop while it was coming up
    void next.exit.then(({ code, signal }) => stopping || again(signal ?? `code ${code}`));
  }

  return {
    name,
    start: run,
    async stop(graceMs) {
      stopping = true;
      wake();
      await current?.stop(graceMs);
    },
    kill: async () => {
      stopping = true;
      wake();
      await current?.kill();
    },
  };
}
