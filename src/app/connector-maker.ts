import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { FlatConfig, Mapping, TopicChoice } from '../connect/config/mapping.ts';
import { mapConnector } from '../connect/config/mapping.ts';
import type { ReferenceSources } from '../connect/config/references.ts';
import type { StoredConnector } from '../connect/store/connector-store.ts';
import { noDeadLetters } from '../loader/dead-letters.ts';
import { deadLetterTopic, replayTopic } from '../log/dead-letter.ts';
import type { OpenLog } from '../log/open.ts';
import type { LogLevels } from '../support/log-levels.ts';
import type { Logger } from '../support/logger.ts';
import { localStore } from './configuration.ts';
import type { PositionChange } from './connector-positions.ts';
import type { SinkPlan } from './connector-sink.ts';
import { ConnectorHost, loggerOf } from './connector-thread.ts';
import type { Configuration } from './definition.ts';
import { chosenTopics, directoryOf, referencesOf } from './made-connectors.ts';
import { completePlan } from './sink-plan.ts';
import { ownTopicOptions } from './topics.ts';

/** What a connector that was made at run time is started with. */
export type Settings = NonNullable<Mapping['settings']>;

export interface ConnectorMakerOptions {
  readonly configuration: Configuration;
  readonly log: OpenLog;
  readonly levels: LogLevels;
  readonly logger: Logger;
  /** Those that were made at run time, in their order. */
  readonly stored: () => Iterable<StoredConnector>;
}

/** Makes threads out of the configurations of connectors that were made at run time, within what the operator set aside for them. */
export class ConnectorMaker {
  readonly #options: ConnectorMakerOptions;
  readonly #sources: ReferenceSources;

  constructor(options: ConnectorMakerOptions) {
    this.#options = options;
    this.#sources = referencesOf(options.configuration);
  }

  /**
   * As configured, and with a store that no other connector writes to: none at all where one is
   * asked for, none of the earlier ones where two were made at once and one has to stand back.
   */
  map(config: FlatConfig, others: 'all' | 'earlier'): Mapping {
    const mapping = mapConnector(config, this.#sources);
    const { settings } = mapping;
    const mine = settings && this.#localStoreOf(settings);
    const other = mine && this.#ownerOf(mine.place, settings.name, others);
    if (!mine || other === undefined) return mapping;
    const message = `${mine.field} is the ${mine.what} of the connector ${other}; give another one.`;
    return { ...mapping, settings: undefined, faults: [...mapping.faults, { key: mine.field, message }] };
  }

  /** The topics that a choice means by now. Throws CONNECTOR_TOPIC_MISSING. */
  choose(choice: TopicChoice): Promise<readonly string[]> {
    return chosenTopics(choice, this.#options.log.admin);
  }

  /** Makes what a connector needs besides its topics. */
  async prepare(settings: Settings): Promise<void> {
    const { configuration, log } = this.#options;
    const local = this.#localStoreOf(settings);
    if (local) mkdirSync(path.dirname(local.place), { recursive: true });
    const own = ownTopicOptions(configuration);
    for (const topic of [deadLetterTopic(settings.name), replayTopic(settings.name)]) {
      await log.admin.createTopic(topic, own);
    }
  }

  /** The thread, not started yet; `isPaused` is asked at each start. */
  host(settings: Settings, chosen: readonly string[], isPaused: () => boolean): ConnectorHost {
    const { log, levels, logger } = this.#options;
    const { name, kind, loaderConfig } = settings;
    const topics = [...chosen, replayTopic(name)];
    const data = {
      ...this.#planOf(settings),
      ...{ loaderConfig, topics, logging: levels.optionsFor(loggerOf(name)) },
    };
    return new ConnectorHost({
      ...{ name, kind, topics, logger },
      data: () => ({ ...data, paused: isPaused(), log: log.share() }),
    });
  }

  /**
   * Moves the position that the store of a connector keeps, if it keeps one, while nothing loads.
   * Throws the errors of the sink, which refuses where records would be stored twice.
   */
  async alterPositions(settings: Settings, changes: readonly PositionChange[], signal: AbortSignal): Promise<void> {
    // Modules of sinks are for the threads of connectors: here they are needed once in a long while.
    const { sinkMaker } = await import('./connector-sink.ts');
    const { log, logger } = this.#options;
    const create = await sinkMaker(this.#planOf(settings), log, logger);
    const sink = create(noDeadLetters);
    if (!sink.alterPosition) return;
    try {
      await sink.open(signal);
      for (const { offset, ...partition } of changes) await sink.alterPosition(partition, offset, signal);
    } finally {
      await sink.close();
    }
  }

  #planOf({ name, kind, sinkConfig }: Settings): SinkPlan {
    const dataDirectory = this.#directoryOf(name);
    return completePlan(this.#options.configuration, { name, kind, sinkConfig, dataDirectory });
  }

  #localStoreOf({ name, kind, sinkConfig }: Settings): ReturnType<typeof localStore> {
    return localStore({ [kind]: sinkConfig }, this.#directoryOf(name));
  }

  #directoryOf(name: string): string {
    return directoryOf(this.#options.configuration, name);
  }

  #ownerOf(place: string, except: string, others: 'all' | 'earlier'): string | undefined {
    const { configuration, stored } = this.#options;
    for (const [name, connector] of Object.entries(configuration.connectors)) {
      if (localStore(connector, configuration.data)?.place === place) return name;
    }
    for (const { name, config } of stored()) {
      if (name === except && others === 'earlier') return undefined;
      const { settings } = name === except ? {} : mapConnector(config, this.#sources);
      if (settings && this.#localStoreOf(settings)?.place === place) return name;
    }
    return undefined;
  }
}
