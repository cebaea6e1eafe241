import type { Redis } from 'ioredis';
import { Subscribers, type Bus } from './bus.js';

/** Redis pub/sub: `publisher` is shared with the queue, `subscriber` is ours alone (a subscribed connection takes no other command). */
export function redisBus(publisher: Redis, subscriber: () => Redis, onError: (e: Error) => void): Bus {
  const subscribers = new Subscribers(onError);
  let connection: Redis | undefined;

  const connected = (): Redis => {
    if (connection) return connection;
    const made = subscriber();
    let before = false;
    made.on('message', (channel: string, message: string) => subscribers.deliver(channel, message));
    // ioredis subscribes again by itself after a reconnect
    made.on('ready', () => {
      if (before) subscribers.gap();
      before = true;
    });
    return (connection = made);
  };

  return {
    publish: async (channel, message) => void (await publisher.publish(channel, message)),

    async subscribe(channel, handler, onGap) {
      const { remove } = subscribers.add(channel, { handler, onGap });
      try {
        await connected().subscribe(channel);
      } catch (e) {
        remove();
        throw e;
      }
      return async () => {
        if (remove()) await connection?.unsubscribe(channel);
      };
    },

    close: () => {
      connection?.disconnect();
      return Promise.resolve();
    },
  };
}
