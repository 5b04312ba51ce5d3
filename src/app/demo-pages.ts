import path from 'node:path';
import type { Page } from '../collector/handler.ts';
import { loadAssets, replyWithAsset } from '../support/assets.ts';

/** The page's own scripts, styles and requests, and nothing else. */
const SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
  "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/** The demo page and what belongs to it, by path; read once. */
export function demoPages(): (asked: string) => Page | undefined {
  const pages = new Map<string, Page>();
  for (const [name, asset] of loadAssets(path.join(import.meta.dirname, '../../pages/demo'))) {
    const { headers, body = Buffer.alloc(0) } = replyWithAsset(asset, undefined);
    const security = { 'content-security-policy': SECURITY_POLICY, 'x-content-type-options': 'nosniff' };
    pages.set(name === 'index.html' ? '/' : `/${name}`, { body, headers: { ...headers, ...security } });
  }
  return (asked) => pages.get(asked);
}
