import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openEmbeddedLog } from '../../src/log/embedded/open.ts';
import { EMBEDDED_DEFAULTS } from '../support/embedded-log.ts';
import { connectorStoreContract } from './connector-store.ts';

connectorStoreContract('connectors in the embedded log', async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'millrace-test-'));
  const log = await openEmbeddedLog({ directory, ...EMBEDDED_DEFAULTS });
  return {
    logs: [log, log],
    cleanup: async () => {
      await log.close();
      await rm(directory, { recursive: true });
    },
  };
});
