import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import path from 'node:path';

/** A file as a browser gets it. */
export interface Asset {
  readonly contentType: string;
  readonly body: Buffer;
  /** Strong entity tag, quoted as the header wants it. */
  readonly etag: string;
}

export interface AssetOptions {
  /** Files from elsewhere that are served with the folder, such as a library's. */
  readonly extra?: readonly ExtraAsset[];
}

export interface ExtraAsset {
  /** Name it is served under, such as `uplot.js`. */
  readonly name: string;
  readonly file: string;
  /** Package name that scripts of the folder import it by, such as `uplot`. */
  readonly specifier?: string;
}

/** Assets by the path a browser asks for, without the leading slash: `index.html`, `charts/rate.js`. */
export type Assets = ReadonlyMap<string, Asset>;

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
};

/**
 * Reads a folder of pages once: what is served later is only ever what is in this map, so no
 * request can reach the file system. TypeScript becomes JavaScript by having its types
 * stripped; tests, declarations and files of unknown kinds are left out.
 */
export function loadAssets(directory: string, options: AssetOptions = {}): Assets {
  const extra = options.extra ?? [];
  const packages = new Map(extra.flatMap(({ specifier, name }) => (specifier ? [[specifier, name] as const] : [])));
  const assets = new Map<string, Asset>();
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || /\.(test|d)\.ts$/.test(entry.name)) continue;
    const file = path.join(entry.parentPath, entry.name);
    const name = path.relative(directory, file).split(path.sep).join('/');
    if (name.endsWith('.ts')) {
      const script = toBrowserScript(readFileSync(file, 'utf8'), name, packages);
      assets.set(name.replace(/\.ts$/, '.js'), toAsset('.js', Buffer.from(script)));
    } else if (path.extname(name) in CONTENT_TYPES) {
      assets.set(name, toAsset(path.extname(name), readFileSync(file)));
    }
  }
  for (const { name, file } of extra) assets.set(name, toAsset(path.extname(name), readFileSync(file)));
  return assets;
}

/** What to answer a request for an asset with: all of it, or 304 when the browser has this very version. */
export interface AssetReply {
  readonly status: 200 | 304;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | undefined;
}

/** `ifNoneMatch` is the request's header, if it has one. */
export function replyWithAsset(asset: Asset, ifNoneMatch: string | undefined): AssetReply {
  // Names carry no hash, so a browser asks each time and mostly hears 304: an upgrade shows at once.
  const headers = { etag: asset.etag, 'cache-control': 'no-cache' };
  const known = ifNoneMatch?.split(',').some((tag) => tag.trim().replace(/^W\//, '') === asset.etag);
  if (known) return { status: 304, headers, body: undefined };
  return { status: 200, headers: { ...headers, 'content-type': asset.contentType }, body: asset.body };
}

function toAsset(extension: string, body: Buffer): Asset {
  const hash = createHash('sha256').update(body).digest('base64url').slice(0, 22);
  return { contentType: CONTENT_TYPES[extension] ?? 'application/octet-stream', body, etag: `"${hash}"` };
}

const IMPORT = /(\bfrom\s*|\bimport\s*\(?\s*)(['"])([^'"\n]+)\2/g;

function toBrowserScript(source: string, name: string, packages: ReadonlyMap<string, string>): string {
  const up = '../'.repeat(name.split('/').length - 1) || './';
  return stripTypes(source).replace(IMPORT, (all, keyword: string, quote: string, specifier: string) => {
    const target = packages.get(specifier);
    if (target !== undefined) return `${keyword}${quote}${up}${target}${quote}`;
    if (/^\.{1,2}\/.*\.ts$/.test(specifier)) return `${keyword}${quote}${specifier.replace(/\.ts$/, '.js')}${quote}`;
    return all;
  });
}

/**
 * Node announces once that its stripping function may change; that is no news to whoever runs
 * Millrace, whose Node is pinned. Exactly that warning is kept back, and only during the call.
 */
function stripTypes(source: string): string {
  const emitWarning = process.emitWarning;
  process.emitWarning = ((warning: string | Error, ...rest: []) => {
    if (!String(warning).includes('stripTypeScriptTypes')) emitWarning.call(process, warning, ...rest);
  }) as typeof process.emitWarning;
  try {
    return stripTypeScriptTypes(source);
  } finally {
    process.emitWarning = emitWarning;
  }
}
