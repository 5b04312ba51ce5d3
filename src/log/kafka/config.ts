import { parseAddress } from '../../config/address.ts';
import type { Static } from '../../config/fields.ts';
import { boolean, bytes, duration, list, oneOf, optional, section, text } from '../../config/fields.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

/**
 * Kafka takes batches of at most 1,048,588 bytes by default (`message.max.bytes`); what is kept
 * back holds the head of a batch and of a record.
 */
const DEFAULT_RECORD_BYTES = MIB - KIB;

const file = (description: string) => optional(text({ description }));

/** The log in a Kafka cluster, 3.1 or later. */
export const kafkaLogConfig = section(
  {
    brokers: list(
      text({
        description: 'host:port of a broker',
        pattern: '^(\\[[0-9a-fA-F:.]+\\]|[A-Za-z0-9._-]{1,253}):[0-9]{1,5}$',
      }),
      { description: 'Brokers to ask first for the others; one that answers is enough', minItems: 1 },
    ),
    clientId: text({
      description: 'How this program is called in the logs and quotas of the brokers',
      default: 'millrace',
      pattern: '^[A-Za-z0-9._-]{1,200}$',
    }),
    acks: oneOf(['1', 'all'], {
      description: '1: the leader has a record when it is acknowledged; all: every replica in sync has it',
      default: '1',
    }),
    compression: oneOf(['none', 'gzip', 'snappy', 'lz4', 'zstd'], {
      description: 'How batches are compressed on their way to Kafka and in it',
      default: 'none',
    }),
    idempotent: boolean({
      description: 'A batch that is sent again after a lost answer is stored once; needs acks all',
      default: false,
    }),
    recordBytes: bytes({
      description: 'Most bytes of one record: key, value and headers; no more than the max.message.bytes of the topics',
      default: DEFAULT_RECORD_BYTES,
      minimum: KIB,
      maximum: 64 * MIB,
    }),
    connectTimeout: duration({
      description: 'Longest time to connect to a broker, security included',
      default: 5_000,
      minimum: 100,
      maximum: 60_000,
    }),
    requestTimeout: duration({
      description: 'Longest time for a send, or any other question to Kafka, its repetitions included',
      default: 10_000,
      minimum: 500,
      maximum: 300_000,
    }),
    group: section(
      {
        sessionTimeout: duration({
          description: 'A member of a group that is silent for this long has lost its partitions',
          default: 30_000,
          minimum: 1_000,
          maximum: 1_800_000,
        }),
        heartbeatInterval: duration({
          description: 'How often a member says that it is there, and hears that others come or go',
          default: 1_000,
          minimum: 100,
          maximum: 600_000,
        }),
        rebalanceTimeout: duration({
          description: 'Longest time for a member to finish and commit partitions that go to another one',
          default: 60_000,
          minimum: 1_000,
          maximum: 1_800_000,
        }),
      },
      { description: 'How the loaders share the work among them' },
    ),
    tls: optional(
      section(
        {
          ca: file('PEM file of the authorities to trust instead of those that Node knows'),
          cert: file('PEM file of the certificate that this program shows'),
          key: file('PEM file of the key of that certificate'),
          serverName: optional(
            text({
              description: 'Name to expect in the certificates of all brokers, instead of the host of each',
              pattern: '^[A-Za-z0-9._-]{1,253}$',
            }),
          ),
          rejectUnauthorized: boolean({
            description: 'Refuse brokers whose certificate is not trusted; false is for trials only',
            default: true,
          }),
        },
        { description: 'Encrypted connections' },
      ),
    ),
    sasl: optional(
      section(
        {
          mechanism: oneOf(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER'], {
            description: 'How to prove who we are',
            default: 'SCRAM-SHA-512',
          }),
          username: optional(text({ description: 'For OAUTHBEARER with a tokenEndpoint: the client id' })),
          password: optional(
            text({ description: 'For OAUTHBEARER with a tokenEndpoint: the client secret', secret: true }),
          ),
          token: optional(text({ description: 'A fixed token, for OAUTHBEARER', secret: true })),
          tokenEndpoint: optional(
            text({
              description: 'Where to get tokens (OAuth 2.0 client credentials), for OAUTHBEARER',
              pattern: '^https?://[^\\s@]{1,2000}$',
            }),
          ),
          scope: optional(text({ description: 'Scope to ask the tokenEndpoint for' })),
        },
        { description: 'Authentication' },
      ),
    ),
  },
  { description: 'The log in a Kafka cluster' },
);

export type KafkaLogConfig = Static<typeof kafkaLogConfig>;

const MAX_PORT = 65_535;

/** Rules that tie the fields together; each fault is one sentence. */
export function checkKafkaConfig(config: KafkaLogConfig): string[] {
  const faults: string[] = [];
  for (const broker of config.brokers) {
    const { port } = parseAddress(broker);
    if (port < 1 || port > MAX_PORT) faults.push(`${broker} names no port: it must be from 1 to ${MAX_PORT}.`);
  }
  if (config.idempotent && config.acks !== 'all') faults.push('idempotent needs acks: all.');
  const { sessionTimeout, heartbeatInterval } = config.group;
  // A lost heartbeat or two must not cost the membership.
  if (heartbeatInterval * 3 > sessionTimeout) {
    faults.push('group.heartbeatInterval must be at most a third of group.sessionTimeout.');
  }
  if ((config.tls?.cert === undefined) !== (config.tls?.key === undefined)) {
    faults.push('tls.cert and tls.key go together.');
  }
  return [...faults, ...checkSasl(config)];
}

function checkSasl({ sasl }: KafkaLogConfig): string[] {
  if (!sasl) return [];
  const faults: string[] = [];
  const hasLogin = sasl.username !== undefined && sasl.password !== undefined;
  if (sasl.mechanism === 'OAUTHBEARER') {
    if ((sasl.token === undefined) === (sasl.tokenEndpoint === undefined)) {
      faults.push('sasl.mechanism OAUTHBEARER needs either sasl.token or sasl.tokenEndpoint.');
    }
    if (sasl.tokenEndpoint !== undefined && !hasLogin) {
      faults.push('sasl.tokenEndpoint needs sasl.username (client id) and sasl.password (client secret).');
    }
  } else {
    if (!hasLogin) faults.push(`sasl.mechanism ${sasl.mechanism} needs sasl.username and sasl.password.`);
    if (sasl.token !== undefined || sasl.tokenEndpoint !== undefined || sasl.scope !== undefined) {
      faults.push('sasl.token, sasl.tokenEndpoint and sasl.scope are for sasl.mechanism OAUTHBEARER.');
    }
  }
  return faults;
}

/** What is allowed and yet unsafe on any network but a closed one; each is one sentence. */
export function unsafeIn({ tls, sasl }: KafkaLogConfig): string[] {
  const warnings: string[] = [];
  if (sasl && !tls && ['PLAIN', 'OAUTHBEARER'].includes(sasl.mechanism)) {
    warnings.push(`sasl.mechanism ${sasl.mechanism} without tls lets the network read the secret.`);
  }
  if (sasl?.tokenEndpoint?.startsWith('http:')) {
    warnings.push('sasl.tokenEndpoint without https lets the network read the client secret.');
  }
  if (tls && !tls.rejectUnauthorized) warnings.push('tls.rejectUnauthorized: false lets anyone pose as a broker.');
  return warnings;
}
