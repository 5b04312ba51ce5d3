import { defineErrors } from '../../support/errors.ts';
import type { Threshold } from '../../support/log-levels.ts';
import type { FlatConfig } from '../config/mapping.ts';

/** What an operator wants a connector to do; what it does is its state. */
export const TARGET_STATES = ['STARTED', 'PAUSED', 'STOPPED'] as const;
export type TargetState = (typeof TARGET_STATES)[number];

/** A wish that a connector be started anew, once. */
export interface RestartCommand {
  readonly includeTasks: boolean;
  readonly onlyFailed: boolean;
}

/** A connector as all workers know it. */
export interface StoredConnector {
  readonly name: string;
  /** Unique to this connector for ever: one made anew under the same name has another. */
  readonly id: string;
  /** As it was given: secrets are references. */
  readonly config: FlatConfig;
  readonly target: TargetState;
  /** The last restart that was asked for; another one has another number. */
  readonly restart?: RestartCommand & { readonly number: number };
  /** When its topics were reset last: by topic, the sum of the offsets it had reached. */
  readonly topicsReset?: Readonly<Record<string, number>>;
}

/** A level for a logger of every worker. */
export interface LevelSetting {
  readonly logger: string;
  readonly level: Threshold;
}

export interface NewConnector {
  readonly name: string;
  readonly config: FlatConfig;
  readonly target: TargetState;
}

/**
 * The connectors that were made at run time, for all workers alike. What one worker changes is
 * known to itself when the call settles, and to all others within two seconds. Every change of a
 * connector that there is not throws CONNECTOR_NOT_STORED.
 */
export interface ConnectorStore {
  /** Whether the last try to look for changes failed. */
  readonly isBehind: boolean;
  /** As known by now, by name. */
  all(): ReadonlyMap<string, StoredConnector>;
  /** Of several that are made under one name at once, exactly one is; the others throw CONNECTOR_EXISTS. */
  create(connector: NewConnector): Promise<StoredConnector>;
  configure(name: string, config: FlatConfig): Promise<StoredConnector>;
  setTarget(name: string, target: TargetState): Promise<StoredConnector>;
  restart(name: string, command: RestartCommand): Promise<StoredConnector>;
  /** Forgets which topics records came from: those that have not gone beyond these sums of offsets. */
  resetTopics(name: string, reached: Readonly<Record<string, number>>): Promise<StoredConnector>;
  remove(name: string): Promise<void>;
  /** Tells all workers that are there by now to set a logger. */
  setLevel(setting: LevelSetting): Promise<void>;
  /** Calls back after each change, whoever made it; returns how to end that. */
  watch(changed: () => void): () => void;
  /** Calls back for each level that is set for all workers, from now on; the last one to watch hears of them. */
  watchLevels(set: (setting: LevelSetting) => void): void;
  close(): Promise<void>;
}

/** More connectors than one group of workers runs; each has a thread in every worker. */
export const MOST_CONNECTORS = 200;

export const connectorStoreErrors = defineErrors({
  CONNECTOR_EXISTS: { decision: 'refuse', help: 'Choose another name, or change the one that there is.' },
  CONNECTOR_NOT_STORED: { decision: 'refuse', help: 'See the names of the connectors in GET /connectors.' },
  CONNECTORS_AWAY: {
    decision: 'retry',
    help: 'They are known once the log is reached; see the log lines of the program.',
  },
  CONNECTORS_TOO_MANY: { decision: 'refuse', help: 'Delete connectors that are no longer needed.' },
  CONNECTOR_TOPIC_UNFIT: {
    decision: 'stop',
    help: 'The topic of connectors needs one partition and, in Kafka, cleanup.policy=compact; remove it to have it made anew.',
  },
});
