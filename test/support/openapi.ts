/** Holds replies against the document that describes them. */
import assert from 'node:assert/strict';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { openapiDocument } from '../../src/collector/openapi.ts';
import type { RawReply } from './raw-http.ts';

interface Described {
  readonly responses: Readonly<
    Record<string, { readonly headers?: object; readonly content?: Record<string, { schema: object }> }>
  >;
}

const document = openapiDocument() as { paths: Record<string, Record<string, Described>> };
const ajv = new Ajv2020({ strict: false });

/** The reply's status and body are in the document, where its path and method are. */
export function assertDescribed(method: string, target: string, reply: RawReply): void {
  const path = target.replace(/\?.*$/s, '').replace(/^\/v1\/events\/[^/]+\/progress$/, '/v1/events/{id}/progress');
  const operation = document.paths[path]?.[method.toLowerCase()];
  if (operation === undefined || reply.status === 405) return;
  const described = operation.responses[reply.status];
  assert.ok(described, `${method} ${path}: ${reply.status} is not described`);
  assert.equal('retry-after' in reply.headers, described.headers !== undefined, 'Retry-After');
  const schema = described.content?.['application/json']?.schema;
  if (schema === undefined) assert.equal(reply.body, '');
  else assert.ok(ajv.validate(schema, JSON.parse(reply.body)), `${ajv.errorsText()}: ${reply.body}`);
}
