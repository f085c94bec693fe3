import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/parse.ts';
import { type NetworkRef, type Service, selectServices } from '../../../src/model/service.ts';

function service(line: number, servicePort: number, networks: readonly string[] = []): Service {
  return { servicePort, remoteAddr: '10.0.0.1', remotePort: line, networks, line };
}

const LAN: NetworkRef = { name: 'lan', id: '7' };

describe('selectServices', () => {
  it.each<[string, readonly Service[], NetworkRef, readonly number[], readonly [number, number][]]>([
    ['nothing at all', [], LAN, [], []],
    ['no networks: every network', [service(1, 80)], LAN, [1], []],
    ['no networks: even an unknown one', [service(1, 80)], {}, [1], []],
    ['by name', [service(1, 80, ['lan'])], LAN, [1], []],
    ['by id', [service(1, 80, ['7'])], LAN, [1], []],
    ['by name alone', [service(1, 80, ['lan'])], { name: 'lan' }, [1], []],
    ['by id alone', [service(1, 80, ['7'])], { id: '7' }, [1], []],
    ['one of several', [service(1, 80, ['a', 'b', '7'])], LAN, [1], []],
    ['another network', [service(1, 80, ['wan', '8'])], LAN, [], []],
    ['not by a part of the name', [service(1, 80, ['la', 'lan2', '77', ''])], LAN, [], []],
    ['not by the name in other letters', [service(1, 80, ['LAN'])], LAN, [], []],
    ['not the unknown network', [service(1, 80, ['lan'])], {}, [], []],
    ['a name that is a number', [service(1, 80, ['12'])], { name: '12', id: '3' }, [1], []],
    ['in the order of the file', [service(1, 90), service(2, 80), service(3, 85)], LAN, [1, 2, 3], []],
    ['the first of two', [service(1, 80), service(2, 80)], LAN, [1], [[2, 1]]],
    ['the first that matches', [service(1, 80, ['wan']), service(2, 80), service(3, 80)], LAN, [2], [[3, 2]]],
    ['by name and by id the same', [service(1, 80, ['lan']), service(2, 80, ['7'])], LAN, [1], [[2, 1]]],
    [
      'the next one for an unknown host',
      [{ ...service(1, 80), unknown: true }, service(2, 80)],
      LAN,
      [2],
      [[1, 2]],
    ],
    [
      'the first of unknown hosts alone',
      [
        { ...service(1, 80), unknown: true },
        { ...service(2, 80), unknown: true },
      ],
      LAN,
      [1],
      [[2, 1]],
    ],
    ['exception above a default', [service(1, 80, ['7']), service(2, 80)], LAN, [1], [[2, 1]]],
    [
      'default for another network',
      [service(1, 80, ['7']), service(2, 80)],
      { name: 'wan', id: '8' },
      [2],
      [],
    ],
    [
      'a third after two ports',
      [service(1, 80), service(2, 81), service(3, 80), service(4, 81), service(5, 82)],
      LAN,
      [1, 2, 5],
      [
        [3, 1],
        [4, 2],
      ],
    ],
  ])('%s', (_what, services, network, lines, shadowed) => {
    const selection = selectServices(services, network);
    expect(selection.services.map(({ line }) => line)).toEqual(lines);
    expect(selection.shadowed.map((pair) => [pair.service.line, pair.by.line])).toEqual(shadowed);
  });

  it('goes together with the configuration: numbers and text', () => {
    const { config } = parseConfig(`tproxy:
- {service_port: 80, remote_addr: 10.0.0.1, remote_port: 1, networks: [7]}
- {service_port: 80, remote_addr: 10.0.0.2, remote_port: 2, networks: "8"}
- {service_port: 80, remote_addr: 10.0.0.3, remote_port: 3, networks: [lan]}
`);
    const upstream = (network: NetworkRef) =>
      selectServices(config.services, network).services[0]?.remoteAddr;
    expect(upstream({ name: 'x', id: '7' })).toBe('10.0.0.1');
    expect(upstream({ name: 'x', id: '8' })).toBe('10.0.0.2');
    expect(upstream({ name: 'lan', id: '9' })).toBe('10.0.0.3');
    expect(upstream({ name: 'x', id: '9' })).toBeUndefined();
  });
});
