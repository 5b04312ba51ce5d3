import { Type } from '../config/json-schema.ts';
import { ID_PATTERN } from './event.ts';
import { MAX_TIME } from './time.ts';

/** Visible characters only: no control, format, surrogate or unassigned code point (\p{C}). */
const TYPE_PATTERN = '^\\P{C}{1,128}$';

/** A moment: RFC 3339, or milliseconds since the epoch. */
function moment(description: string) {
  return Type.Unsafe<string | number>({
    type: ['string', 'number'],
    format: 'date-time',
    minimum: 0,
    maximum: MAX_TIME,
    description,
  });
}

/** An event as a client sends it. Requests are validated by this very schema, and described by it. */
export const eventSchema = Type.Object(
  {
    id: Type.Optional(
      Type.String({
        pattern: ID_PATTERN,
        description: 'Unique; the same on every retry, so that stores keep one copy. Made here if left out.',
      }),
    ),
    type: Type.String({ pattern: TYPE_PATTERN, description: 'What happened, such as select-color.' }),
    timestamp: Type.Optional(moment('When it happened: RFC 3339, or milliseconds since the epoch.')),
    sentAt: Type.Optional(
      moment('The client clock when it sent the event. Corrects timestamp for a wrong clock; not stored.'),
    ),
  },
  {
    additionalProperties: true,
    description: 'One event. Any other field is its own, such as userName, colorName, page.',
  },
);
