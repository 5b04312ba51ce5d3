/**
 * A real browser for tests: Chromium from an npm package, driven by playwright-core, with no
 * download of its own and no system package.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import type { Browser, BrowserContext, BrowserContextOptions, LaunchOptions, Page } from 'playwright-core';
import { chromium } from 'playwright-core';

/**
 * The package's own list of arguments switches web security off, so that a test of CORS or CSP
 * would mean nothing: these are ours. Containers give root no sandbox, hence the first.
 */
const ARGUMENTS = [
  '--no-sandbox',
  '--headless=shell',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];

/** Generous, so that only a browser that hangs meets it. */
const LAUNCH_TIMEOUT_MS = 60_000;

/**
 * Starts a browser. Throws if none can be unpacked or started on this machine.
 * Open pages by {@link openPage}, which sets a locale: Chromium without one calls `C.UTF-8` an
 * invalid language tag and breaks whatever formats numbers or dates.
 */
export async function launchBrowser(): Promise<Browser> {
  const { executablePath, home } = unpackChromium();
  // A machine without any fonts or fontconfig gets the package's.
  const environment = { ...process.env };
  if (!existsSync('/etc/fonts')) environment['FONTCONFIG_PATH'] = path.join(home, 'fonts');
  const options: LaunchOptions = { executablePath, args: ARGUMENTS, timeout: LAUNCH_TIMEOUT_MS };
  try {
    return await chromium.launch({ ...options, env: environment });
  } catch (error) {
    if (!String(error).includes('error while loading shared libraries')) throw error;
    // A bare machine lacks NSS; the package brings it, but only uses it on AWS.
    return await chromium.launch({
      ...options,
      env: { ...environment, LD_LIBRARY_PATH: path.join(home, 'al2023', 'lib') },
    });
  }
}

/**
 * Unpacks the browser once for all test runs. The package itself unpacks into the temporary
 * directory and takes whatever stands there for complete, even what another process is still
 * writing; so it does that in a directory of its own, which is then renamed into place.
 */
function unpackChromium(): { readonly executablePath: string; readonly home: string } {
  const entry = import.meta.resolve('@sparticuz/chromium');
  const packageDirectory = path.join(path.dirname(new URL(entry).pathname), '..');
  const { version } = JSON.parse(readFileSync(path.join(packageDirectory, 'package.json'), 'utf8')) as {
    version: string;
  };
  const cache = path.join(packageDirectory, '..', '..', '.cache', 'millrace');
  const home = path.join(cache, `chromium-${version}`);
  const executablePath = path.join(home, 'chromium');
  if (existsSync(executablePath)) return { executablePath, home };

  mkdirSync(cache, { recursive: true });
  const staging = mkdtempSync(path.join(cache, 'unpacking-'));
  const script = `
    import chromium, { inflate } from ${JSON.stringify(entry)};
    await chromium.executablePath();
    await inflate(${JSON.stringify(path.join(packageDirectory, 'bin', 'al2023.tar.br'))});`;
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    env: { ...process.env, TMPDIR: staging },
    encoding: 'utf8',
  });
  try {
    if (status !== 0) throw new Error(`Chromium could not be unpacked: ${stderr.trim()}`);
    renameSync(staging, home);
  } catch (error) {
    // Another process was first: its copy is as good.
    if (!existsSync(executablePath)) throw error;
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
  return { executablePath, home };
}

/** One browser a process: starting one takes longer than most tests. */
let shared: Promise<Browser> | undefined;

test.after(async () => {
  const browser = await shared?.catch(() => undefined);
  await browser?.close();
});

/**
 * A test with a browser. Where none runs the test is skipped, and says so, so that a machine
 * without one can still test the rest; with `CI=true` it fails instead.
 */
export function browserTest(name: string, body: (browser: Browser, t: TestContext) => Promise<void>): void {
  test(name, async (t) => {
    shared ??= launchBrowser();
    let browser: Browser;
    try {
      browser = await shared;
    } catch (error) {
      if (process.env['CI'] === 'true') throw error;
      process.stderr.write(`SKIPPED, no browser runs here: ${name}\n${String(error)}\n`);
      t.skip('no browser runs on this machine');
      return;
    }
    await body(browser, t);
  });
}

/** Everything that went wrong, or was said, in a page. */
export interface Observed {
  /** `type: text` of each console message, the browser's own ones about failed requests included. */
  readonly console: string[];
  /** Uncaught errors and unhandled rejections. */
  readonly errors: string[];
  /** CSP violations, as `directive blocked-uri`. */
  readonly violations: string[];
  /** Durations in milliseconds of tasks that held the main thread for longer than 50 ms. */
  longTasks(): Promise<readonly number[]>;
}

interface Recorder {
  millraceLongTasks: number[];
}

/** A page in a browser context of its own (no shared cookies or storage), closed after the test. */
export async function openPage(
  browser: Browser,
  t: Pick<TestContext, 'after'>,
  options: BrowserContextOptions = {},
): Promise<{ readonly page: Page; readonly context: BrowserContext; readonly observed: Observed }> {
  const context = await browser.newContext({ locale: 'en-US', ...options });
  t.after(() => context.close());
  const page = await context.newPage();
  const said: string[] = [];
  const errors: string[] = [];
  const violations: string[] = [];
  page.on('console', (message) => said.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => errors.push(String(error)));
  await page.exposeFunction('millraceReport', (kind: string, text: string) => {
    (kind === 'violation' ? violations : errors).push(text);
  });
  await page.addInitScript(() => {
    const recorder = globalThis as unknown as Recorder & { millraceReport(kind: string, text: string): void };
    recorder.millraceLongTasks = [];
    addEventListener('unhandledrejection', (event) => recorder.millraceReport('rejection', String(event.reason)));
    document.addEventListener('securitypolicyviolation', (event) =>
      recorder.millraceReport('violation', `${event.violatedDirective} ${event.blockedURI}`),
    );
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) recorder.millraceLongTasks.push(entry.duration);
    }).observe({ type: 'longtask', buffered: true });
  });
  const longTasks = () => page.evaluate(() => (globalThis as unknown as Recorder).millraceLongTasks);
  return { page, context, observed: { console: said, errors, violations, longTasks } };
}
