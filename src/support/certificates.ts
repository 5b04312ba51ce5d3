import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';

/** https://nodejs.org/api/tls.html#x509-certificate-error-codes, and what Node itself finds wrong with one. */
const UNTRUSTED = /^(ERR_TLS_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_(GET|VERIFY)_)/;

/** Whether a connection failed because the certificate of the other side is not trusted. */
export function isUntrusted(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return typeof code === 'string' && UNTRUSTED.test(code);
}

/** The authorities in a PEM file. Throws if it can't be read, or TLS can't use it. */
export async function readAuthorities(file: string): Promise<string> {
  const ca = await readFile(file, 'utf8');
  createSecureContext({ ca });
  return ca;
}
