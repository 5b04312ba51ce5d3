import type { S3 } from '@aws-sdk/client-s3';

const REGION = 'us-east-1';

/** A way to a server that speaks S3. */
export interface S3Access {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKey: string;
  readonly secretKey: string;
  /** A client with all rights, to look at the server from beside. */
  client(): Promise<S3>;
  /** Makes a bucket, if it is not there, and says its name. */
  makeBucket(name?: string): Promise<string>;
}

/** With a client that is made when it is first asked for; `disconnect` ends its connections. */
export function s3Access(
  endpoint: string,
  accessKey: string,
  secretKey: string,
): S3Access & { readonly disconnect: () => Promise<void> } {
  let made: Promise<S3> | undefined;
  let buckets = 0;
  const client = () => {
    made ??= import('@aws-sdk/client-s3').then(({ S3 }) => {
      const credentials = { accessKeyId: accessKey, secretAccessKey: secretKey };
      return new S3({ endpoint, region: REGION, forcePathStyle: true, credentials });
    });
    return made;
  };
  return {
    endpoint,
    region: REGION,
    accessKey,
    secretKey,
    client,
    makeBucket: async (name = `bucket-${++buckets}`) => {
      try {
        await (await client()).createBucket({ Bucket: name });
      } catch (error) {
        // There already, where the directory is kept.
        if ((error as Error).name !== 'BucketAlreadyOwnedByYou') throw error;
      }
      return name;
    },
    disconnect: async () => (await made)?.destroy(),
  };
}
