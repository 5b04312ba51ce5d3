import type { IncomingMessage } from 'node:http';
import { BlockList, isIP, isIPv4 } from 'node:net';
import { collectorErrors } from './errors.ts';

/** Hops of X-Forwarded-For that are looked at: more is no real chain of proxies. */
const MAX_HOPS = 16;

/** Finds out who a client is, believing only proxies that are trusted. */
export class ClientAddresses {
  readonly #trusted = new BlockList();
  readonly #trustsAny: boolean;

  /** `trustedProxies`: addresses, or networks such as 10.0.0.0/8. Throws PROXY_INVALID. */
  constructor(trustedProxies: readonly string[]) {
    this.#trustsAny = trustedProxies.length > 0;
    for (const proxy of trustedProxies) {
      const [address = '', prefix] = proxy.split('/');
      const family = familyOf(address);
      const bits = prefix === undefined ? undefined : Number(prefix);
      const most = family === 'ipv4' ? 32 : 128;
      if (family === undefined || (bits !== undefined && !(Number.isInteger(bits) && bits >= 0 && bits <= most))) {
        throw collectorErrors.PROXY_INVALID(`"${proxy}" is neither an address nor a network.`);
      }
      if (bits === undefined) this.#trusted.addAddress(address, family);
      else this.#trusted.addSubnet(address, bits, family);
    }
  }

  /**
   * The client's address: the peer's, or, from a trusted proxy, the last one in X-Forwarded-For
   * that is no trusted proxy itself. An entry that is no address ends the search.
   */
  of(request: IncomingMessage): string | undefined {
    const peer = plainAddress(request.socket.remoteAddress ?? '');
    if (peer === undefined) return undefined;
    if (!this.#trustsAny || !this.#isTrusted(peer)) return peer;
    const header = request.headers['x-forwarded-for'];
    const hops = (typeof header === 'string' ? header : '').split(',').slice(-MAX_HOPS);
    let client = peer;
    for (const hop of hops.reverse()) {
      const address = plainAddress(hop.trim());
      if (address === undefined) break;
      client = address;
      if (!this.#isTrusted(address)) break;
    }
    return client;
  }

  #isTrusted(address: string): boolean {
    return this.#trusted.check(address, familyOf(address) ?? 'ipv4');
  }
}

/** An address without the part that names one household: IPv4 /24, IPv6 /48. */
export function truncateAddress(address: string): string {
  if (isIPv4(address)) return address.replace(/\.\d+$/, '.0');
  const [head = '', tail] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const after = tail === '' ? [] : tail.split(':');
    // An IPv4 part at the end stands for two groups.
    const width = after.length + (after.at(-1)?.includes('.') ? 1 : 0);
    while (groups.length + width < 8) groups.push('0');
    groups.push(...after);
  }
  const kept = groups.slice(0, 3).map((group) => Number.parseInt(group, 16).toString(16));
  return `${kept.join(':')}::`;
}

function familyOf(address: string): 'ipv4' | 'ipv6' | undefined {
  const version = isIP(address);
  return version === 0 ? undefined : version === 4 ? 'ipv4' : 'ipv6';
}

/** The address without a zone, and as IPv4 where it is one in IPv6 clothing; `undefined` if it is none. */
function plainAddress(text: string): string | undefined {
  const address = text.replace(/%.*$/, '').replace(/^::ffff:(?=\d+\.)/i, '');
  return isIP(address) === 0 ? undefined : address;
}
