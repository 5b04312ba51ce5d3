import assert from 'node:assert/strict';
import { differences } from '../../src/app/topics.ts';
import { kafkaTest } from '../engines/kafka-test.ts';
import { kafkaLog } from '../support/kafka-log.ts';

kafkaTest('a topic that is there already is left alone, and differences are told by name', async ({ brokers }, t) => {
  const log = kafkaLog(brokers);
  t.after(() => log.close());
  const asked = { partitions: 2, replication: 1, config: { 'retention.ms': '60000', 'cleanup.policy': 'delete' } };
  assert.deepEqual(differences(asked, await log.admin.createTopic('as-asked', asked)), []);
  assert.deepEqual(differences(asked, await log.admin.createTopic('as-asked', asked)), []);

  const other = { partitions: 3, replication: 2, config: { 'retention.ms': '7000', 'cleanup.policy': 'delete' } };
  assert.deepEqual(differences(other, await log.admin.createTopic('as-asked', other)), [
    { setting: 'partitions', configured: 3, found: 2 },
    { setting: 'replication', configured: 2, found: 1 },
    { setting: 'retention.ms', configured: '7000', found: '60000' },
  ]);
});
