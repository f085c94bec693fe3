import { describe, expect, it } from 'vitest';
import { type Endpoint, sameEndpoints } from '../../../src/model/endpoint.ts';

const A: Endpoint = { servicePort: 80, upstream: { address: '10.0.0.1', port: 8080 } };
const B: Endpoint = { servicePort: 81, upstream: { address: '10.0.0.1', port: 8080 } };

describe('sameEndpoints', () => {
  it.each<[string, readonly Endpoint[], readonly Endpoint[], boolean]>([
    ['none', [], [], true],
    ['the same', [A, B], [A, B], true],
    ['in another order', [A, B], [B, A], true],
    ['one more', [A], [A, B], false],
    ['one less', [A, B], [A], false],
    ['another port', [A], [B], false],
    ['another address', [A], [{ ...A, upstream: { ...A.upstream, address: '10.0.0.2' } }], false],
    ['another remote port', [A], [{ ...A, upstream: { ...A.upstream, port: 1 } }], false],
    ['a comment', [A], [{ ...A, comment: 'proxy=v2' }], false],
    ["somebody's note", [A], [{ ...A, comment: 'ask the web team' }], true],
    ['another comment', [{ ...A, comment: 'proxy=v1' }], [{ ...A, comment: 'proxy=v2' }], false],
  ])('%s', (_what, a, b, same) => {
    expect(sameEndpoints(a, b)).toBe(same);
    expect(sameEndpoints(b, a)).toBe(same);
  });
});
