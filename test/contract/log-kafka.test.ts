import { after, before } from 'node:test';
import type { KafkaCluster } from '../engines/kafka.ts';
import { startKafka } from '../engines/kafka.ts';
import { kafkaLog } from '../support/kafka-log.ts';
import { logContract } from './log.ts';

let kafka: KafkaCluster;
before(async () => {
  kafka = await startKafka();
});
after(() => kafka?.close());

logContract('the log in Kafka', async () => {
  const log = kafkaLog(kafka.brokers);
  return { log, cleanup: () => log.close() };
});
