import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { groupOf } from '../../../src/loader/connector.ts';
import { deadLetterTopic } from '../../../src/log/dead-letter.ts';
import type { Log, NewRecord, Producer } from '../../../src/log/log.ts';
import { TYPE_HEADER } from '../../../src/log/log.ts';
import { kafkaLog } from '../../../test/support/kafka-log.ts';
import { KafkaView } from '../../../test/support/kafka-view.ts';
import { Program } from '../../../test/support/program.ts';
import { until } from '../../../test/support/until.ts';
import type { Report } from '../../run.ts';
import { verified } from '../verified.ts';
import type { StoreUnderTest } from './drill.ts';
import type { Step, StoreFault } from './faults.ts';
import { FAULT_VARIABLE } from './faults.ts';

const FAULTS = new URL('faults.ts', import.meta.url);
const CONNECTOR = 'drill';
const TOPIC = 'select-color';
const TO = { topic: TOPIC, partition: 0 };
const HOUR_MS = 3_600_000;
/** Records of a step: of two hours, so that a commit has two files. */
const STEP_RECORDS = 40;
/** Records of a batch while the store is disturbed, and the pause after it. */
const BATCH = 200;
const BATCH_EVERY_MS = 50;
/** A stopped loader loses its partitions after this long. Kafka's own least is 6 s. */
const SESSION_MS = 6_000;
/** Longest time that loading may take to get over a disturbance. */
const RECOVERY_MS = 180_000;
const LOOK_MS = 50;

export interface RigOptions {
  readonly directory: string;
  readonly brokers: readonly string[];
  readonly under: StoreUnderTest;
  readonly report: Report;
}

/** What all checks together found. */
interface Found {
  sent: number;
  acknowledged: number;
  stored: number;
  lost: number;
  doubled: number;
  unexpected: number;
  corrupt: number;
  /** Events that the store refuses, and those of them that are not in the dead letters. */
  refused: number;
  notInDeadLetters: number;
  leftBehind: number;
  checks: number;
  /** Checks in which `millrace verify` found something, or could not look. */
  notVerified: number;
}

/** One topic with one partition in Kafka, loaders for it, and who counts from outside. */
export class Rig {
  readonly #options: RigOptions;
  readonly #configuration: object;
  readonly #report: Report;
  readonly #log: Log;
  readonly #producer: Producer;
  readonly #view: KafkaView;
  readonly #sent = new Set<string>();
  readonly #acknowledged = new Set<string>();
  /** Of events that the store refuses, and that are sent besides. */
  readonly #refused = new Set<string>();
  readonly found: Found = {
    ...{ sent: 0, acknowledged: 0, stored: 0, lost: 0, doubled: 0, unexpected: 0, corrupt: 0 },
    ...{ refused: 0, notInDeadLetters: 0, leftBehind: 0, checks: 0, notVerified: 0 },
  };

  private constructor(options: RigOptions) {
    this.#options = options;
    this.#configuration = {
      log: {
        kafka: {
          brokers: options.brokers,
          group: { sessionTimeout: `${SESSION_MS}ms`, heartbeatInterval: `${SESSION_MS / 6}ms` },
        },
      },
      topics: { [TOPIC]: { types: [TOPIC], partitions: 1 } },
      connectors: { [CONNECTOR]: { topics: [TOPIC], ...options.under.sink } },
    };
    this.#report = options.report;
    this.#log = kafkaLog(options.brokers, { topics: new Map([[TOPIC, 1]]) });
    this.#producer = this.#log.producer();
    this.#view = new KafkaView(options.brokers);
  }

  static async open(options: RigOptions): Promise<Rig> {
    const rig = new Rig(options);
    await rig.#view.create(TOPIC, 1);
    return rig;
  }

  get summary(): string {
    const { acknowledged, lost, doubled, leftBehind } = this.found;
    return `${acknowledged} events, ${lost} lost, ${doubled} doubled, ${leftBehind} left behind`;
  }

  /**
   * Lets a loader load some records, and meddles with one of its calls to the store. Resolves to
   * the name of that call once a loader without faults has gone on from there and stopped;
   * undefined if there was no such call.
   */
  async loadWithFault(step: Step): Promise<string | undefined> {
    const reached = path.join(this.#options.directory, 'reached');
    rmSync(reached, { force: true });
    const fault: StoreFault = { calls: this.#options.under.calls, step, reached };
    await this.send(STEP_RECORDS);
    const program = await this.#load(fault).catch((error: unknown) => {
      // Dead before it could say that it runs.
      if (existsSync(reached)) return undefined;
      throw error;
    });
    if (program) {
      await until(
        'it has loaded or died',
        async () => !program.running || (await this.#isLoaded()),
        RECOVERY_MS,
        LOOK_MS,
      );
      await program.stop();
    }
    if (!existsSync(reached)) return undefined;
    await this.#loadRest();
    return readFileSync(reached, 'utf8');
  }

  /** Stops an owner in mid-work until another loader has its partition, then lets it go on. */
  async freezeAnOwner(): Promise<void> {
    await using frozen = await this.#load();
    await this.#during(async () => {
      await this.#progress();
      process.kill(frozen.pid, 'SIGSTOP');
      await using heir = await this.#load();
      await this.#progress();
      process.kill(frozen.pid, 'SIGCONT');
      await this.#progress();
      await heir.stop();
    });
    await until('all is loaded', () => this.#isLoaded(), RECOVERY_MS, LOOK_MS);
    await frozen.stop();
    await this.#loadRest();
  }

  /** Loads while records come and something happens to the store. */
  async loadThroughout(disturb: () => Promise<void>): Promise<void> {
    await using program = await this.#load();
    await this.#during(async () => {
      await this.#progress();
      await disturb();
      await this.#progress();
    });
    await until('all is loaded', () => this.#isLoaded(), RECOVERY_MS, LOOK_MS);
    await program.stop();
    await this.#loadRest();
  }

  /** Counts what is in the store, and asks `millrace verify`. */
  async check(): Promise<void> {
    const copies = new Map<string, number>();
    for (const id of await this.#options.under.idsStored()) copies.set(id, (copies.get(id) ?? 0) + 1);
    const { found } = this;
    found.checks++;
    found.sent = this.#sent.size;
    found.acknowledged = this.#acknowledged.size;
    found.stored = copies.size;
    found.lost = [...this.#acknowledged].filter((id) => !copies.has(id)).length;
    found.doubled = [...copies.values()].filter((count) => count > 1).length;
    found.unexpected = [...copies.keys()].filter((id) => !this.#sent.has(id)).length;
    const left = await this.#options.under.leftBehind();
    for (const what of left) this.#report(`left behind: ${what}`);
    found.leftBehind += left.length;
    found.refused = this.#refused.size;
    if (this.#refused.size > 0) {
      const letters = await this.#view.ids([deadLetterTopic(CONNECTOR)]);
      found.notInDeadLetters = [...this.#refused].filter((id) => !letters.has(id)).length;
    }
    const { good, corrupt } = await verified(this.#options.directory, this.#configuration, CONNECTOR);
    found.corrupt += corrupt;
    if (!good) found.notVerified++;
  }

  /** Sends so many events, and one that the store refuses if there is such a one. */
  async send(count: number): Promise<void> {
    const events = Array.from({ length: count }, (_, i) => newEvent(i % 2));
    for (const { id } of events) this.#sent.add(id);
    const { refusedFields } = this.#options.under;
    const refused = refusedFields ? [{ ...newEvent(0), ...refusedFields }] : [];
    await this.#producer.send(TO, [...refused, ...events].map(toRecord));
    for (const { id } of events) this.#acknowledged.add(id);
    for (const { id } of refused) this.#refused.add(id);
  }

  async close(): Promise<void> {
    await this.#producer.close();
    await this.#log.close();
    await this.#view.close();
  }

  #load(fault?: StoreFault): Promise<Program> {
    const words = fault
      ? ['env', `${FAULT_VARIABLE}=${JSON.stringify(fault)}`, `NODE_OPTIONS=--import=${FAULTS.href}`]
      : [];
    const { directory } = this.#options;
    return Program.start({ directory, configuration: this.#configuration as never, command: 'load', before: words });
  }

  /** Lets a loader without faults load what is left, and one record more. */
  async #loadRest(): Promise<void> {
    await using program = await this.#load();
    await this.send(1);
    await until('the rest is loaded', () => this.#isLoaded(), RECOVERY_MS, LOOK_MS);
    const code = await program.stop();
    if (code !== 0) throw new Error(`a loader without faults ended with ${code}`);
  }

  /** Sends all the while. */
  async #during(act: () => Promise<void>): Promise<void> {
    const over = new AbortController();
    const sending = (async () => {
      while (!over.signal.aborted) {
        await this.send(BATCH);
        await delay(BATCH_EVERY_MS);
      }
    })();
    try {
      await act();
    } finally {
      over.abort();
      await sending;
    }
  }

  /** Waits until the position has moved on, twice. */
  async #progress(): Promise<void> {
    for (let turn = 0; turn < 2; turn++) {
      const before = await this.#view.committed(groupOf(CONNECTOR), [TOPIC]);
      const moved = async () => (await this.#view.committed(groupOf(CONNECTOR), [TOPIC])) > before;
      await until('the position moves', moved, RECOVERY_MS, LOOK_MS);
    }
  }

  async #isLoaded(): Promise<boolean> {
    const [end, committed] = await Promise.all([
      this.#view.end([TOPIC]),
      this.#view.committed(groupOf(CONNECTOR), [TOPIC]),
    ]);
    return committed === end;
  }
}

interface DrillEvent {
  readonly id: string;
  readonly timestamp: string;
}

function newEvent(hoursAgo: number): DrillEvent {
  const timestamp = new Date(Date.now() - hoursAgo * HOUR_MS).toISOString();
  return { id: randomUUID(), timestamp, ...{ type: TOPIC, userName: '새벽', colorName: 'blue' } };
}

function toRecord(event: DrillEvent): NewRecord {
  const timestamp = Date.parse(event.timestamp);
  return { timestamp, headers: { [TYPE_HEADER]: TOPIC }, value: Buffer.from(JSON.stringify(event)) };
}
