import type { ConnectorState } from '../../loader/lifecycle.ts';
import type { Position, TopicPartition } from '../../log/log.ts';
import type { ConnectorClass } from '../config/connect-keys.ts';
import type { FlatConfig, Mapping } from '../config/mapping.ts';
import type { Validation } from '../config/validation.ts';
import type { RestartCommand, TargetState } from '../store/connector-store.ts';

/** A task, or the connector itself, in its state. */
export interface Standing {
  readonly state: ConnectorState;
  /** The worker that has it, `host:port`; empty if none has. */
  readonly workerId: string;
  /** The last reason that it failed. */
  readonly trace?: string;
}

/** A connector as it is shown. */
export interface ShownConnector {
  readonly name: string;
  /** Secrets in it are references. */
  readonly config: FlatConfig;
  readonly connector: Standing;
  /** By their numbers, from 0. */
  readonly tasks: readonly Standing[];
  /** Whether it stands in the configuration file, which alone changes it. */
  readonly isFromFile: boolean;
}

/** Whether this worker knows the connectors; Kafka Connect's words. */
export type Health = 'healthy' | 'starting' | 'unhealthy';

/** What the REST API shows and changes. Every change is known to this worker when the call settles. */
export interface Connectors {
  health(): Promise<Health>;
  all(): Promise<ReadonlyMap<string, ShownConnector>>;
  check(config: FlatConfig): Promise<Mapping>;
  validate(connectorClass: ConnectorClass, config: FlatConfig): Promise<Validation>;
  /** Throws CONNECTOR_EXISTS. */
  create(name: string, config: FlatConfig, target: TargetState): Promise<void>;
  /** This and all below throw CONNECTOR_NOT_STORED for a connector that there is not. */
  configure(name: string, config: FlatConfig): Promise<void>;
  setTarget(name: string, target: TargetState): Promise<void>;
  restart(name: string, command: RestartCommand): Promise<void>;
  remove(name: string): Promise<void>;
  /** How far the connector is. */
  offsets(name: string): Promise<readonly Position[]>;
  /** Those that it has loaded records of, since they were last reset. */
  topics(name: string): Promise<readonly string[]>;
  resetTopics(name: string): Promise<void>;
  /** Without an offset: forgets it. Throws GROUP_HAS_MEMBERS while the connector runs anywhere. */
  alterOffsets(name: string, changes: readonly (TopicPartition & { readonly offset?: number })[]): Promise<void>;
  /** The name of the log: Kafka's cluster id. */
  logId(): Promise<string>;
}
