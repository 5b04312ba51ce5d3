import { text } from './fields.ts';

/** Where a server listens. */
export interface Address {
  /** A name, an IPv4 address, or an IPv6 address without brackets. */
  readonly host: string;
  /** 0 to 65535; 0 asks for any free one. */
  readonly port: number;
}

const IPV6 = '\\[[0-9a-fA-F:.]*:[0-9a-fA-F:.]*(?:%[0-9a-zA-Z._-]+)?\\]';
const NAME_OR_IPV4 = '[^\\s:/@\\[\\]]+';
const PORT = '(?:[0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])';

/** The field for an address to listen on: `127.0.0.1:8080`, `localhost:0`, `[::1]:8080`. */
export function address(about: { readonly description: string; readonly default?: string }) {
  return text({
    pattern: `^(?:${IPV6}|${NAME_OR_IPV4}):${PORT}$`,
    form: 'an address and a port such as 127.0.0.1:8080 or [::1]:8080',
    ...about,
  });
}

/** What such a field holds, in its parts. */
export function parseAddress(listen: string): Address {
  const colon = listen.lastIndexOf(':');
  return { host: listen.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(listen.slice(colon + 1)) };
}

/** Whether the host, as parseAddress gives it, is this machine, which no other can reach by that name. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** The opposite of parseAddress. */
export function formatAddress({ host, port }: Address): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** The base address of a server for requests from this machine, where one that listens everywhere is `local`. */
export function urlOf({ host, port }: Address, local = '127.0.0.1'): string {
  return `http://${formatAddress({ host: isEverywhere(host) ? local : host, port })}`;
}

/** Whether it stands for all addresses of the machine, of one kind or both. */
function isEverywhere(host: string): boolean {
  return /^0(\.0){0,3}$/.test(host) || /^[0:]*:[0:]*$/.test(host);
}
