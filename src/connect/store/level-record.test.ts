import assert from 'node:assert/strict';
import test from 'node:test';
import { isLoggerName, toLevelRecord, toLevelSetting } from './level-record.ts';

test('a level of all workers is read as it was written', () => {
  const setting = { logger: 'connectors.a-b', level: 'DEBUG' } as const;
  const record = toLevelRecord(setting, 5);
  assert.equal(record.timestamp, 5);
  assert.deepEqual(toLevelSetting({ key: record.key!, value: record.value }), setting);
});

test('what is no such record tells nothing', () => {
  const key = (text: string) => Buffer.from(text);
  const value = (content: unknown) => Buffer.from(JSON.stringify(content));
  for (const record of [
    { value: value({ level: 'INFO' }) },
    { key: key('config/a/1'), value: value({ level: 'INFO' }) },
    { key: key('level/'), value: value({ level: 'INFO' }) },
    { key: key('level/a/b'), value: value({ level: 'INFO' }) },
    { key: key('level/root'), value: value({ level: 'LOUD' }) },
    { key: key('level/root'), value: value({ level: 5 }) },
    { key: key('level/root'), value: value(null) },
    { key: key('level/root'), value: Buffer.from('{') },
    { key: key('level/root'), value: new Uint8Array() },
  ]) {
    assert.equal(toLevelSetting(record), undefined);
  }
  for (const name of ['', 'a/b', 'a b', '한', 'x'.repeat(201)]) assert.equal(isLoggerName(name), false, name);
  for (const name of ['root', 'connectors.a', 'org.apache.kafka$X']) assert.equal(isLoggerName(name), true, name);
});
