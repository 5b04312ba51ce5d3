import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, globSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { readBack } from '../../src/sinks/files/read-files.ts';
import { LocalFileStore } from '../../src/sinks/files/stores/local.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const CHILD = path.join(import.meta.dirname, '../support/load-files-child.ts');
const RECORDS = 10_000;
const KILLS = 12;

/** Loads in a process, which is killed after so many of its batches; says how far it called the records durable. */
async function load(t: TestContext, directory: string, settings: object, batches: number): Promise<number> {
  const child = spawn(process.execPath, [CHILD, directory, String(RECORDS), JSON.stringify(settings)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const exited = once(child, 'exit');
  let durable = 0;
  let seen = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    durable = Math.max(durable, Number(line));
    if (++seen === batches) child.kill('SIGKILL');
  }
  await exited;
  return durable;
}

async function stored(t: TestContext, directory: string): Promise<number[]> {
  const offsets: number[] = [];
  if (!existsSync(directory)) return offsets;
  for await (const line of readBack(new LocalFileStore(directory), t.signal)) {
    const { id } = JSON.parse(line.toString('utf8')) as { id: string };
    offsets.push(Number(id.slice('event-'.length)));
  }
  return offsets.sort((a, b) => a - b);
}

const upTo = (end: number) => Array.from({ length: end }, (_, offset) => offset);

const FORMATS = {
  'JSON lines': {},
  'JSON lines, gzip': { compression: 'gzip' },
  // Several row groups a file.
  'Parquet, zstd': {
    format: 'parquet',
    compression: 'zstd',
    parquet: { columns: {}, rowGroup: { records: 20, bytes: 8 << 20 } },
  },
};

for (const [format, settings] of Object.entries(FORMATS)) {
  test(`killed at any moment, ${format}: nothing lost, doubled, partial or left behind`, async (t) => {
    const directory = path.join(temporaryDirectory(t), 'files');
    let durable = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      const batches = 1 + Math.floor(Math.random() * 40);
      durable = Math.max(durable, await load(t, directory, settings, batches));
      const seen = await stored(t, directory);
      assert.deepEqual(seen, upTo(seen.length));
      assert.ok(seen.length >= durable, `${durable} were durable, but only ${seen.length} are there`);
      assert.ok(seen.length < RECORDS, 'the kills came too late to prove anything');
    }
    await load(t, directory, settings, Number.POSITIVE_INFINITY);
    assert.deepEqual(await stored(t, directory), upTo(RECORDS));
    const temporary = globSync('_millrace/tmp/**/*.{part,manifest}', { cwd: directory });
    assert.deepEqual(temporary, []);
  });
}
