import { createHash } from 'node:crypto';
import type { Logger } from '../../support/logger.ts';
import { assertGood } from './answers.ts';
import type { SearchClient } from './client.ts';
import type { SearchConfig } from './config.ts';
import { OWN_FIELD, TIME_FIELD } from './document.ts';
import type { Store } from './store.ts';

/** Raised with every change of what is below; a store with an older one gets this one. */
const VERSION = 1;

/** Above the templates that stores bring along (100 to 200). */
const PRIORITY = 300;

/** Longer values are stored, and found by the dashboard, but not by a term in their own field. */
const KEYWORD = { type: 'keyword', ignore_above: 1_024 } as const;
const TIME = { type: 'date', ignore_malformed: true } as const;

/**
 * The mapping made for web events. What the collector sets and the demo sends is mapped once for
 * all, so that no visitor's event can give it another type; what pages add is mapped as it comes,
 * up to the limit of fields. Words are searched in a field of ours: no analyzer of the two
 * products cuts all scripts as the dashboard's search does everywhere else.
 */
export const MAPPINGS = {
  _meta: { millrace: 'events' },
  date_detection: false,
  numeric_detection: false,
  dynamic_templates: [
    { texts: { match_mapping_type: 'string', mapping: KEYWORD } },
    // Not boolean: one text in it would send the event to the dead letters.
    { booleans: { match_mapping_type: 'boolean', mapping: KEYWORD } },
    { integers: { match_mapping_type: 'long', mapping: { type: 'double', ignore_malformed: true } } },
    { numbers: { match_mapping_type: 'double', mapping: { type: 'double', ignore_malformed: true } } },
  ],
  properties: {
    [TIME_FIELD]: { type: 'date' },
    id: { type: 'keyword' },
    type: KEYWORD,
    timestamp: TIME,
    receivedAt: TIME,
    sentTimestamp: { type: 'keyword', ignore_above: 64 },
    userAgent: KEYWORD,
    clientAddress: { type: 'keyword', ignore_above: 64 },
    userName: KEYWORD,
    colorName: KEYWORD,
    page: KEYWORD,
    [OWN_FIELD]: {
      dynamic: false,
      properties: {
        words: { type: 'keyword', doc_values: false },
        fields: { type: 'keyword' },
        hash: { type: 'keyword', index: false, doc_values: false },
        displaced: { type: 'object', enabled: false },
      },
    },
  },
} as const;

interface Template {
  readonly index_patterns: readonly string[];
  readonly priority: number;
  readonly template: { readonly settings: Readonly<Record<string, unknown>>; readonly mappings: unknown };
  readonly data_stream?: Readonly<Record<string, never>>;
}

/** What a template says of itself, in `_meta`. */
interface Mark {
  readonly version: number;
  /** Of the template as it was installed; another one means that someone changed it. */
  readonly content: string;
}

/** The template for these indices, with settings by their full names as stores give them back. */
export function templateOf(config: SearchConfig, pattern: string, store: Store): Template {
  const settings: Record<string, string> = {
    'index.number_of_shards': String(config.shards),
    'index.number_of_replicas': String(config.replicas),
    'index.mapping.total_fields.limit': String(config.fields),
    // What was acknowledged outlives a power cut; a promise of "exactly once" stands on it.
    'index.translog.durability': 'REQUEST',
  };
  if (store.ignoresFieldsBeyondLimit) settings['index.mapping.total_fields.ignore_dynamic_beyond_limit'] = 'true';
  return {
    index_patterns: [pattern],
    priority: PRIORITY,
    template: { settings, mappings: MAPPINGS },
    ...(config.dataStream ? { data_stream: {} } : {}),
  };
}

/** A name for it that stays the same as long as the pattern does. */
export function templateName(pattern: string): string {
  return `millrace-${pattern.replaceAll('*', '_').replace(/[_-]+$/, '')}`;
}

/** Installs the template as the configuration says, and says what it left alone. */
export async function installTemplate(
  client: SearchClient,
  config: SearchConfig,
  pattern: string,
  store: Store,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  if (config.template === 'none') return;
  const name = templateName(pattern);
  const path = `/_index_template/${encodeURIComponent(name)}`;
  const wanted = templateOf(config, pattern, store);
  const answer = await client.ask({ method: 'GET', path, signal });
  if (answer.status !== 404) {
    assertGood(answer);
    const found = foundTemplate(answer.body);
    const mark = (found?._meta as { millrace?: Mark } | undefined)?.millrace;
    const changed = found === undefined || mark?.content !== contentOf(found as unknown as Template);
    const old = mark === undefined || mark.version < VERSION || mark.content !== contentOf(wanted);
    if (!old && !changed) return;
    if (mark && mark.version > VERSION && config.template !== 'replace') return;
    if (changed && config.template !== 'replace') {
      logger.warn(
        { template: name },
        'someone changed the index template, which is left alone; "template: replace" puts ours back',
      );
      return;
    }
  }
  const mark: Mark = { version: VERSION, content: contentOf(wanted) };
  const body = JSON.stringify({ ...wanted, version: VERSION, _meta: { millrace: mark } });
  assertGood(await client.ask({ method: 'PUT', path, body, signal }));
  logger.info({ template: name, version: VERSION }, 'the index template was installed');
}

function foundTemplate(body: unknown): Readonly<Record<string, unknown>> | undefined {
  const { index_templates: found } = body as {
    index_templates?: readonly { index_template?: Record<string, unknown> }[];
  };
  return found?.[0]?.index_template;
}

/**
 * Of what matters in a template, the same for one that is sent and one that is given back: stores
 * give back settings as nested objects, and OpenSearch does so whatever `flat_settings` says.
 */
function contentOf({ index_patterns, priority, template, data_stream }: Template): string {
  const content = {
    index_patterns,
    priority,
    settings: Object.fromEntries(flat(template?.settings)),
    mappings: template?.mappings,
    stream: data_stream !== undefined,
  };
  return createHash('sha256')
    .update(JSON.stringify(inOrder(content)))
    .digest('base64url')
    .slice(0, 22);
}

/** Settings under their full names. */
function flat(settings: unknown, prefix = ''): [string, unknown][] {
  return Object.entries(settings ?? {}).flatMap(([name, value]): [string, unknown][] =>
    typeof value === 'object' && value !== null ? flat(value, `${prefix}${name}.`) : [[`${prefix}${name}`, value]],
  );
}

function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (typeof value !== 'object' || value === null) return typeof value === 'string' ? value : String(value);
  return Object.entries(value)
    .map(([name, inner]) => [name, inOrder(inner)] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
}
