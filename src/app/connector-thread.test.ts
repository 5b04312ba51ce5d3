import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { temporaryDirectory } from '../../test/support/temporary.ts';
import type { OpenLog } from '../log/open.ts';
import { LogLevels } from '../support/log-levels.ts';
import { silentLogger } from '../support/logger.ts';
import { loadConfiguration } from './configuration.ts';
import { connectorHosts } from './connector-thread.ts';

test('a connector whose secrets anyone can read on the way is warned of once, at the start', (t) => {
  const workingDirectory = temporaryDirectory(t);
  const hdfs = (namenode: string) =>
    `{ topics: [web-events], files: { store: { hdfs: { namenodes: ["${namenode}"], path: /e, bearer: told-to-none } } } }`;
  const postgres = (host: string) =>
    `{ topics: [web-events], table: { postgres: { url: "postgres://me:told-to-none@${host.replace(/(?=\?)|$/, '/x')}" } } }`;
  writeFileSync(
    path.join(workingDirectory, 'millrace.yaml'),
    `connectors:
  open: ${hdfs('http://namenode:9870')}
  safe: ${hdfs('https://namenode:9871')}
  plain: ${postgres('db')}
  near: ${postgres('127.0.0.1')}
  encrypted: ${postgres('db?sslmode=require')}
`,
  );
  const { configuration, faults } = loadConfiguration({ environment: {}, workingDirectory });
  assert.deepEqual(faults, []);
  const warnings: unknown[] = [];
  const logger = { ...silentLogger, warn: (fields: object) => void warnings.push(fields) };
  connectorHosts(configuration, {} as OpenLog, new LogLevels(configuration.logging), logger);
  assert.equal(warnings.length, 2);
  assert.match(
    JSON.stringify(warnings),
    /"connector":"open".*bearer to namenode:9870.*"connector":"plain".*to db in the clear/,
  );
  assert.doesNotMatch(JSON.stringify(warnings), /told-to-none/);
});
