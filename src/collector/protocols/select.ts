/**
 * `GET /api/select?color=&user=`: a colour was chosen, as the page of the original design says
 * it. Most requests are this one, so it goes from the URL to the bytes of the event without an
 * object, a promise or a closure that it could do without.
 */
import { Ajv } from 'ajv';
import { Type } from '../../config/json-schema.ts';
import { safeText, serializeEvent } from '../../event/canonical.ts';
import type { Stamp } from '../../event/event.ts';
import { ID_PATTERN, newEventId } from '../../event/event.ts';
import type { Judged, Pipeline } from '../admission.ts';
import { judgeInput } from '../admission.ts';
import type { RequestFault } from '../errors.ts';

export const SELECT_TYPE = 'select-color';

/** The parameters. Requests are validated by this very schema, and described by it. */
export const selectQuery = Type.Object({
  color: Type.String({ minLength: 1, description: 'The colour that was chosen; becomes colorName.' }),
  user: Type.Optional(Type.String({ description: 'Who chose; becomes userName, unless it is empty.' })),
  id: Type.Optional(
    Type.String({
      pattern: ID_PATTERN,
      description: 'The id of the event, the same on every retry; made here if left out.',
    }),
  ),
});

interface SelectQuery {
  color: string | undefined;
  user: string | undefined;
  id: string | undefined;
}

const isQuery = new Ajv({ strict: true }).compile<SelectQuery>(selectQuery);

/** Judges the event of a request: `url` from the question mark on, or empty. */
export function judgeSelect(
  query: string,
  stamp: Stamp,
  pipeline: Pipeline,
): Judged | { readonly fault: RequestFault } {
  const parameters = parseQuery(query);
  if (parameters === undefined) return { fault: 'QUERY_INVALID' };
  if (!isQuery(parameters)) {
    return { fault: isQuery.errors?.[0]?.instancePath === '/id' ? 'ID_INVALID' : 'COLOR_MISSING' };
  }
  const { color = '', user, id } = parameters;
  const route = pipeline.router.route(SELECT_TYPE);
  if (route === undefined) return { fault: 'TYPE_UNKNOWN' };
  if (route.key !== undefined || pipeline.schemas.has(SELECT_TYPE)) {
    return judgeAsEvent(color, user, id, stamp, pipeline);
  }
  const eventId = id ?? newEventId();
  const colorJson = JSON.stringify(safeText(color));
  const value = serializeEvent({
    idJson: id === undefined ? `"${eventId}"` : JSON.stringify(id),
    typeJson: route.typeJson,
    timestamp: stamp.receivedAt,
    stamp,
    own: user ? `"userName":${JSON.stringify(safeText(user))},"colorName":${colorJson}` : `"colorName":${colorJson}`,
  });
  if (value.length > pipeline.rules.bytes) return { fault: 'EVENT_TOO_LARGE' };
  return { outgoing: { id: eventId, topic: route.topic, timestamp: stamp.receivedAt, value, headers: route.headers } };
}

/** The way of all other events, for a type that has a schema or a key. */
function judgeAsEvent(
  color: string,
  user: string | undefined,
  id: string | undefined,
  stamp: Stamp,
  pipeline: Pipeline,
): Judged {
  const own = { ...(user ? { userName: safeText(user) } : {}), colorName: safeText(color) };
  const input = { ...(id === undefined ? {} : { id }), type: SELECT_TYPE, ...own };
  return judgeInput(input, JSON.stringify(input), stamp, pipeline);
}

/** Of a parameter that comes twice the last counts. `undefined`: not percent-encoded UTF-8. */
function parseQuery(query: string): SelectQuery | undefined {
  const found: SelectQuery = { color: undefined, user: undefined, id: undefined };
  for (let from = 1; from < query.length; ) {
    const separator = query.indexOf('&', from);
    const end = separator === -1 ? query.length : separator;
    if (query.startsWith('color=', from)) found.color = decode(query.slice(from + 6, end));
    else if (query.startsWith('user=', from)) found.user = decode(query.slice(from + 5, end));
    else if (query.startsWith('id=', from)) found.id = decode(query.slice(from + 3, end));
    if (found.color === UNREADABLE || found.user === UNREADABLE || found.id === UNREADABLE) return undefined;
    from = end + 1;
  }
  return found;
}

/** Stands for a value that cannot be decoded; no decoded value holds a lone surrogate. */
const UNREADABLE = '\uD800';
const ENCODED = /[%+]/;

function decode(text: string): string {
  if (!ENCODED.test(text)) return text;
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return UNREADABLE;
  }
}
