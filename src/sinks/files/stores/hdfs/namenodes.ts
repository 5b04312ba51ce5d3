import { MillraceError } from '../../../../support/errors.ts';
import { filesErrors } from '../../errors.ts';
import { coded, RemoteException, remoteException } from './answers.ts';
import type { HttpAnswer, HttpClient, HttpRequest } from './http.ts';
import { isGood, NotSent } from './http.ts';

const API = '/webhdfs/v1';
const TEMPORARY_REDIRECT = 307;

/** Who is asked, and what proves who asks. */
export interface NameNodesOptions {
  readonly namenodes: readonly string[];
  readonly user?: string | undefined;
  readonly delegationToken?: string | undefined;
  readonly basic?: { readonly user: string; readonly password: string } | undefined;
  readonly bearer?: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** Hosts that data may be sent to; left out, wherever a NameNode says. */
  readonly redirectHosts?: readonly string[] | undefined;
}

/** What an operation may do when its answer is lost: be asked again, or not. */
type Repeat = 'harmless' | 'unknown';

/** What is asked of a NameNode. */
export interface Operation {
  readonly method: HttpRequest['method'];
  readonly op: string;
  readonly path: string;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly repeat: Repeat;
}

/** The NameNodes of a cluster, of which whichever is active is asked. */
export class NameNodes {
  readonly #options: NameNodesOptions;
  readonly #http: HttpClient;
  readonly #nodes: readonly URL[];
  /** The one that was active last. */
  #active = 0;

  constructor(options: NameNodesOptions, http: HttpClient) {
    this.#options = options;
    this.#http = http;
    this.#nodes = options.namenodes.map((node) => new URL(node));
  }

  /** The answer, which is a good one. */
  async ask(operation: Operation, signal: AbortSignal): Promise<HttpAnswer> {
    return (await this.#ofActive(operation, signal, ({ status }) => isGood(status))).answer;
  }

  /** Asks a NameNode where to go with the data, and resolves to the request to make there. */
  async redirected(operation: Operation, signal: AbortSignal): Promise<HttpRequest> {
    const isRedirect = ({ status }: HttpAnswer) => status === TEMPORARY_REDIRECT;
    const { answer, node: from } = await this.#ofActive(operation, signal, isRedirect);
    const to = URL.parse(answer.headers.location ?? '');
    if (!to) throw filesErrors.FILES_HDFS_REFUSED(`${describe(operation)}: the answer names no place for the data`);
    return {
      method: operation.method,
      url: to,
      headers: { ...this.#headersFor(from, to), 'content-type': 'application/octet-stream' },
    };
  }

  /**
   * Asks the NameNode that was active last, and the others after it where it is certain that this
   * one did nothing, or where asking twice does no harm.
   */
  async #ofActive(
    operation: Operation,
    signal: AbortSignal,
    isExpected: (answer: HttpAnswer) => boolean,
  ): Promise<{ readonly answer: HttpAnswer; readonly node: URL }> {
    const what = describe(operation);
    const first = this.#active;
    let standby: RemoteException | undefined;
    for (let tried = 1; ; tried++) {
      signal.throwIfAborted();
      // Counted from where this operation began: others that fail over at the same time must not make it skip one.
      const at = (first + tried - 1) % this.#nodes.length;
      const node = this.#nodes[at]!;
      try {
        const url = this.#urlOf(node, operation);
        const answer = await this.#http.ask({
          method: operation.method,
          url,
          headers: this.#headersFor(node, url),
          signal,
        });
        if (!isExpected(answer)) throw remoteException(answer);
        this.#active = at;
        return { answer, node };
      } catch (error) {
        const isStandby = error instanceof RemoteException && error.isStandby;
        if (isStandby) standby ??= error;
        if (!isStandby && !isRepeatable(error, operation.repeat)) throw coded(what, error, signal);
        // One that is gone says less than one that waits to be made the active one.
        if (tried === this.#nodes.length) throw coded(what, signal.aborted ? error : (standby ?? error), signal);
      }
    }
  }

  #urlOf(node: URL, { op, path, parameters }: Operation): URL {
    const base = node.href.replace(/\/+$/, '');
    const url = new URL(
      `${base.endsWith(API) ? base : base + API}${path.split('/').map(encodeURIComponent).join('/')}`,
    );
    url.searchParams.set('op', op);
    for (const [name, value] of Object.entries(parameters ?? {})) url.searchParams.set(name, value);
    const { delegationToken, user } = this.#options;
    if (delegationToken !== undefined) url.searchParams.set('delegation', delegationToken);
    else if (user !== undefined) url.searchParams.set('user.name', user);
    return url;
  }

  /**
   * Headers for a request that a NameNode sent us to. A NameNode may send data to any host, unless
   * the configuration names them, but never from https to http; what proves who we are goes to
   * those that are named, and back to where it was meant for. (A delegation token stands in the
   * address that the NameNode itself made.)
   */
  #headersFor(from: URL, to: URL): Record<string, string> {
    const { redirectHosts, basic, bearer, headers } = this.#options;
    const isNamed = redirectHosts?.some((host) => matches(host, to.hostname)) === true;
    const isHome = from.origin === to.origin;
    if (!isHome && redirectHosts && !isNamed) throw filesErrors.FILES_HDFS_REDIRECT(`we are sent to ${to.hostname}`);
    if (from.protocol === 'https:' && to.protocol !== 'https:') {
      throw filesErrors.FILES_HDFS_REDIRECT(`we are sent to ${to.hostname} without encryption`);
    }
    if (!isHome && !isNamed) return {};
    if (basic)
      return {
        ...headers,
        authorization: `Basic ${Buffer.from(`${basic.user}:${basic.password}`).toString('base64')}`,
      };
    return bearer === undefined ? { ...headers } : { ...headers, authorization: `Bearer ${bearer}` };
  }
}

export function describe({ op, path }: Operation): string {
  return `${op} ${path}`;
}

function matches(pattern: string, host: string): boolean {
  return pattern.startsWith('*.') ? host.endsWith(pattern.slice(1)) : pattern === host;
}

function isRepeatable(error: unknown, repeat: Repeat): boolean {
  if (error instanceof MillraceError || error instanceof RemoteException) return false;
  return error instanceof NotSent || repeat === 'harmless';
}
