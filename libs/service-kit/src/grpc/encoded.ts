/** An answer as the bytes that travel: what is sent again and again need be serialised only once. */
export class Encoded<Res> {
  /** Marks what the bytes are of; there is nothing at run time. */
  declare readonly of: Res;

  constructor(readonly bytes: Buffer) {}
}

/** Serialises answers; those that are bytes already pass. */
export const passEncoded =
  (serialize: (value: never) => Buffer) =>
  (value: unknown): Buffer =>
    value instanceof Encoded ? value.bytes : serialize(value as never);
