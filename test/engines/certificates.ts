import path from 'node:path';
import { runJob } from './server-process.ts';

const JOB_MS = 30_000;

/** Paths of PEM files. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

const words = (name: string, { cert, key }: Certificate) => [
  ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', `/CN=${name}`],
  ...['-keyout', key, '-out', cert],
];

function filesOf(directory: string, name: string): Certificate {
  return { cert: path.join(directory, `${name}.crt`), key: path.join(directory, `${name}.key`) };
}

/** An authority of the test's own. Throws `EngineUnavailable` where OpenSSL is missing. */
export async function makeAuthority(directory: string, name: string): Promise<Certificate> {
  const files = filesOf(directory, name);
  await runJob('openssl', words(name, files), JOB_MS);
  return files;
}

/** A certificate for one host, signed by the authority. */
export async function makeCertificate(directory: string, host: string, authority: Certificate): Promise<Certificate> {
  const files = filesOf(directory, host);
  const signed = ['-CA', authority.cert, '-CAkey', authority.key];
  const about = ['-addext', `subjectAltName=DNS:${host}`, '-addext', 'basicConstraints=critical,CA:FALSE'];
  await runJob('openssl', [...words(host, files), ...signed, ...about], JOB_MS);
  return files;
}
