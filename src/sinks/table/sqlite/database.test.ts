import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import test from 'node:test';
import { temporaryDirectory } from '../../../../test/support/temporary.ts';
import { MillraceError } from '../../../support/errors.ts';
import { coded, TableDatabase } from './database.ts';

const PAGE = 4096;
const hasCode = (code: string) => (error: unknown) => error instanceof MillraceError && error.code === code;

test('after a failure of the disk nothing more is written, even if it seems well again', (t) => {
  const file = path.join(temporaryDirectory(t), 'search.db');
  new TableDatabase(file, 'full').close();
  const whole = readFileSync(file);
  const database = new TableDatabase(file, 'full');
  t.after(() => database.close());
  const damaged = openSync(file, 'r+');
  writeSync(damaged, Buffer.alloc(whole.length - PAGE, 0xee), 0, whole.length - PAGE, PAGE);
  closeSync(damaged);
  const insert = () => database.transaction(() => database.insertEvent.run('a', 't', 0, '{}'));
  assert.throws(insert, hasCode('TABLE_FAILED'));
  writeFileSync(file, whole);
  assert.throws(insert, hasCode('TABLE_FAILED'));
  const again = new TableDatabase(file, 'full');
  t.after(() => again.close());
  assert.equal(again.transaction(() => again.insertEvent.run('a', 't', 0, '{}'))?.changes, 1);
});

test('a full disk is something to try again', () => {
  const database = new DatabaseSync(':memory:');
  database.exec('CREATE TABLE t (x); PRAGMA max_page_count = 3');
  assert.throws(() => coded(() => database.exec('INSERT INTO t VALUES (zeroblob(100000))')), hasCode('TABLE_FULL'));
});

test('a transaction that is called off leaves nothing behind', (t) => {
  const database = new TableDatabase(path.join(temporaryDirectory(t), 'search.db'), 'normal');
  t.after(() => database.close());
  const insert = () => database.insertEvent.run('a', 't', 0, '{}');
  assert.equal(
    database.transaction(() => {
      insert();
      return undefined;
    }),
    undefined,
  );
  const mistake = () => {
    insert();
    throw new Error('a mistake');
  };
  assert.throws(() => database.transaction(mistake), /a mistake/);
  assert.equal(database.transaction(insert)?.changes, 1);
});
