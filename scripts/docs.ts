/**
 * Writes the reference docs from the definitions that the program itself uses:
 * docs/configuration.md and docs/errors.md. `node scripts/docs.ts`; a test says when they are old.
 */
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { configurationDefinition } from '../src/app/definition.ts';
import type { Definition } from '../src/config/definition.ts';
import { definitionOf } from '../src/config/definition.ts';
import { wanted } from '../src/config/read.ts';
import { formatBytes, formatDuration } from '../src/config/units.ts';
import type { Decision, ErrorMaker } from '../src/support/errors.ts';

const root = path.join(import.meta.dirname, '..');
const NOTICE = '<!-- Written by `node scripts/docs.ts` from the definitions in src/; changes here are lost. -->\n';

/** Each generated file, by its path in the repository. */
export async function referenceDocs(): Promise<Readonly<Record<string, string>>> {
  return { 'docs/configuration.md': configurationDoc(), 'docs/errors.md': await errorsDoc() };
}

function configurationDoc(): string {
  const rows: string[] = [];
  collect(definitionOf(configurationDefinition), '', rows);
  return [
    '# Configuration',
    NOTICE,
    'Everything is optional. The file is the one that `--config` names, else `MILLRACE_CONFIG`, else',
    '`./millrace.yaml`. `${NAME}` takes a value from the environment, `${NAME:-text}` with a default;',
    'sizes are written as `64KiB`, times as `250ms`, `10s`, `5m`, `24h` or `7d`.',
    '`millrace config check` lists every fault at once, `millrace config show` what is in force, and',
    '`millrace config schema` prints a JSON Schema for editors.',
    '',
    '| field | takes | default | meaning |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

function collect(definition: Definition, at: string, rows: string[]): void {
  if (definition.type !== 'object') {
    rows.push(
      `| \`${at}\` | ${cell(wanted(definition))} | ${defaultOf(definition)} | ${cell(definition.description ?? '')} |`,
    );
    return;
  }
  if (at !== '') {
    const takes = definition.choice
      ? 'exactly one of these groups'
      : definition.properties
        ? 'a group'
        : 'groups by name';
    rows.push(`| **\`${at}\`** | ${takes} | ${defaultOf(definition)} | ${cell(definition.description ?? '')} |`);
  }
  const prefix = at === '' ? '' : `${at}.`;
  for (const [name, field] of Object.entries(definition.properties ?? {})) collect(field, `${prefix}${name}`, rows);
  if (definition.additionalProperties) collect(definition.additionalProperties, `${prefix}NAME`, rows);
}

function defaultOf(definition: Definition): string {
  const value = definition.default;
  if (value === undefined) return definition.optional || definition.type === 'object' ? '' : 'none: must be given';
  if (definition.unit === 'bytes') return `\`${formatBytes(value as number)}\``;
  if (definition.unit === 'duration') return `\`${formatDuration(value as number)}\``;
  return `\`${cell(typeof value === 'string' ? value : JSON.stringify(value))}\``;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

async function errorsDoc(): Promise<string> {
  const found = new Map<string, { readonly decision: Decision; readonly helps: Set<string> }>();
  for (const file of globSync('src/**/*.ts', { cwd: root, exclude: (name) => name.endsWith('.test.ts') }).sort()) {
    const source = readFileSync(path.join(root, file), 'utf8');
    if (!source.includes('= defineErrors({')) continue;
    const module = (await import(path.join(root, file))) as Record<string, unknown>;
    for (const table of Object.values(module)) {
      if (typeof table !== 'object' || table === null) continue;
      for (const [code, maker] of Object.entries(table as Record<string, ErrorMaker>)) {
        if (typeof maker !== 'function' || maker.meaning === undefined) continue;
        const { decision, help } = maker.meaning;
        const known = found.get(code);
        if (known && known.decision !== decision) throw new Error(`the code ${code} has two decisions`);
        if (known) known.helps.add(help);
        else found.set(code, { decision, helps: new Set([help]) });
      }
    }
  }
  const rows = [...found].sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    '# Errors',
    NOTICE,
    'Every error that a user can meet has a code. The code carries the decision that the program takes:',
    '**retry** (again later, by itself), **dead-letter** (this record is put aside, the others go on), **stop**',
    '(a person must act), **refuse** (the caller asked for something wrong; nothing happened).',
    '',
    '| code | decision | what to do |',
    '|---|---|---|',
    ...rows.map(([code, { decision, helps }]) => `| \`${code}\` | ${decision} | ${cell([...helps].join(' '))} |`),
    '',
  ].join('\n');
}

if (import.meta.main) {
  for (const [file, text] of Object.entries(await referenceDocs())) writeFileSync(path.join(root, file), text);
}
