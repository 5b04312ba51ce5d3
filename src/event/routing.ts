/** Which topic an event goes to: only types named in the configuration have one of their own. */

/** Where types that no topic names go. */
export const DEFAULT_TOPIC = 'web-events';

/** What a type leads to. Events of one type share it. */
export interface Route {
  readonly topic: string;
  readonly type: string;
  readonly typeJson: string;
  /** Headers of the type's records, by the name that the log knows for it. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface RoutingOptions {
  /** Topics by name, with the types that go to each. */
  readonly topics: Readonly<Record<string, { readonly types: readonly string[] }>>;
  readonly unknownTypes: 'accept' | 'reject';
  /** The record header that carries the type. */
  readonly typeHeader: string;
}

/** Routes of unnamed types that are kept: visitors choose those names, so there must be an end. */
const KEPT_UNNAMED = 1000;

export class Router {
  readonly #named = new Map<string, Route>();
  readonly #unnamed = new Map<string, Route>();
  readonly #options: RoutingOptions;

  constructor(options: RoutingOptions) {
    this.#options = options;
    for (const [topic, { types }] of Object.entries(options.topics)) {
      for (const type of types) this.#named.set(type, this.#route(topic, type));
    }
  }

  /** The route of a type; `undefined` if it is refused. */
  route(type: string): Route | undefined {
    const known = this.#named.get(type) ?? this.#unnamed.get(type);
    if (known !== undefined || this.#options.unknownTypes === 'reject') return known;
    const route = this.#route(DEFAULT_TOPIC, type);
    if (this.#unnamed.size === KEPT_UNNAMED) this.#unnamed.clear();
    this.#unnamed.set(type, route);
    return route;
  }

  #route(topic: string, type: string): Route {
    return { topic, type, typeJson: JSON.stringify(type), headers: { [this.#options.typeHeader]: type } };
  }
}
