/** What `millrace doctor` tells of a real HDFS: whether it opens, what it holds, and what is left of its quotas. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import type { Finding } from '../../src/cli/doctor.ts';
import type { HdfsStoreConfig } from '../../src/sinks/files/stores/hdfs/config.ts';
import { HdfsFileStore } from '../../src/sinks/files/stores/hdfs/store.ts';
import type { Hdfs } from '../engines/hdfs.ts';
import { hdfsStoreConfigFor } from '../engines/hdfs-config.ts';
import { hdfsTest } from '../engines/hdfs-test.ts';
import { Program } from '../support/program.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const COMMAND = path.join(import.meta.dirname, '../../bin/millrace');
const CONNECTOR = 'hdfs';
const BYTES = 1_000;

/** A folder with a file in it, and the configuration of a path two folders below that. */
async function stored(hdfs: Hdfs, t: TestContext) {
  const { path: above } = hdfsStoreConfigFor(hdfs);
  const config = hdfsStoreConfigFor(hdfs, { path: `${above}/team/events`, blockSize: 1 << 20 });
  const store = new HdfsFileStore(config);
  t.after(() => store.close());
  await store.open(t.signal);
  const content = Buffer.alloc(BYTES, '\n');
  await store.prepare({ temporary: '_millrace/tmp/a', name: 'type=a/a.json' }, content, t.signal);
  await store.publishIfAbsent({ temporary: '_millrace/tmp/a', name: 'type=a/a.json' }, t.signal);
  return { above, config };
}

const connectorsOf = ({ namenodes, path, user, blockSize }: HdfsStoreConfig) => ({
  [CONNECTOR]: { files: { store: { hdfs: { namenodes, path, user, blockSize } } } },
});

/** What the doctor finds of the store, and its exit code. */
function examine(directory: string): { status: number | null; findings: Finding[] } {
  const words = [COMMAND, 'doctor', '--json'];
  const { status, stdout } = spawnSync(process.execPath, words, {
    ...{ cwd: directory, encoding: 'utf8', timeout: 60_000, env: { ...process.env, MILLRACE_CONFIG: undefined } },
  });
  const findings = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Finding);
  return { status, findings: findings.filter(({ check }) => check === `store of ${CONNECTOR}`) };
}

function configured(t: TestContext, config: HdfsStoreConfig): string {
  const directory = temporaryDirectory(t);
  const listen = '127.0.0.1:0';
  const whole = { collector: { listen }, operations: { listen }, connectors: connectorsOf(config) };
  writeFileSync(path.join(directory, 'millrace.yaml'), JSON.stringify(whole));
  return directory;
}

const codes = (findings: readonly Finding[]) => findings.flatMap(({ code }) => code ?? []);

hdfsTest('the doctor tells what is stored, and what is left of quotas at and above the path', async (hdfs, t) => {
  const { above, config } = await stored(hdfs, t);
  const directory = configured(t, config);
  const free = examine(directory);
  assert.equal(free.status, 0);
  assert.deepEqual(
    free.findings.map(({ state, found }) => [state, found]),
    [
      ['good', 'answers, and keeps what the files need'],
      ['good', `holds 1 file of ${BYTES}B below ${config.path}, ${BYTES}B with all copies`],
      ['good', 'no quota is set on the path or above it'],
    ],
  );

  await hdfs.admin('-setQuota', '10000', config.path);
  await hdfs.admin('-setSpaceQuota', '1g', config.path);
  await hdfs.admin('-setQuota', '100', above);
  const roomy = examine(directory);
  assert.deepEqual([roomy.status, codes(roomy.findings)], [0, []]);
  assert.match(roomy.findings[2]!.found, new RegExp(`^\\d\\d of 100 are left of the quota of names of ${above}$`));
  assert.equal(roomy.findings[3]!.found, `1023.9MiB of 1GiB are left of the quota of space of ${config.path}`);

  // One block fits, and not one of each of four partitions: select-color and web-events have two each.
  await hdfs.admin('-setSpaceQuota', '3m', `${above}/team`);
  const low = examine(directory);
  assert.equal(low.status, 0);
  const warning = low.findings.find(({ code }) => code === 'FILES_HDFS_QUOTA_LOW');
  assert.equal(warning?.state, 'warning');
  assert.match(warning.found, new RegExp(`of space of ${above}/team, and a file of each partition takes \\dMiB$`));
  assert.ok(warning.help);

  await hdfs.admin('-setSpaceQuota', '1m', `${above}/team`);
  const full = examine(directory);
  assert.deepEqual([full.status, codes(full.findings)], [1, ['FILES_HDFS_QUOTA']]);
});

hdfsTest('also beside a program that runs', async (hdfs, t) => {
  const { config } = await stored(hdfs, t);
  const directory = temporaryDirectory(t);
  const program = await Program.start({ directory, configuration: { connectors: connectorsOf(config) } });
  t.after(() => program.kill());
  await hdfs.admin('-setSpaceQuota', '1m', config.path);
  const { status, findings } = examine(directory);
  assert.deepEqual([status, codes(findings)], [1, ['FILES_HDFS_QUOTA']]);
});

hdfsTest('a store that does not open is bad, with what to do', async (hdfs, t) => {
  const { config } = await stored(hdfs, t);
  await hdfs.admin('-setQuota', '1', config.path);
  const full = examine(configured(t, config));
  assert.deepEqual([full.status, codes(full.findings)], [1, ['FILES_HDFS_QUOTA']]);
  const unknown = examine(configured(t, { ...config, user: 'visitor' }));
  assert.deepEqual([unknown.status, codes(unknown.findings)], [1, ['FILES_NOT_PERMITTED']]);
  const away = examine(configured(t, { ...config, namenodes: ['http://127.0.0.1:1'] }));
  assert.deepEqual([away.status, codes(away.findings)], [1, ['FILES_STORE_UNAVAILABLE']]);
  for (const { findings } of [full, unknown, away]) assert.ok(findings[0]?.help);
});

hdfsTest('where it may not look it says so, and tells the rest', async (hdfs, t) => {
  const { above, config } = await stored(hdfs, t);
  await hdfs.shell('-chown', '-R', 'visitor', config.path);
  await hdfs.shell('-mkdir', `${above}/team/private`);
  await hdfs.shell('-chmod', '700', `${above}/team/private`);
  await hdfs.admin('-setQuota', '1000', config.path);
  const { status, findings } = examine(configured(t, { ...config, user: 'visitor' }));
  assert.equal(status, 0);
  assert.match(findings[2]!.found, /^\d+ of 1000 are left of the quota of names/);
  assert.match(findings[3]!.found, new RegExp(`^the quotas from ${above}/team up are not known: .*Permission denied`));
});
