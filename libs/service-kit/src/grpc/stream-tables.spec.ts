import { once } from 'node:events';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { createRng } from '@strata/kernel';
import { FewMap, FewSet, lightenSessions, tablesOf } from './stream-tables.js';

const heldBy = (table: Pick<Map<number, string>, 'forEach'> | FewMap<number, string>): [number, string][] => {
  const found: [number, string][] = [];
  table.forEach((value: string, key: number) => found.push([key, value]));
  return found.sort();
};

describe('tables of few', () => {
  it.each([10, 64, 300])('do what a Map and a Set do, with up to %d in them', (most) => {
    const rng = createRng(most);
    const [map, few] = [new Map<number, string>(), new FewMap<number, string>()];
    const [set, fewOf] = [new Set<number>(), new FewSet<number>()];
    for (let i = 0; i < 20_000; i++) {
      const key = Math.floor(rng.next() * most);
      if (rng.next() < 0.5) {
        map.set(key, `v${i}`);
        expect(few.set(key, `v${i}`)).toBe(few);
        set.add(key);
        expect(fewOf.add(key)).toBe(fewOf);
      } else {
        expect(few.delete(key)).toBe(map.delete(key));
        expect(fewOf.delete(key)).toBe(set.delete(key));
      }
      const other = Math.floor(rng.next() * most);
      expect([few.get(other), few.size, fewOf.size]).toEqual([map.get(other), map.size, set.size]);
    }
    expect(heldBy(few)).toEqual(heldBy(map));
    const items: number[] = [];
    fewOf.forEach((item) => items.push(item));
    expect(items.sort()).toEqual([...set].sort());
  });

  it('may lose what they visit', () => {
    const few = new FewMap<number, number>();
    for (let i = 0; i < 100; i++) few.set(i, i);
    const seen: number[] = [];
    few.forEach((value, key) => {
      seen.push(value);
      few.delete(key);
    });
    expect([seen.length, few.size]).toEqual([100, 0]);
  });
});

describe('sessions of HTTP/2', () => {
  it('keep their streams in them, of both sides, however many are open, and close them all', async () => {
    lightenSessions();
    const server = http2.createServer();
    const sessions: http2.ServerHttp2Session[] = [];
    const open: http2.ServerHttp2Stream[] = [];
    server.on('session', (s) => sessions.push(s));
    server.on('stream', (stream, headers) => {
      stream.on('error', () => undefined);
      if (headers[':path'] === '/wait') open.push(stream);
      else {
        stream.respond({ ':status': 200 });
        stream.end('done');
      }
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const client = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    client.on('error', () => undefined);
    const call = async (path: string): Promise<string> => {
      let text = '';
      for await (const piece of client.request({ ':path': path }).setEncoding('utf8')) text += String(piece);
      return text;
    };

    // more at a time than are few
    const answers = await Promise.all(Array.from({ length: 150 }, () => call('/')));
    expect(new Set(answers)).toEqual(new Set(['done']));
    for (const session of [client, ...sessions]) {
      // a new Node that keeps them elsewhere would go without, and this would say so
      expect(tablesOf(session)?.streams).toBeInstanceOf(FewMap);
      expect(tablesOf(session)?.pendingStreams).toBeInstanceOf(FewSet);
    }

    const waiting = Array.from({ length: 100 }, () => call('/wait').catch(() => 'cut off'));
    while (open.length < 100) await new Promise((r) => setTimeout(r, 5));
    expect(tablesOf(sessions[0]!)?.streams.size).toBe(100);
    sessions[0]!.destroy();
    await Promise.all(waiting);
    expect(open.every((s) => s.destroyed)).toBe(true);
    client.close();
    await new Promise((r) => server.close(r));
  });

  it('are left alone where they are kept in another way', () => {
    expect(tablesOf({})).toBeUndefined();
    expect(tablesOf({ [Symbol('state')]: { streams: [], pendingStreams: new Set() } })).toBeUndefined();
    expect(tablesOf({ [Symbol('state')]: undefined, [Symbol('other')]: 7 })).toBeUndefined();
  });
});
