import { decisionOf } from '../../support/errors.ts';
import type { Chain } from './chain.ts';
import { filesErrors, isGone } from './errors.ts';
import type { Manifest } from './manifest.ts';
import type { PreparedFile } from './stores/file-store.ts';

/**
 * - `unsent`: certain not to be published.
 * - `undecided`: may be published, now or later.
 * - `won`: published, and the newest.
 * - `lost`: another manifest has the number.
 * - `void`: published under a number that was free again, because newer ones had made it old.
 */
export type PublicationState = 'unsent' | 'undecided' | 'won' | 'lost' | 'void';

/** One manifest on its way to its number. */
export class Publication {
  readonly #chain: Chain;
  readonly #manifest: Manifest;
  readonly #file: PreparedFile;
  #state: PublicationState = 'unsent';
  #failure: unknown;
  #standing: readonly number[] = [];

  constructor(chain: Chain, manifest: Manifest, temporary: string) {
    this.#chain = chain;
    this.#manifest = manifest;
    this.#file = { temporary, name: chain.pathOf(manifest.number) };
  }

  get state(): PublicationState {
    return this.#state;
  }

  /** The numbers of all manifests, ascending, as of when this one was found published. */
  get standing(): readonly number[] {
    return this.#standing;
  }

  async prepare(content: Uint8Array, signal: AbortSignal): Promise<void> {
    await this.#chain.store.prepare(this.#file, content, signal);
  }

  /**
   * Tries to publish, and to find out what became of it; throws while that is not known. It can be
   * called again, and then sends the very same.
   */
  async attempt(signal: AbortSignal): Promise<void> {
    this.#state = 'undecided';
    const published = await this.#isPublished(signal);
    if (!published) {
      this.#state = 'lost';
      return;
    }
    this.#standing = await this.#chain.numbers(signal);
    const newest = this.#standing.at(-1) ?? -1;
    this.#state = newest > this.#manifest.number ? 'void' : 'won';
  }

  failed(error: unknown): void {
    this.#failure = error;
  }

  /** Throws what kept it from a decision. */
  throwIfUnknown(): void {
    if (this.#state === 'unsent' || this.#state === 'undecided') throw this.#failure;
  }

  throwUnlessWon(): void {
    if (this.#state === 'won') return;
    this.throwIfUnknown();
    const { topic, partition } = this.#chain.identity;
    throw filesErrors.FILES_TAKEN_OVER(`${topic}-${partition} was taken over by another writer`);
  }

  /**
   * Whether the files of this manifest are certainly not committed; takes back what can still be.
   * A void one is left alone, with all that it names.
   */
  async withdraw(signal: AbortSignal): Promise<boolean> {
    if (this.#state === 'won' || this.#state === 'void') return false;
    if (this.#state !== 'undecided') return true;
    return this.#chain.store.withdraw(this.#file, signal);
  }

  async #isPublished(signal: AbortSignal): Promise<boolean> {
    let unknown: unknown;
    try {
      if ((await this.#chain.store.publishIfAbsent(this.#file, signal)) === 'won') return true;
    } catch (error) {
      if (signal.aborted || (decisionOf(error) !== 'retry' && !isGone(error))) throw error;
      unknown = error;
    }
    // A repeat of a call that won is told that it lost, so the manifest itself decides.
    const standing = await this.#chain.manifest(this.#manifest.number, signal);
    if (standing) return standing.commit === this.#manifest.commit;
    if (unknown !== undefined && !isGone(unknown)) throw unknown;
    return false;
  }
}
