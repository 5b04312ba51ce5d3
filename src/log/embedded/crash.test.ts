import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import test from 'node:test';
import { EMBEDDED_DEFAULTS } from '../../../test/support/embedded-log.ts';
import { temporaryDirectory } from '../../../test/support/temporary.ts';
import type { Log } from '../log.ts';
import { openEmbeddedLog } from './open.ts';

const WRITER = path.join(import.meta.dirname, '../../../test/support/log-writer.ts');

/** Far apart, so that each run's batches have numbers of their own. */
const RUN_NUMBERS = 1_000_000;

interface Acknowledged {
  readonly partition: number;
  readonly baseOffset: number;
  readonly number: number;
}

/** All values of a partition; asserts that offsets have neither gaps nor repeats. */
async function readAll(log: Log, partition: number): Promise<string[]> {
  const values: string[] = [];
  for (;;) {
    const { records } = await log.read({ topic: 'events', partition, offset: values.length });
    if (records.length === 0) return values;
    for (const { offset, value } of records) {
      assert.equal(offset, values.length);
      values.push(Buffer.from(value).toString());
    }
  }
}

test('a log that is killed at any moment keeps all that it acknowledged', { timeout: 120_000 }, async (t) => {
  const directory = temporaryDirectory(t);
  const acknowledged: Acknowledged[] = [];
  for (let run = 0; run < 5; run++) {
    // A little further into each run, by what the run does rather than by time.
    const killAfter = acknowledged.length + 1 + Math.floor(Math.random() * 400);
    const writer = spawn(process.execPath, [WRITER, directory, String(run * RUN_NUMBERS)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    t.after(() => writer.kill('SIGKILL'));
    for await (const line of createInterface({ input: writer.stdout })) {
      const [partition, baseOffset, number] = line.split(' ').map(Number) as [number, number, number];
      acknowledged.push({ partition, baseOffset, number });
      if (acknowledged.length === killAfter) writer.kill('SIGKILL');
    }
    if (writer.exitCode === null && writer.signalCode === null) await once(writer, 'exit');
    assert.equal(writer.signalCode, 'SIGKILL');

    const log = await openEmbeddedLog({ directory, ...EMBEDDED_DEFAULTS });
    const stored = await Promise.all([readAll(log, 0), readAll(log, 1)]);
    await log.close();
    for (const { partition, baseOffset, number } of acknowledged) {
      const expected = Array.from({ length: 1 + (number % 50) }, (_, index) => `${number}:${index}`);
      assert.deepEqual(stored[partition]!.slice(baseOffset, baseOffset + expected.length), expected);
    }
    const all = stored.flat();
    assert.equal(new Set(all).size, all.length, 'nothing is stored twice');
  }
});
