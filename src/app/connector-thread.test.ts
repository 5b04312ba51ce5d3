import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { temporaryDirectory } from '../../test/support/temporary.ts';
import type { OpenLog } from '../log/open.ts';
import { silentLogger } from '../support/logger.ts';
import { loadConfiguration } from './configuration.ts';
import { connectorHosts } from './connector-thread.ts';

test('a connector whose secrets anyone can read on the way is warned of once, at the start', (t) => {
  const workingDirectory = temporaryDirectory(t);
  const hdfs = (namenode: string) =>
    `{ topics: [web-events], files: { store: { hdfs: { namenodes: ["${namenode}"], path: /e, bearer: told-to-none } } } }`;
  writeFileSync(
    path.join(workingDirectory, 'millrace.yaml'),
    `connectors:\n  open: ${hdfs('http://namenode:9870')}\n  safe: ${hdfs('https://namenode:9871')}\n`,
  );
  const { configuration, faults } = loadConfiguration({ environment: {}, workingDirectory });
  assert.deepEqual(faults, []);
  const warnings: unknown[] = [];
  const logger = { ...silentLogger, warn: (fields: object) => void warnings.push(fields) };
  connectorHosts(configuration, workingDirectory, {} as OpenLog, logger);
  assert.equal(warnings.length, 1);
  assert.match(JSON.stringify(warnings), /"connector":"open".*bearer to namenode:9870/);
  assert.doesNotMatch(JSON.stringify(warnings), /told-to-none/);
});
