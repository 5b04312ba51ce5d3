import type { Static } from '../../../../config/fields.ts';
import { boolean, bytes, duration, optional, section, text } from '../../../../config/fields.ts';

const MIB = 1 << 20;
const SECOND_MS = 1_000;
/** S3's own least, for all parts of an upload but the last. */
const LEAST_PART_BYTES = 5 * MIB;

export const s3StoreConfig = section(
  {
    bucket: text({
      description: 'The bucket, which must exist',
      pattern: '^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$',
      form: 'the name of a bucket',
    }),
    prefix: optional(
      text({
        description: 'What the keys of all files begin with, as a folder; nothing if left out',
        pattern: '^[^/\\u0000-\\u001f]{1,255}(/[^/\\u0000-\\u001f]{1,255}){0,20}$',
        form: 'a path without "/" at its ends',
      }),
    ),
    region: text({ description: 'Region of the bucket', default: 'us-east-1' }),
    endpoint: optional(
      text({
        description: 'Address of a service that speaks the API of S3; that of AWS if left out',
        pattern: '^https?://[^\\s/@?#]{1,255}/?$',
        form: 'an address such as https://s3.example.com',
      }),
    ),
    pathStyle: boolean({
      description: 'Name the bucket in the path and not in the host, as services other than AWS mostly want it',
      default: false,
    }),
    accessKeyId: optional(
      text({ description: "Who we are; the AWS SDK's usual places are looked through if left out" }),
    ),
    secretAccessKey: optional(text({ description: 'The secret of the access key', secret: true })),
    sessionToken: optional(text({ description: 'The token of temporary credentials', secret: true })),
    ca: optional(text({ description: 'PEM file of the authorities to trust instead of those that Node knows' })),
    partBytes: bytes({
      description: 'Files are uploaded in parts of this size; later parts of a very large file are larger',
      default: 8 * MIB,
      minimum: LEAST_PART_BYTES,
      maximum: 512 * MIB,
    }),
    memory: bytes({
      description:
        'Bytes of all open files that may wait for their part to be full; more commits the files of the partition',
      default: 64 * MIB,
      minimum: LEAST_PART_BYTES,
    }),
    deadline: duration({
      description: 'Longest time for one request',
      default: 60 * SECOND_MS,
      minimum: SECOND_MS,
    }),
  },
  { description: 'A bucket of S3, or of a service that speaks its API and honours "If-None-Match: *"' },
);

export type S3StoreConfig = Static<typeof s3StoreConfig>;
