/** What is made alike before answers are compared: this, and nothing else. docs/connect.md lists the sentences. */
import type { Answer, Side } from './side.ts';

export interface Normalisation {
  /** For docs. */
  readonly says: string;
  apply(value: Normal, side: Side): Normal;
}

/** An answer as it is compared. */
export interface Normal {
  readonly status: number;
  readonly location?: unknown;
  readonly body?: unknown;
}

type Named = Readonly<Record<string, unknown>>;

export const NORMALISATIONS: readonly Normalisation[] = [
  {
    says: 'names of classes are one name',
    apply: (value, { classes }) => {
      const names = new Set(Object.values(classes));
      return everywhere(value, (one) => (typeof one === 'string' && names.has(one) ? 'CLASS' : one));
    },
  },
  {
    says: 'workers, versions, commits and the id of the cluster are only there or not',
    apply: (value) => fields(value, ['worker_id', 'version', 'commit', 'kafka_cluster_id'], thereOrNot),
  },
  { says: 'times of changes are only there or not', apply: (value) => fields(value, ['last_modified'], thereOrNot) },
  {
    says: 'sentences for people (messages, traces, errors of keys) are only there or not',
    apply: (value) =>
      fields(fields(value, ['message', 'trace'], thereOrNot), ['errors'], (errors) =>
        Array.isArray(errors) ? errors.length > 0 : errors,
      ),
  },
  {
    says: 'an address is its path',
    apply: (value) =>
      typeof value.location === 'string'
        ? { ...value, location: new URL(value.location, 'http://here').pathname }
        : value,
  },
  {
    says: 'lists of connectors, and of positions, have no order',
    apply: (value) => {
      const { body } = value;
      if (isNamed(body) && Array.isArray(body['offsets'])) {
        return { ...value, body: { ...body, offsets: sorted(body['offsets']) } };
      }
      const isOfNames = Array.isArray(body) && body.every((one) => typeof one === 'string');
      return isOfNames ? { ...value, body: sorted(body) } : value;
    },
  },
  {
    says: 'of plugins there are only sinks, and how many is not compared',
    apply: (value) => {
      const { body } = value;
      if (!Array.isArray(body) || !body.some((one) => isNamed(one) && 'class' in one)) return value;
      const sinks = body
        .filter((one) => isNamed(one) && one['type'] === 'sink')
        .map((one) => ({ ...one, class: 'CLASS' }));
      return {
        ...value,
        body: [...new Set(sinks.map((sink) => JSON.stringify(sink)))].map((sink) => JSON.parse(sink)),
      };
    },
  },
  {
    says: `of a plugin's keys ${'`name`, `connector.class`, `tasks.max`, `topics` and `topics.regex`'} are compared, by name, type, need and value; how many errors there are is zero or not`,
    apply: (value) => {
      const { body } = value;
      if (Array.isArray(body) && body.some((one) => isNamed(one) && 'default_value' in one)) {
        return { ...value, body: keysOf(body, keyOf) };
      }
      if (!isNamed(body) || !Array.isArray(body['configs'])) return value;
      const configs = keysOf(body['configs'], ({ definition, value: given }) => ({
        definition: keyOf(definition as Named),
        value: given,
      }));
      return { ...value, body: { ...body, groups: undefined, error_count: Number(body['error_count']) > 0, configs } };
    },
  },
  {
    says: 'of loggers `root` alone is compared',
    apply: (value) => {
      const { body } = value;
      if (isNamed(body) && isNamed(body['root'])) return { ...value, body: { root: body['root'] } };
      if (Array.isArray(body) && body.includes('root')) return { ...value, body: ['root'] };
      return value;
    },
  },
];

/** An answer of a side as it is compared. */
export function normalised({ status, location, body }: Answer, side: Side): Normal {
  return NORMALISATIONS.reduce<Normal>((value, { apply }) => apply(value, side), { status, location, body });
}

const KEYS = ['name', 'connector.class', 'tasks.max', 'topics', 'topics.regex'];

function keysOf(entries: readonly Named[], shown: (entry: Named) => object): readonly object[] {
  const nameOf = (entry: Named) => (isNamed(entry['definition']) ? entry['definition']['name'] : entry['name']);
  return KEYS.map((key) => entries.find((entry) => nameOf(entry) === key)).map((entry) => (entry ? shown(entry) : {}));
}

function keyOf(definition: Named): object {
  // One that may be left out in favour of another has no need and an empty default, on one side or the other.
  const { name, type, required } = definition;
  return { name, type, required, fields: sorted(Object.keys(definition)) };
}

function thereOrNot(value: unknown): unknown {
  return value === undefined || value === null || value === '' ? value : 'THERE';
}

function sorted(list: readonly unknown[]): readonly unknown[] {
  return [...list].sort((a, b) => (canonical(a) < canonical(b) ? -1 : 1));
}

/** Replaces these fields wherever they stand. */
function fields(value: Normal, names: readonly string[], replace: (value: unknown) => unknown): Normal {
  return everywhere(value, (one) =>
    isNamed(one)
      ? Object.fromEntries(
          Object.entries(one).map(([name, field]) => [name, names.includes(name) ? replace(field) : field]),
        )
      : one,
  );
}

function everywhere(value: Normal, replace: (value: unknown) => unknown): Normal {
  const walk = (one: unknown): unknown => {
    const replaced = replace(one);
    if (Array.isArray(replaced)) return replaced.map(walk);
    if (!isNamed(replaced)) return replaced;
    return Object.fromEntries(Object.entries(replaced).map(([name, field]) => [name, walk(field)]));
  };
  return walk(value) as Normal;
}

function isNamed(value: unknown): value is Named {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** As text, whatever the order of the fields. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_name, field: unknown) =>
    isNamed(field) ? Object.fromEntries(Object.entries(field).sort(([a], [b]) => (a < b ? -1 : 1))) : field,
  );
}
