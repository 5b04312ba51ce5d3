import { after, before } from 'node:test';
import type { KafkaCluster } from '../engines/kafka.ts';
import { startKafka } from '../engines/kafka.ts';
import { kafkaLog } from '../support/kafka-log.ts';
import { connectorStoreContract } from './connector-store.ts';

let kafka: KafkaCluster;
before(async () => {
  kafka = await startKafka();
});
after(() => kafka?.close());

connectorStoreContract('connectors in Kafka', async () => {
  const logs = [kafkaLog(kafka.brokers), kafkaLog(kafka.brokers)] as const;
  return {
    logs,
    cleanup: async () => {
      for (const log of logs) await log.close();
    },
  };
});
