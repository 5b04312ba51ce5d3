import type { Static } from '../config/fields.ts';
import { bytes, duration, integer, section } from '../config/fields.ts';

const spool = section(
  {
    bytes: bytes({
      description: 'Most bytes of events on the disk of a collector, waiting for a log that is away; then 503',
      default: 2 ** 30,
      minimum: 2 ** 20,
    }),
    after: duration({
      description: 'How long the log may take for a batch before events go to the spool instead',
      default: 1000,
      minimum: 10,
    }),
  },
  { description: 'Where events wait on disk while the log is slow or away' },
);

export const deliveryConfig = section(
  {
    bufferBytes: bytes({
      description: 'Most bytes of events held in memory on their way to the log; beyond it the collector answers 503',
      default: 32 * 2 ** 20,
      minimum: 2 ** 20,
    }),
    linger: duration({
      description: 'How long an event waits for others, so that they go to the log together',
      default: 4,
      maximum: 1000,
    }),
    batchBytes: bytes({ description: 'Largest batch sent to the log', default: 256 * 2 ** 10, minimum: 1024 }),
    batchRecords: integer({ description: 'Most events in a batch sent to the log', default: 2000, minimum: 1 }),
    spool,
  },
  { description: 'The way from the collector to the log' },
);

export type DeliveryConfig = Static<typeof deliveryConfig>;
