/*
 * The binding of ONNX Runtime 1.30 for Node computes into the caller's tensors, and then copies each of them into a fresh array that it returns: 50 ms for 100 MB, and as much memory.
 * It does so in the order of the model's outputs and refuses values that are no tensors. So a first output that is an empty sequence ends the copying before it begins: the call is
 * rejected with REFUSED when everything has been computed. A binding that learns to return sequences, or not to copy, needs no change here.
 */

/** Output that a copy-free model has before its own. */
export const SENTINEL = 'strata.sentinel';

const REFUSED = /Non tensor type is temporarily not supported/;

/** Whether a run was rejected for the sentinel alone: the outputs are complete. */
export const isDone = (e: unknown): boolean => REFUSED.test(String(e));

/** A protobuf field of wire type 2; all bodies here are shorter than 128 bytes. */
const field = (n: number, body: Buffer | string): Buffer => {
  const bytes = Buffer.from(body);
  return Buffer.concat([Buffer.from([(n << 3) | 2, bytes.length]), bytes]);
};

/** ModelProto.graph (7) with one node (1) `SequenceEmpty` and one output (12) of type sequence(tensor(float)); see onnx.proto. */
const PREFIX = field(
  7,
  Buffer.concat([
    field(1, Buffer.concat([field(2, SENTINEL), field(3, SENTINEL), field(4, 'SequenceEmpty')])),
    field(12, Buffer.concat([field(1, SENTINEL), field(2, field(4, field(1, field(1, Buffer.from([8, 1])))))])),
  ]),
);

/** The model with the sentinel as its first output: parsers of protobuf merge the parts of a message that occurs twice. */
export const withSentinel = (model: Uint8Array): Uint8Array => Buffer.concat([PREFIX, model]);
