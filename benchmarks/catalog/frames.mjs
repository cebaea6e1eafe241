// gRPC calls as prepared HTTP/2 frames (RFC 9113) over plain sockets: clients that make next to no objects, so that what they measure is the service and not their own collector.
import net from 'node:net';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const TYPE = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goAway: 7, windowUpdate: 8 };
const FLAG = { endStream: 1, ack: 1, endHeaders: 4 };
const SETTING = { headerTableSize: 1, enablePush: 2, initialWindowSize: 4 };
const HEADER_BYTES = 9;
/** gRPC puts a flag and the length before a message. */
const MESSAGE_HEAD = 5;
const NOTHING = Buffer.alloc(0);
/** The greatest window there is, so that no answer waits for leave to go on. */
const WINDOW = 2 ** 31 - 1;
const USUAL_WINDOW = 65_535;

/** A frame of the connection, or of a stream whose number is filled in when it is sent. */
function frame(type, flags, payload) {
  const head = Buffer.alloc(HEADER_BYTES);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  return Buffer.concat([head, payload]);
}

const uint32 = (n) => {
  const b = Buffer.alloc(4);
  b.writeUInt32BE(n);
  return b;
};
const setting = (id, value) => Buffer.concat([Buffer.from([0, id]), uint32(value)]);

/** A string of HPACK without Huffman's code: its length in 7 bits and what is above them (RFC 7541, 5.1). */
function text(s) {
  const bytes = Buffer.from(s);
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const length = [127];
  let rest = bytes.length - 127;
  for (; rest > 127; rest >>>= 7) length.push((rest & 127) | 128);
  return Buffer.concat([Buffer.from([...length, rest]), bytes]);
}

/** Headers as literals that no table keeps: every call has the same bytes. */
const headers = (fields) => Buffer.concat(fields.flatMap(([k, v]) => [Buffer.from([0]), text(k), text(v)]));

/**
 * A connection that many calls share, as the gateway's does.
 * @param {{ address: string, path: string, token: string }} options
 */
export function connect({ address, path, token }) {
  const head = headers([
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', path],
    [':authority', address],
    ['te', 'trailers'],
    ['content-type', 'application/grpc'],
    ['authorization', `Bearer ${token}`],
    ['x-request-id', 'req_bench'],
  ]);
  /** What one call sends, made before the clock runs. */
  const prepare = (message) => {
    const data = Buffer.concat([Buffer.from([0]), uint32(message.length), message]);
    return Buffer.concat([frame(TYPE.headers, FLAG.endHeaders, head), frame(TYPE.data, FLAG.endStream, data)]);
  };

  let stream = -1;
  let taken = 0;
  /** Calls under way, by stream. */
  const calls = new Map();
  let left = Buffer.alloc(0);

  const fail = (e) => {
    for (const { reject } of calls.values()) reject(e);
    calls.clear();
  };
  const end = (id) => {
    const { resolve, reject, parts, received } = calls.get(id);
    calls.delete(id);
    // an error has no message before its trailers
    if (received <= MESSAGE_HEAD) return reject(new Error(`${path}: answered without a message`));
    resolve(parts && Buffer.concat(parts).subarray(MESSAGE_HEAD));
  };
  const take = ({ type, flags, id }, payload) => {
    if (type === TYPE.data) {
      const call = calls.get(id);
      call.received += payload.length;
      call.parts?.push(Buffer.from(payload));
      taken += payload.length;
      // the window of the connection is not refilled by itself
      if (taken > WINDOW / 2) {
        socket.write(frame(TYPE.windowUpdate, 0, uint32(taken)));
        taken = 0;
      }
    }
    if (type === TYPE.data || type === TYPE.headers) {
      if (flags & FLAG.endStream) end(id);
    } else if (type === TYPE.settings || type === TYPE.ping) {
      if (!(flags & FLAG.ack)) socket.write(frame(type, FLAG.ack, type === TYPE.ping ? payload : NOTHING));
    } else if (type === TYPE.reset || type === TYPE.goAway) fail(new Error(`${path}: the service gave the call up`));
  };
  const read = (bytes) => {
    let at = 0;
    while (bytes.length - at >= HEADER_BYTES) {
      const begin = at + HEADER_BYTES;
      const length = bytes.readUIntBE(at, 3);
      if (bytes.length < begin + length) break;
      const what = { type: bytes[at + 3], flags: bytes[at + 4], id: bytes.readUInt32BE(at + 5) };
      take(what, bytes.subarray(begin, begin + length));
      at = begin + length;
    }
    return at;
  };

  const [host, port] = address.split(':');
  const socket = net.connect({
    host,
    port: Number(port),
    noDelay: true,
    onread: {
      // one room for all that comes
      buffer: Buffer.alloc(256 * 1024),
      callback(n, room) {
        const bytes = left.length ? Buffer.concat([left, room.subarray(0, n)]) : room.subarray(0, n);
        const at = read(bytes);
        left = at < bytes.length ? Buffer.from(bytes.subarray(at)) : left.subarray(0, 0);
        return true;
      },
    },
  });
  socket.on('error', fail);
  socket.on('close', () => fail(new Error(`${path}: the connection ended`)));
  const settings = [
    setting(SETTING.headerTableSize, 0),
    setting(SETTING.enablePush, 0),
    setting(SETTING.initialWindowSize, WINDOW),
  ];
  socket.write(PREFACE);
  socket.write(frame(TYPE.settings, 0, Buffer.concat(settings)));
  socket.write(frame(TYPE.windowUpdate, 0, uint32(WINDOW - USUAL_WINDOW)));

  const dataAt = HEADER_BYTES + head.length;
  return {
    prepare,
    /** Sends what was prepared, as a stream of its own. @returns the message of the answer where `keep` asks for it */
    call: (prepared, keep = false) =>
      new Promise((resolve, reject) => {
        stream += 2;
        prepared.writeUInt32BE(stream, 5);
        prepared.writeUInt32BE(stream, dataAt + 5);
        calls.set(stream, { resolve, reject, received: 0, parts: keep ? [] : undefined });
        socket.write(prepared);
      }),
  };
}
