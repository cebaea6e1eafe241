/** Publish and subscribe of one backend; see QueuePort for what is promised. */
export interface Bus {
  publish(channel: string, message: string): Promise<void>;
  subscribe(channel: string, handler: (message: string) => void, onGap?: () => void): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

interface Subscriber {
  readonly handler: (message: string) => void;
  readonly onGap: (() => void) | undefined;
}

/** Which handlers listen to which channel. */
export class Subscribers {
  private readonly byChannel = new Map<string, Set<Subscriber>>();

  constructor(private readonly onError: (e: Error) => void) {}

  get channels(): string[] {
    return [...this.byChannel.keys()];
  }

  /** `remove` says whether that was the channel's last subscriber. */
  add(channel: string, subscriber: Subscriber): { remove: () => boolean } {
    const set = this.byChannel.get(channel) ?? new Set();
    this.byChannel.set(channel, set);
    set.add(subscriber);
    return {
      remove: () => {
        if (!set.delete(subscriber) || set.size > 0 || this.byChannel.get(channel) !== set) return false;
        return this.byChannel.delete(channel);
      },
    };
  }

  deliver(channel: string, message: string): void {
    for (const s of [...(this.byChannel.get(channel) ?? [])]) this.guarded(() => s.handler(message));
  }

  gap(): void {
    for (const set of this.byChannel.values()) for (const s of [...set]) this.guarded(() => s.onGap?.());
  }

  // one handler's exception must not keep the message from the others
  private guarded(call: () => void): void {
    try {
      call();
    } catch (e) {
      this.onError(e instanceof Error ? e : new Error(String(e)));
    }
  }
}
