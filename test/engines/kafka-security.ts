/** What the listener for clients asks of them: TLS, SASL, both or nothing. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { runJob } from './server-process.ts';

export type SaslMechanism = 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512' | 'OAUTHBEARER';

export interface KafkaSasl {
  readonly mechanisms: readonly SaslMechanism[];
  /** Passwords by user name; OAUTHBEARER takes any unsecured token instead (`alg: none`). */
  readonly users: Readonly<Record<string, string>>;
}

/** A certificate made for one cluster, which signs itself. */
export interface Certificate {
  readonly keystore: string;
  /** In PEM, for clients to trust. */
  readonly ca: string;
}

const MODULES: Readonly<Record<SaslMechanism, string>> = {
  PLAIN: 'org.apache.kafka.common.security.plain.PlainLoginModule',
  'SCRAM-SHA-256': 'org.apache.kafka.common.security.scram.ScramLoginModule',
  'SCRAM-SHA-512': 'org.apache.kafka.common.security.scram.ScramLoginModule',
  OAUTHBEARER: 'org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule',
};

const KEYTOOL_MS = 60_000;
/** The keystore lies in a directory that ends with the test; Java wants a password all the same. */
export const STORE_PASSWORD = 'for-tests';

/** Makes a key and a certificate for 127.0.0.1 and localhost with Java's own keytool. */
export async function makeCertificate(directory: string): Promise<Certificate> {
  mkdirSync(directory, { recursive: true });
  const keystore = path.join(directory, 'broker.p12');
  const store = ['-keystore', keystore, '-storepass', STORE_PASSWORD, '-alias', 'broker'];
  const key = ['-keyalg', 'EC', '-storetype', 'PKCS12', '-dname', 'CN=127.0.0.1', '-validity', '2'];
  const names = ['-ext', 'san=ip:127.0.0.1,dns:localhost', '-ext', 'bc:c'];
  await runJob('keytool', ['-genkeypair', ...store, ...key, ...names], KEYTOOL_MS);
  return { keystore, ca: await runJob('keytool', ['-exportcert', '-rfc', ...store], KEYTOOL_MS) };
}

/** The protocol of the listener for clients. */
export function protocolOf(tls: boolean, sasl: KafkaSasl | undefined): string {
  if (sasl) return tls ? 'SASL_SSL' : 'SASL_PLAINTEXT';
  return tls ? 'SSL' : 'PLAINTEXT';
}

/** The broker's properties for the listener called `client`. */
export function securityProperties(
  certificate: Certificate | undefined,
  sasl: KafkaSasl | undefined,
): Readonly<Record<string, string>> {
  const properties: Record<string, string> = {};
  if (certificate) {
    properties['ssl.keystore.type'] = 'PKCS12';
    properties['ssl.keystore.location'] = certificate.keystore;
    properties['ssl.keystore.password'] = STORE_PASSWORD;
  }
  if (sasl) properties['sasl.enabled.mechanisms'] = sasl.mechanisms.join(',');
  for (const mechanism of sasl?.mechanisms ?? []) {
    const name = `listener.name.client.${mechanism.toLowerCase()}.sasl.jaas.config`;
    properties[name] = `${MODULES[mechanism]} required${jaasOptions(mechanism, sasl!.users)};`;
  }
  return properties;
}

function jaasOptions(mechanism: SaslMechanism, users: KafkaSasl['users']): string {
  if (mechanism === 'PLAIN')
    return Object.entries(users)
      .map(([user, password]) => ` user_${user}="${password}"`)
      .join('');
  return mechanism === 'OAUTHBEARER' ? ' unsecuredLoginStringClaim_sub="broker"' : '';
}

/** The words for StorageTool that put the users of SCRAM into the first metadata. */
export function scramWords(sasl: KafkaSasl | undefined): readonly string[] {
  const scram = sasl?.mechanisms.filter((mechanism) => mechanism.startsWith('SCRAM')) ?? [];
  return scram.flatMap((mechanism) =>
    Object.entries(sasl!.users).flatMap(([user, password]) => [
      '--add-scram',
      `${mechanism}=[name=${user},password=${password}]`,
    ]),
  );
}
