/** Where the two differ after all that is made alike, and why; docs/connect.md lists the reasons. */
import type { Call } from './calls.ts';
import type { Normal } from './normalisations.ts';
import { canonical } from './normalisations.ts';

/** A place in an answer where the two are not the same: `status`, `location`, `body.tasks.0.state`. */
export type Place = string;

export interface Difference {
  readonly reason: string;
  /** `METHOD path`, and the body as JSON. */
  readonly calls: RegExp;
  readonly places: RegExp;
}

export const DIFFERENCES: readonly Difference[] = [
  {
    reason: 'a request that can not be read, or names what there is not, is a 400 here and a 500 there',
    calls:
      /^POST \/connectors (\{"name":$|.*("SLEEPING"|"strange"))|^PATCH \/connectors\/moved\/offsets .*"kafka_partition":99|^PUT \/connector-plugins\/SINK\/config\/validate \{"topics"/,
    places: /^(status|body\..*)$/,
  },
  {
    reason: "paths that are none of Kafka Connect's have the errors of our own API",
    calls: /^GET \/nowhere /,
    places: /^body\./,
  },
  {
    reason: 'a slash within a name is no fault of the address here, and no connector has such a name',
    calls: /%2F/,
    places: /^(status|body)$/,
  },
  {
    reason: 'health names the start of the process too',
    calls: /^GET \/health /,
    places: /^body\.instance$/,
  },
  {
    reason: 'a task has no class of its own',
    calls: /^GET \/connectors\/one\/tasks /,
    places: /^body\.0\.config\.task\.class$/,
  },
  {
    reason: 'there is at most one task a worker, so that one worker has one whatever tasks.max says',
    calls: /^PUT \/connectors\/one\/config .*"name":"one"/,
    places: /^body\.tasks\.1$/,
  },
  {
    reason: 'a connector that begins paused has its tasks from the start, paused like itself',
    calls: /^GET \/connectors\/four\/status /,
    places: /^body\.tasks\.0$/,
  },
  {
    reason: 'another name in a patch is refused as in a whole configuration; there it is kept beside the real one',
    calls: /^PATCH \/connectors\/put\/config \{"name":"one"\}/,
    places: /^(status|body\..*)$/,
  },
  {
    reason: 'a flag that is neither true nor false is a 400',
    calls: /restart\?includeTasks=perhaps/,
    places: /^(status|body)$/,
  },
  {
    reason: 'the topics of a connector that there is not are a 404, as all else of it',
    calls: /^GET \/connectors\/none\/topics /,
    places: /^(status|body\..*)$/,
  },
  {
    reason: 'a sink of files does not go back to records that it has loaded, since it would store them twice',
    calls: /^PATCH \/connectors\/one\/offsets .*"kafka_offset":1\}/,
    places: /^(status|body\.error_code)$/,
  },
  {
    reason: 'validation shows a value that is no number as it was given, and not as none',
    calls: /validate .*"tasks\.max":"many"/,
    places: /^body\.configs\.2\.value\.value$/,
  },
  {
    reason: 'a logger that there is not is a 404, and not made',
    calls: /^PUT \/admin\/loggers\/no\.such\.logger /,
    places: /^(status|body)$/,
  },
];

/** The places at which two answers are not the same. */
export function placesOf(theirs: Normal, ours: Normal): readonly Place[] {
  const places: Place[] = [];
  const walk = (a: unknown, b: unknown, place: string) => {
    if (canonical(a) === canonical(b)) return;
    if (isObject(a) && isObject(b) && Array.isArray(a) === Array.isArray(b)) {
      const names = new Set([...Object.keys(a), ...Object.keys(b)]);
      for (const name of names) walk(a[name], b[name], place === '' ? name : `${place}.${name}`);
    } else places.push(place);
  };
  walk(theirs, ours, '');
  return places;
}

/** Why a place of a call differs; `undefined` if nobody has said. */
export function reasonFor(call: Call, place: Place): string | undefined {
  const { method, path, body, text } = call;
  const asked = `${method} ${path} ${text ?? (body === undefined ? '' : JSON.stringify(body))}`;
  return DIFFERENCES.find(({ calls, places }) => calls.test(asked) && places.test(place))?.reason;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
