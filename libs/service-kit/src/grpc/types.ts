import type {
  handleBidiStreamingCall,
  handleClientStreamingCall,
  handleServerStreamingCall,
  MethodDefinition,
} from '@grpc/grpc-js';
import type { Logger } from '@strata/kernel';
import type { Encoded } from './encoded.js';

/** A method as ts-proto generates it. */
export interface GeneratedMethod<Req, Res> extends Omit<MethodDefinition<Req, Res>, 'originalName'> {
  readonly requestStream: boolean;
  readonly responseStream: boolean;
}

/** Methods by name; the generated `…Service` objects of @strata/contracts/grpc. `never`/`unknown` make any request and response fit. */
export type GeneratedService = Readonly<
  Record<
    string,
    {
      readonly path: string;
      readonly requestStream: boolean;
      readonly responseStream: boolean;
      readonly requestSerialize: (value: never) => Buffer;
      readonly requestDeserialize: (value: Buffer) => unknown;
      readonly responseSerialize: (value: never) => Buffer;
      readonly responseDeserialize: (value: Buffer) => unknown;
    }
  >
>;

export type Req<M extends GeneratedService[string]> = ReturnType<M['requestDeserialize']>;
export type Res<M extends GeneratedService[string]> = ReturnType<M['responseDeserialize']>;

export type UnaryName<S extends GeneratedService> = {
  [K in keyof S]: S[K] extends { requestStream: false; responseStream: false } ? K : never;
}[keyof S];

/** What a unary handler knows of its call. */
export interface CallInfo {
  readonly requestId: string;
  /** Aborted when the caller goes away or its deadline passes. */
  readonly signal: AbortSignal;
  /** Carries the request id. */
  readonly log: Logger;
}

/** Unary methods return promises of answers, or of the bytes of one; streaming methods get grpc-js's own stream. */
export type Implementation<S extends GeneratedService> = {
  readonly [K in keyof S]: S[K] extends { requestStream: false; responseStream: false }
    ? (request: Req<S[K]>, call: CallInfo) => Promise<Res<S[K]> | Encoded<Res<S[K]>>>
    : S[K] extends { requestStream: true; responseStream: true }
      ? handleBidiStreamingCall<Req<S[K]>, Res<S[K]>>
      : S[K] extends { requestStream: true }
        ? handleClientStreamingCall<Req<S[K]>, Res<S[K]>>
        : handleServerStreamingCall<Req<S[K]>, Res<S[K]>>;
};
