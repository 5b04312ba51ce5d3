import type { FlatConfig } from '../config/mapping.ts';
import type { TargetState } from '../store/connector-store.ts';
import { connectErrors } from './errors.ts';

/** What `initial_state` may say, as KIP-980 has it. */
const INITIAL_STATES: ReadonlyMap<unknown, TargetState> = new Map([
  ['RUNNING', 'STARTED'],
  ['PAUSED', 'PAUSED'],
  ['STOPPED', 'STOPPED'],
]);

export interface CreateRequest {
  readonly name: string;
  readonly config: FlatConfig;
  readonly target: TargetState;
}

/** The body of `POST /connectors`. */
export function readCreate(body: unknown): CreateRequest {
  const { name, config, initial_state: state = 'RUNNING', ...others } = asObject(body);
  const [stranger] = Object.keys(others);
  if (stranger !== undefined) throw invalid(`Unrecognized field ${JSON.stringify(stranger.slice(0, 100))}.`);
  const named = readConfig(config ?? {});
  const chosen = name ?? named['name'];
  if (typeof chosen !== 'string') throw invalid('The name of the connector is missing.');
  const target = INITIAL_STATES.get(typeof state === 'string' ? state.toUpperCase() : state);
  if (!target) throw invalid(`initial_state must be one of ${[...INITIAL_STATES.keys()].join(', ')}.`);
  return { name: chosen, config: withName(named, chosen), target };
}

/** A configuration: texts by key. Numbers and booleans are taken as their texts, as Connect does; null is no key. */
export function readConfig(body: unknown): FlatConfig {
  return Object.fromEntries([...readPatch(body)].flatMap(([key, value]) => (value === null ? [] : [[key, value]])));
}

/** Changes of a configuration, in which null takes a key away. */
export function readPatch(body: unknown): ReadonlyMap<string, string | null> {
  return new Map(
    Object.entries(asObject(body)).map(([key, value]) => {
      if (value === null || typeof value === 'string') return [key, value];
      if (typeof value === 'number' || typeof value === 'boolean') return [key, String(value)];
      throw invalid(`The value of ${JSON.stringify(key.slice(0, 100))} must be text.`);
    }),
  );
}

/** A configuration after a patch. */
export function patched(config: FlatConfig, patch: ReadonlyMap<string, string | null>): FlatConfig {
  const kept = Object.entries(config).filter(([key]) => !patch.has(key));
  const changed = [...patch].flatMap(([key, value]): [string, string][] => (value === null ? [] : [[key, value]]));
  return Object.fromEntries([...kept, ...changed]);
}

/** With the name of the connector, which must not be another one in the configuration. */
export function withName(config: FlatConfig, name: string): FlatConfig {
  const given = Object.hasOwn(config, 'name') ? config['name'] : undefined;
  if (given !== undefined && given !== name) {
    throw invalid("Connector name configuration doesn't match connector name in the URL or the body.");
  }
  return given === undefined ? { ...config, name } : config;
}

/** A flag of a query, false if left out. Clients in Python write True. */
export function readFlag(query: unknown, name: string): boolean {
  const given = asObject(query)[name];
  const value = typeof given === 'string' ? given.toLowerCase() : given;
  if (value === undefined || value === 'false') return false;
  if (value === 'true') return true;
  throw invalid(`${name} must be true or false.`);
}

/** A body as an object; anything else is refused. */
export function asObject(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw invalid('The body must be a JSON object.');
}

function invalid(message: string): Error {
  return connectErrors.CONNECT_REQUEST_INVALID(message);
}
