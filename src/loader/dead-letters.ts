import type { DeadLetterContext } from '../log/dead-letter.ts';
import { deadLetterTopic, toDeadLetter } from '../log/dead-letter.ts';
import type { LogRecord, Producer, TopicPartition } from '../log/log.ts';
import { partitionName } from '../log/log.ts';
import type { DeadLetters, Refusal } from '../sinks/sink.ts';
import type { Clock } from '../support/clock.ts';
import { decisionOf, messageOf } from '../support/errors.ts';
import { loaderErrors } from './errors.ts';

const NOTHING = new Uint8Array();
/** Of the reason, where the letter is to be as small as can be. */
const SHORT_CHARACTERS = 200;

/** Keeps what a connector's sink refused, in the connector's dead-letter topic. */
export class ConnectorDeadLetters implements DeadLetters {
  readonly #clock: Clock;
  readonly #producer: Producer;
  readonly #connector: string;
  readonly #topic: string;
  /** The last send: the log takes one a partition at a time. */
  #last: Promise<unknown> = Promise.resolve();
  #count = 0;

  constructor(producer: Producer, connector: string, clock: Clock) {
    this.#clock = clock;
    this.#producer = producer;
    this.#connector = connector;
    this.#topic = deadLetterTopic(connector);
  }

  /** Records put since the start. */
  get count(): number {
    return this.#count;
  }

  async put(partition: TopicPartition, record: LogRecord, { code, reason }: Refusal): Promise<void> {
    const { topic, partition: number } = partition;
    const source = { topic, partition: number, offset: record.offset };
    const context = { code, reason, refusedBy: this.#connector, at: this.#clock.now(), source };
    const sent = this.#last.then(() => this.#send(record, context));
    this.#last = sent.catch(() => {});
    await sent;
    this.#count++;
  }

  /**
   * A letter is larger than its record, and may be more than the log takes: then only where the record stands is kept.
   * A partition would stand still for ever otherwise, at a record that can neither be loaded nor put aside.
   */
  async #send(record: LogRecord, context: DeadLetterContext & { readonly at: number }): Promise<void> {
    const to = { topic: this.#topic, partition: 0 };
    try {
      await this.#producer.send(to, [toDeadLetter(record, context)]);
      return;
    } catch (error) {
      if (decisionOf(error) !== 'dead-letter') throw error;
    }
    const reason = context.reason.slice(0, SHORT_CHARACTERS);
    try {
      await this.#producer.send(to, [toDeadLetter({ timestamp: context.at, value: NOTHING }, { ...context, reason })]);
    } catch (error) {
      if (decisionOf(error) !== 'dead-letter') throw error;
      throw loaderErrors.DEAD_LETTER_REFUSED(`the topic ${to.topic} takes no dead letter: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }
}

/** In place of them where no refused record is tolerated: the first one ends the run, and nothing after it is loaded. */
export const noDeadLetters: DeadLetters = {
  async put(partition, record, { code, reason }) {
    const place = `${partitionName(partition)} at offset ${record.offset}`;
    throw loaderErrors.RECORD_NOT_TOLERATED(`A record of ${place} was refused (${code}): ${reason}`);
  },
};
