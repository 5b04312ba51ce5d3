/** The drills of stores in their short form: few steps, and without what takes long. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { filesDrill } from '../../bench/drills/files.ts';
import { hdfsDrill } from '../../bench/drills/hdfs.ts';
import { FEW_POSTGRES_STEPS, postgresDrill } from '../../bench/drills/postgres.ts';
import { s3Drill } from '../../bench/drills/s3.ts';
import { FEW_SEARCH_STEPS, searchDrill } from '../../bench/drills/search.ts';
import { FEW_STEPS } from '../../bench/drills/stores/drill.ts';
import type { BenchResult } from '../../bench/result.ts';
import { orSkip } from '../engines/or-skip.ts';

const silent = () => {};

const DRILLS: readonly { name: string; engines: string; run: () => Promise<BenchResult> }[] = [
  { name: 'files on a local disk', engines: 'Kafka', run: () => filesDrill(FEW_STEPS, silent) },
  {
    name: 'files on S3',
    engines: 'Kafka or S3',
    run: () => s3Drill({ steps: FEW_STEPS, without: ['server_frozen'] }, silent),
  },
  {
    name: 'files on HDFS',
    engines: 'Kafka or HDFS',
    run: () => hdfsDrill({ steps: FEW_STEPS, without: ['namenode_restarted', 'disk_full'] }, silent),
  },
  {
    name: 'Elasticsearch',
    engines: 'Kafka or Elasticsearch',
    run: () =>
      searchDrill('elasticsearch', { steps: FEW_SEARCH_STEPS, without: ['node_frozen', 'writes_blocked'] }, silent),
  },
  {
    name: 'OpenSearch',
    engines: 'Kafka or OpenSearch',
    run: () =>
      searchDrill('opensearch', { steps: FEW_SEARCH_STEPS, without: ['node_frozen', 'writes_blocked'] }, silent),
  },
  {
    name: 'PostgreSQL',
    engines: 'Kafka or PostgreSQL',
    run: () => postgresDrill({ steps: FEW_POSTGRES_STEPS, without: ['server_restarted', 'table_locked'] }, silent),
  },
];

for (const { name, engines, run } of DRILLS) {
  test(`${name} across kills at the store's calls, two owners and a store that goes away`, async (t) => {
    const result = await orSkip(t, engines, run);
    if (result) assert.ok(result.ok, JSON.stringify(result.figures));
  });
}
