import type { Static } from '../../../../config/fields.ts';
import { boolean, bytes, duration, optional, section, text } from '../../../../config/fields.ts';

const SECOND_MS = 1_000;
const MIB = 1 << 20;
/** S3's own least for all parts but the last. */
const LEAST_PART_BYTES = 5 * MIB;
/** Parts of 5 MiB take a tenth more of a connector's thread, for their requests. */
export const PART_BYTES = 8 * MIB;

export const s3StoreConfig = section(
  {
    bucket: text({
      description: 'The bucket; it must exist',
      pattern: '^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$',
      form: 'the name of a bucket, 3 to 63 small letters, digits, "-" and "."',
    }),
    prefix: optional(
      text({
        description: 'Folder of the files in the bucket; its root if left out',
        pattern: "^[A-Za-z0-9!_.*'()-]{1,100}(/[A-Za-z0-9!_.*'()-]{1,100}){0,5}$",
        form: 'names separated by "/", without one at its beginning or end',
      }),
    ),
    region: text({
      description: 'Region of the bucket',
      default: 'us-east-1',
      pattern: '^[a-z0-9-]{1,50}$',
    }),
    endpoint: optional(
      text({
        description: 'Where the service is, if it is not that of AWS',
        pattern: '^https?://[^\\s/@?#]{1,255}/?$',
        form: 'an address such as https://minio.example:9000',
      }),
    ),
    pathStyle: boolean({
      description:
        'Put the bucket into the path of an address, not into its host name, as most services but AWS need it',
      default: false,
    }),
    accessKeyId: optional(
      text({
        description: "Name of the key; the environment, files or role that AWS's own tools use, if left out",
      }),
    ),
    secretAccessKey: optional(text({ description: 'The secret of the key', secret: true })),
    sessionToken: optional(text({ description: 'Token of a temporary key', secret: true })),
    ca: optional(
      text({
        description: 'PEM file of the authorities to trust instead of those that Node knows',
        path: 'input',
      }),
    ),
    partBytes: bytes({
      description: 'A file is sent in parts of this size; those of very large files are larger',
      default: PART_BYTES,
      minimum: LEAST_PART_BYTES,
      maximum: 1_024 * MIB,
    }),
    memory: bytes({
      description: 'Memory for what all open files of the connector hold back; when it is full they are committed',
      default: 64 * MIB,
      minimum: 16 * MIB,
    }),
    deadline: duration({
      description: 'Longest wait for an answer to a small request',
      default: 30 * SECOND_MS,
      minimum: SECOND_MS,
    }),
    uploadDeadline: duration({
      description: 'Longest time for the upload of a part, and for putting the parts together',
      default: 300 * SECOND_MS,
      minimum: SECOND_MS,
    }),
  },
  { description: 'S3, or a service like it that honours If-None-Match' },
);

export type S3StoreConfig = Static<typeof s3StoreConfig>;

/** What is wrong with the configuration beyond its fields, each a sentence. */
export function checkS3StoreConfig(config: S3StoreConfig): string[] {
  const faults: string[] = [];
  if ((config.accessKeyId === undefined) !== (config.secretAccessKey === undefined)) {
    faults.push('store.s3.accessKeyId and store.s3.secretAccessKey go together.');
  }
  if (config.sessionToken !== undefined && config.accessKeyId === undefined) {
    faults.push('store.s3.sessionToken needs store.s3.accessKeyId.');
  }
  if (config.memory < 2 * config.partBytes) {
    faults.push('store.s3.memory must hold at least two parts of store.s3.partBytes.');
  }
  return faults;
}
