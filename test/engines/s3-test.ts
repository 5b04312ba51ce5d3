/** Tests against a real S3 server. */
import type { TestContext } from 'node:test';
import test from 'node:test';
import { orSkip } from './or-skip.ts';
import type { S3Options, S3Server } from './s3.ts';
import { startS3 } from './s3.ts';

/** One server a test file. */
let shared: Promise<S3Server> | undefined;

test.after(async () => {
  const server = await shared?.catch(() => undefined);
  await server?.close();
});

/** A test with the server that all such tests of the file share. Where it can't run the test is skipped, and says so. */
export function s3Test(name: string, body: (server: S3Server, t: TestContext) => Promise<void>): void {
  test(name, async (t) => {
    const server = await s3OrSkip(t);
    if (server) await body(server, t);
  });
}

/** The server for a test that is written without {@link s3Test}; one of its own if there are options. */
export function s3OrSkip(t: TestContext, options?: S3Options): Promise<S3Server | undefined> {
  return orSkip(t, 'S3', async () => {
    if (!options) {
      shared ??= startS3();
      return shared;
    }
    const server = await startS3(options);
    t.after(() => server.close());
    return server;
  });
}
