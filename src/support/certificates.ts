import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { ErrorMaker } from './errors.ts';
import { messageOf } from './errors.ts';

/** https://nodejs.org/api/tls.html#x509-certificate-error-codes, and what Node itself finds wrong with one. */
const UNTRUSTED = /^(ERR_TLS_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_(GET|VERIFY)_)/;

/** Whether a connection failed because the certificate of the other side is not trusted. */
export function isUntrusted(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return typeof code === 'string' && UNTRUSTED.test(code);
}

/** The authorities in a PEM file that `ca` of a configuration names; the error if it can't be read, or TLS can't use it. */
export async function readAuthorities(file: string, unreadable: ErrorMaker): Promise<string> {
  try {
    const ca = await readFile(file, 'utf8');
    createSecureContext({ ca });
    return ca;
  } catch (error) {
    throw unreadable(`the authorities of "ca" can't be read: ${messageOf(error)}`, { cause: error });
  }
}
