import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import test from 'node:test';
import { ClientAddresses, truncateAddress } from './client-address.ts';

function request(remoteAddress: string, forwardedFor?: string): IncomingMessage {
  return { socket: { remoteAddress }, headers: { 'x-forwarded-for': forwardedFor } } as unknown as IncomingMessage;
}

test('addresses lose the part that names one household', () => {
  for (const [address, truncated] of [
    ['203.0.113.77', '203.0.113.0'],
    ['2001:db8:1234:5678::1', '2001:db8:1234::'],
    ['2001:0DB8:0001:2:3:4:5:6', '2001:db8:1::'],
    ['2001:db8::1', '2001:db8:0::'],
    ['::1', '0:0:0::'],
    ['fe80::', 'fe80:0:0::'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0::'],
  ]) {
    assert.equal(truncateAddress(address!), truncated);
  }
});

test('the header counts only from a trusted proxy, and only up to the first that is none', () => {
  const addresses = new ClientAddresses(['10.0.0.0/8', 'fd00::/8', '192.0.2.1']);
  assert.equal(addresses.of(request('198.51.100.1', '203.0.113.1')), '198.51.100.1');
  assert.equal(addresses.of(request('10.0.0.1', '203.0.113.1')), '203.0.113.1');
  assert.equal(addresses.of(request('::ffff:10.0.0.1', '203.0.113.1, 10.9.9.9')), '203.0.113.1');
  assert.equal(addresses.of(request('fd00::1', '6.6.6.6, 203.0.113.1, 192.0.2.1')), '203.0.113.1');
  assert.equal(addresses.of(request('10.0.0.1')), '10.0.0.1');
  assert.equal(addresses.of(request('10.0.0.1', '203.0.113.1, nonsense, 10.9.9.9')), '10.9.9.9');
  assert.equal(addresses.of(request('10.0.0.1', '2001:db8::1%eth0')), '2001:db8::1');
  assert.equal(addresses.of(request('10.0.0.1', '10.0.0.2,'.repeat(1000))), '10.0.0.1');
});

test('without trusted proxies the header is nothing', () => {
  assert.equal(new ClientAddresses([]).of(request('10.0.0.1', '203.0.113.1')), '10.0.0.1');
});

test('a trusted proxy that is no address is a clear error', () => {
  for (const proxy of ['proxy.local', '10.0.0.0/33', '10.0.0.0/-1', 'fd00::/129', '10.0.0.0/x', '']) {
    assert.throws(() => new ClientAddresses([proxy]), { code: 'PROXY_INVALID' });
  }
});
