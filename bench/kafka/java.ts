/** Kafka's own tools for measuring: the yardstick. */
import { consumerPerformance, producerPerformance } from '../../test/engines/kafka-tools.ts';
import { MEASURED_CORE, pinnedTo } from '../processes.ts';
import type { ConsumeOrder, ProduceOrder, Rate } from './messages.ts';
import { BATCH_RECORDS, COMPRESSION, RECORD_BYTES } from './messages.ts';

/** As the adapter sends: the same batches, as safe, compressed the same way. Five of them may be under way. */
const PRODUCER = {
  acks: '1',
  'compression.type': COMPRESSION,
  'batch.size': String(BATCH_RECORDS * RECORD_BYTES),
};

export async function javaProduces({ brokers, topic, payload, ...amount }: ProduceOrder): Promise<Rate> {
  const load = { ...amount, values: { file: payload }, properties: PRODUCER, before: pinnedTo(MEASURED_CORE) };
  const { recordsPerSecond } = await producerPerformance(brokers, topic, load);
  return { recordsPerSecond };
}

/** The time that it takes to join the group is not counted. */
export async function javaConsumes({ brokers, topic, records }: ConsumeOrder): Promise<Rate> {
  const load = { records, before: pinnedTo(MEASURED_CORE) };
  const { fetchRecordsPerSecond } = await consumerPerformance(brokers, topic, load);
  return { recordsPerSecond: fetchRecordsPerSecond };
}
