import { parseRules } from '../../../src/config/egress/rules-file.ts';
import { compileClient } from '../../../src/gateway/rules/client.ts';
import { definitionOf } from '../../../src/gateway/rules/definition.ts';
import { demand, isPort } from '../demand.ts';
import type { Target } from '../target.ts';

const HEADER = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

export const rules: Target = {
  name: 'rules',
  samples: [
    'clients:\n  a:\n    token: sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n    rules:\n    - host: a.example\n      methods: [GET, HEAD]\n      paths: [/u/*]\n    - host: "*.b.example"\n      deny: true\n',
    'clients:\n  b: {networks: [lan], vms: [42], rules: [{host: 10.0.0.0/8, ports: [22], passthrough: true}]}\n',
    'clients: {c: {vms: [1], rules: [&r {host: c, request_headers: {set: {A: "secret:x"}, remove: [Cookie]}}, {<<: *r, response_headers: {set: {B: c}}}]}}\n',
  ],
  words: [
    'host: ',
    '"*"',
    '"*."',
    '::1',
    '/8',
    'methods: ',
    'paths: ',
    'secret:',
    'sha256:',
    '&a ',
    '*a',
    '<<: ',
    '- ',
    'deny: true',
    'passthrough: true',
    ': ~',
    ': []',
  ],
  judge(input) {
    const { clients, problems } = parseRules(input);
    for (const { message, remedy, line } of problems) {
      demand(
        line > 0 &&
          remedy !== '' &&
          !/[\0-\x1f\x7f-\x9f\u202e]/.test(message + remedy) &&
          message.length < 1000,
        `problem ${JSON.stringify(message)}`,
      );
    }
    const faulty = problems.some(({ severity }) => severity === 'error');
    demand(faulty === (clients === undefined), 'a file with an error changes nothing');
    for (const client of clients ?? []) {
      demand(compileClient(definitionOf(client, 'f')).rules.length === client.rules.length, 'rules');
      for (const {
        ports,
        methods = ['GET'],
        paths = ['/'],
        requestHeaders,
        responseHeaders,
      } of client.rules) {
        demand(ports.length > 0 && ports.every(isPort), 'ports');
        demand(methods.length > 0 && paths.length > 0, 'what narrows is not empty');
        for (const { set, remove } of [requestHeaders, responseHeaders].flatMap((one) => one ?? [])) {
          demand(
            [...remove, ...set.map(([name]) => name)].every((name) => HEADER.test(name)),
            'header names',
          );
          demand(
            set.every(([, value]) => /^[\x20-\x7e\t]*$/.test(value)),
            'header values',
          );
        }
        demand(responseHeaders?.set.every(([, value]) => !value.startsWith('secret:')) ?? true, 'secrets');
      }
    }
    return clients !== undefined;
  },
};
