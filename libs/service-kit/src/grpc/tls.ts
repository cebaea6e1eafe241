import { readFile } from 'node:fs/promises';
import { credentials, ServerCredentials, type ChannelCredentials } from '@grpc/grpc-js';
import { StrataError } from '@strata/kernel';

/** PEM files. `ca` alone makes a client that trusts it; with `cert` and `key` a server or client shows who it is. */
export interface TlsFiles {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** A server refuses clients that show no certificate signed by `ca`. */
  readonly mutual?: boolean;
}

async function pem(path: string | undefined): Promise<Buffer | null> {
  if (!path) return null;
  try {
    return await readFile(path);
  } catch (e) {
    throw new StrataError(
      'invalid_configuration',
      `the TLS file ${path} cannot be read: ${(e as Error).message}. Correct TLS_CA, TLS_CERT or TLS_KEY.`,
      { cause: e },
    );
  }
}

/** One after the other: of several that cannot be read, the same one is named every time. */
async function pems(tls: TlsFiles | undefined): Promise<Record<'ca' | 'cert' | 'key', Buffer | null>> {
  return { ca: await pem(tls?.ca), cert: await pem(tls?.cert), key: await pem(tls?.key) };
}

/** @throws StrataError `invalid_configuration` when a file cannot be read */
export async function grpcServerCredentials(tls: TlsFiles | undefined): Promise<ServerCredentials> {
  const { ca, cert, key } = await pems(tls);
  if (!cert || !key) return ServerCredentials.createInsecure();
  return ServerCredentials.createSsl(ca, [{ cert_chain: cert, private_key: key }], tls?.mutual ?? false);
}

/** @throws StrataError `invalid_configuration` when a file cannot be read */
export async function grpcChannelCredentials(tls: TlsFiles | undefined): Promise<ChannelCredentials> {
  if (!tls) return credentials.createInsecure();
  const { ca, cert, key } = await pems(tls);
  return credentials.createSsl(ca, key, cert);
}
