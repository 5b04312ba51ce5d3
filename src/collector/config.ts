import { address } from '../config/address.ts';
import type { Static } from '../config/fields.ts';
import { boolean, bytes, duration, integer, list, oneOf, optional, section, text } from '../config/fields.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const SECOND = 1000;
const DAY = 24 * 60 * 60 * SECOND;

const limits = section(
  {
    urlBytes: bytes({ description: 'Longest URL (414)', default: 8 * KiB, minimum: 256 }),
    headerBytes: bytes({ description: 'All headers of a request together (431)', default: 16 * KiB, minimum: KiB }),
    bodyBytes: bytes({ description: 'Longest body as it comes over the wire (413)', default: MiB, minimum: 1 }),
    inflatedBytes: bytes({ description: 'Longest body after decompression (413)', default: 8 * MiB, minimum: 1 }),
    heldBytes: bytes({
      description: 'All bodies held in memory at once, those still arriving included (503)',
      default: 64 * MiB,
      minimum: 1,
    }),
    batchEvents: integer({ description: 'Most events in one request (413)', default: 1000, minimum: 1 }),
    eventBytes: bytes({ description: 'Longest event, as sent and as stored (413)', default: 64 * KiB, minimum: 1 }),
    depth: integer({
      description: 'Levels of nesting in an event; a flat one has 1',
      default: 16,
      minimum: 1,
      maximum: 1000,
    }),
    fields: integer({ description: 'Fields in an event, nested ones included', default: 256, minimum: 1 }),
    connections: integer({ description: 'Open connections (503)', default: 10_000, minimum: 1 }),
    headerTime: duration({
      description: 'How long a client may take for the headers (408)',
      default: 10 * SECOND,
      minimum: 1,
    }),
    requestTime: duration({
      description: 'How long a client may take for the whole request (408)',
      default: 30 * SECOND,
      minimum: 1,
    }),
    keepAlive: duration({ description: 'How long an idle connection stays open', default: 30 * SECOND, minimum: 1 }),
    progressPerSecond: integer({
      description: 'Questions after the progress of an event that one client may ask a second (429)',
      default: 20,
      minimum: 1,
    }),
  },
  { description: 'What one request, one client and all of them together may use' },
);

const time = section(
  {
    past: duration({ description: 'Events from longer ago are given this age', default: 30 * DAY }),
    future: duration({ description: 'Events from further ahead are moved back to this', default: 60 * SECOND }),
  },
  { description: 'Bounds of the time that an event claims, from the moment it arrived' },
);

/** The part of the configuration below `collector`. */
export const collectorConfig = section(
  {
    listen: address({ description: 'Address and port; port 0 picks a free one', default: '0.0.0.0:8080' }),
    acknowledge: oneOf(['received', 'spooled', 'delivered'], {
      description:
        "Answer when the event is in the buffer, on the collector's disk (fsynced), or when the log has it; with the embedded log, spooled is delivered",
      default: 'received',
    }),
    deliveryTimeout: duration({
      description:
        'How long a client waits, at spooled and delivered, before the answer is 503; the event may still arrive',
      default: 5 * SECOND,
      minimum: 1,
    }),
    processes: integer({
      description: 'Processes that share the port; more than one needs "log.kafka", and serves no demo page',
      default: 1,
      minimum: 1,
      maximum: 256,
    }),
    demo: optional(boolean({ description: 'Serve the demo page and the progress of single events' })),
    origins: list(text({ description: 'An origin such as https://example.com' }), {
      description: 'Origins whose pages may read replies; "*" is any',
      default: ['*'],
    }),
    unknownTypes: oneOf(['accept', 'reject'], {
      description: 'What happens to types that no topic names: the topic web-events, or a refusal',
      default: 'accept',
    }),
    clientAddress: boolean({
      description: 'Store the address of the client, truncated to /24 (IPv4) or /48 (IPv6)',
      default: false,
    }),
    trustedProxies: list(text({ description: 'An address or a network such as 10.0.0.0/8' }), {
      description: 'Proxies whose X-Forwarded-For header is believed',
      default: [],
    }),
    limits,
    time,
  },
  { description: 'The HTTP server that takes events from pages' },
);

export type CollectorConfig = Static<typeof collectorConfig>;
