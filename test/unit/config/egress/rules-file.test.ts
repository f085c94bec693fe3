import { describe, expect, it } from 'vitest';
import { parseRules } from '../../../../src/config/egress/rules-file.ts';
import { formatProblem } from '../../../../src/config/reader/problem.ts';

const HASH = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';

const CONTRACT = `clients:
  web-1:
    token: sha256:${HASH}           # made by \`tproxy egress client create\`
    rules:
    - host: archive.ubuntu.com
      methods: [GET, HEAD]
      paths: [/ubuntu/*]
    - host: "*.docker.io"            # any depth below docker.io, not docker.io itself
    - host: db.internal.example.com
      ports: [5432]
      passthrough: true
    - host: api.github.com
      paths: [/repos/acme/**]
      request_headers:
        set: { Authorization: "secret:github" }
        remove: [Cookie]
      response_headers:
        set: { X-Traced: "yes" }
  build:
    networks: [isolated]             # all guests of these networks
    vms: [42]                        # and of those only these VMs; both narrow
    rules: []
`;

function read(text: string) {
  const { clients, problems } = parseRules(text);
  return { clients, problems: problems.map((problem) => formatProblem(problem, 'f')) };
}

/** The rule that is written `written`, in line 5. */
function rule(written: string) {
  return read(`clients:\n  a:\n    vms: [1]\n    rules:\n    - ${written}\n`);
}

describe('what is right', () => {
  it('reads the example of the contract', () => {
    expect(read(CONTRACT)).toEqual({
      clients: [
        {
          name: 'web-1',
          line: 2,
          tokenHash: HASH,
          rules: [
            {
              number: 1,
              line: 5,
              host: 'archive.ubuntu.com',
              ports: [80, 443],
              passthrough: false,
              deny: false,
              methods: ['GET', 'HEAD'],
              paths: ['/ubuntu/*'],
            },
            { number: 2, line: 8, host: '*.docker.io', ports: [80, 443], passthrough: false, deny: false },
            {
              number: 3,
              line: 9,
              host: 'db.internal.example.com',
              ports: [5432],
              passthrough: true,
              deny: false,
            },
            {
              number: 4,
              line: 12,
              host: 'api.github.com',
              ports: [80, 443],
              passthrough: false,
              deny: false,
              paths: ['/repos/acme/**'],
              requestHeaders: { set: [['Authorization', 'secret:github']], remove: ['Cookie'] },
              responseHeaders: { set: [['X-Traced', 'yes']], remove: [] },
            },
          ],
        },
        { name: 'build', line: 19, networks: ['isolated'], vms: ['42'], rules: [] },
      ],
      problems: [],
    });
  });

  it.each(['', '# nothing\n', 'clients:\n', 'clients: {}\n'])('%j has no client', (text) => {
    expect(read(text)).toEqual({ clients: [], problems: [] });
  });

  it.each([
    ['{host: a.example, passthrough: true}', { ports: [443], passthrough: true }],
    ['{host: a.example, deny: true, methods: [POST]}', { deny: true, methods: ['POST'] }],
    ['{host: a.example, passthrough: false, deny: false}', { passthrough: false, deny: false }],
    [
      '{host: a.example, ports: 8080, methods: GET, paths: /}',
      { ports: [8080], methods: ['GET'], paths: ['/'] },
    ],
    ['{host: a.example, ports: [1, 65535, "1"]}', { ports: [1, 65_535] }],
    ['{host: a.example, methods: [M-SEARCH]}', { methods: ['M-SEARCH'] }],
    ['{host: a.example, paths: ["/a b", "/a,b", /é/*]}', { paths: ['/a b', '/a,b', '/é/*'] }],
    [
      '{host: a.example, request_headers: {set: {X-Empty: "", X-N: 007}}}',
      {
        requestHeaders: {
          set: [
            ['X-Empty', ''],
            ['X-N', '007'],
          ],
          remove: [],
        },
      },
    ],
    [
      '{host: a.example, response_headers: {remove: Server}}',
      { responseHeaders: { set: [], remove: ['Server'] } },
    ],
    ['{host: a.example, response_headers: {}}', { responseHeaders: { set: [], remove: [] } }],
    ['{host: "*", deny: true}', { host: '*', deny: true }],
    ['{host: 93.184.216.34}', { host: '93.184.216.34' }],
    ['{host: 10.0.0.0/8}', { host: '10.0.0.0/8' }],
    ['{host: "2600::1"}', { host: '2600::1' }],
    ['{host: "2600::/16"}', { host: '2600::/16' }],
    ['{host: bücher.example}', { host: 'bücher.example' }],
    ['{host: a_b.example.}', { host: 'a_b.example.' }],
  ])('%s', (written, fields) => {
    const { clients, problems } = rule(written);
    expect(problems).toEqual([]);
    expect(clients?.[0]?.rules).toMatchObject([{ number: 1, line: 5, ...fields }]);
  });

  it('takes anchors and merge keys', () => {
    const text = `clients:
  a:
    vms: [1]
    rules: &rules
    - &one {host: a.example, methods: [GET]}
    - {<<: *one, methods: [PUT]}
  b: {vms: [2], rules: *rules}
`;
    const { clients, problems } = read(text);
    expect(problems).toEqual([]);
    expect(clients?.map(({ rules }) => rules.map(({ methods }) => methods))).toEqual([
      [['GET'], ['PUT']],
      [['GET'], ['PUT']],
    ]);
  });
});

describe('a file', () => {
  it.each([
    ['client: {}', 'f:1:1: error: unknown key "client"; did you mean clients?'],
    [':clients: {}', 'f:1:1: error: unknown key ":clients"; did you mean clients?'],
    ['clients: []', 'f:1:1: error: clients is a list and no mapping of clients; write the name of each'],
    ['clients: {}\nclients: {}', 'f:2:1: error: clients stands twice, first in line 1; keep one of the two'],
    [
      '- a',
      'f:1:1: error: the file holds no mapping of keys to values; begin lines with keys, such as "clients:"',
    ],
    ['clients: {', 'f:1:11: error: broken YAML: '],
    [`# ${'x'.repeat(1024 * 1024)}`, 'f:1:1: error: the file has more than 1 MiB'],
  ])('%j is told', (text, problem) => {
    const { clients, problems } = read(text);
    expect(problems).toEqual([expect.stringContaining(problem)]);
    expect(clients).toBeUndefined();
  });
});

describe('a client', () => {
  it.each([
    ['a: ~', '2:3: error: client a has no value; write token, networks, vms and rules'],
    ['a: [x]', '2:3: error: client a is a list; write token'],
    ['a: {rule: []}', '2:7: error: unknown key "rule" of client a; did you mean rules?'],
    ['a:b: {vms: [1]}', '2:3: error: client "a:b" is "a:b", which is no name of a client; write letters'],
    ['-a: {vms: [1]}', '2:3: error: client "-a" is "-a", which is no name of a client; write letters'],
    ['"": {vms: [1]}', '2:3: error: client "" is "", which is no name of a client; write letters'],
    ['{a: 1}: {vms: [1]}', '2:3: error: client "{…}" is "{…}", which is no name of a client'],
    [
      'a: {vms: []}',
      '2:7: error: vms of client a is an empty list; list ids of VMs, or leave vms out for any',
    ],
    ['a: {vms: }', '2:7: error: vms of client a has no value; list ids of VMs'],
    [
      'a: {vms: [x]}',
      '2:13: error: vms of client a has an item that is "x", which is no id of a VM; list ids',
    ],
    ['a: {vms: "1, 2"}', '2:7: error: vms of client a is "1, 2", which is one text; write a list: [1, 2]'],
    ['a: {networks: []}', '2:7: error: networks of client a is an empty list; list names or ids'],
    ['a: {networks: ~}', '2:7: error: networks of client a has no value; list names or ids'],
    [
      'a: {networks: [true]}',
      '2:18: error: networks of client a has an item that is true; list names or ids',
    ],
    [
      'a: {networks: [""]}',
      '2:18: error: networks of client a has an item that is an empty name; list names',
    ],
    [
      'a: {networks: lan, vms: [1], rules: {}}',
      '2:32: error: rules of client a is a mapping and no list of rules; begin each rule with a dash',
    ],
    [
      'a: {token: ~}',
      '2:7: error: token of client a has no value; write what `tproxy egress client rotate` writes',
    ],
    ['a: {token: [x]}', '2:7: error: token of client a is a list; write what'],
    ['a: {token: sha256:9f86}', '2:7: error: token of client a is no SHA-256 of a token; write what'],
    [
      'a: {vms: [1]}\n  a: {vms: [2]}',
      '3:3: error: a of clients stands twice, first in line 2; keep one of the two',
    ],
    [
      `a: {token: "sha256:${HASH}"}\n  b: {token: "sha256:${HASH.toUpperCase()}"}`,
      '3:7: error: token of client b is that of client a; run `tproxy egress client rotate b`',
    ],
  ])('%s', (written, problem) => {
    const { clients, problems } = read(`clients:\n  ${written}\n`);
    expect(problems).toEqual([expect.stringContaining(`f:${problem}`)]);
    expect(clients).toBeUndefined();
  });

  it('that nobody can be is worth a warning', () => {
    expect(read('clients:\n  a: {rules: []}\n')).toEqual({
      clients: [{ name: 'a', line: 2, rules: [] }],
      problems: [
        'f:2:3: warning: client a has neither token, networks nor vms, so no guest is this client; say who it is by one of them',
      ],
    });
  });

  it('with a token in place of its hash is told so, without the token', () => {
    expect(read('clients:\n  a:\n    token: tp_verysecret\n').problems.join()).not.toContain('verysecret');
  });
});

describe('a rule', () => {
  it.each([
    ['a.example', 'error: rule 1 of client a is "a.example"; write host, and what is allowed there'],
    ['{ports: [80]}', 'error: host of rule 1 of client a is missing; write a name, "*.name", "*"'],
    ['{hots: a.example}', 'error: unknown key "hots" of rule 1 of client a; did you mean host?'],
    [
      '{host: a.example, method: [GET]}',
      'error: unknown key "method" of rule 1 of client a; did you mean methods?',
    ],
    ['{host: a.example, host: b.example}', 'error: host of rule 1 of client a stands twice, first in line 5'],
    ['{host: }', 'error: host of rule 1 of client a has no value; write a name'],
    ['{host: [a.example]}', 'error: host of rule 1 of client a is a list; write a name'],
    ['{host: "https://a.example/x"}', 'is "https://a.example/x", which is a URL; write its host only'],
    ['{host: "a.example:443"}', 'is "a.example:443", which has a port in it; put the port in ports'],
    ['{host: 10.0.0.1:443}', 'which has a port in it; put the port in ports'],
    ['{host: a.example/x}', 'is "a.example/x", which has a path in it; put the path in paths'],
    ['{host: .docker.io}', 'is ".docker.io", which begins with a dot; write "*.docker.io"'],
    ['{host: "a.*.example"}', 'which has a * that is not its whole first label; write a name'],
    ['{host: 10.0.0.1/8}', 'which is no address range with zeros after its prefix; write a name'],
    ['{host: 10.0.0.256}', 'four decimal numbers; write a name'],
    ['{host: "::ffff:10.0.0.1"}', 'which is an IPv4 address in IPv6'],
    ['{host: a b.example}', 'which is no host name'],
    ['{host: a..b}', 'empty label; write a name'],
    [
      '{host: a.example, ports: []}',
      'error: ports of rule 1 of client a is an empty list; list ports, or leave ports out',
    ],
    [
      '{host: a.example, ports: }',
      'ports of rule 1 of client a has no value; write a whole number from 1 to 65535',
    ],
    ['{host: a.example, ports: [80-90]}', 'has an item that is "80-90", which is no TCP port; write a whole'],
    ['{host: a.example, ports: [0]}', 'has an item that is "0", which is no TCP port; write a whole'],
    ['{host: a.example, ports: "80, 443"}', 'which is one text; write a list: [80, 443]'],
    [
      '{host: a.example, methods: }',
      'methods of rule 1 of client a has no value; write methods in upper case',
    ],
    [
      '{host: a.example, methods: []}',
      'methods of rule 1 of client a is an empty list; list methods, or leave',
    ],
    ['{host: a.example, methods: [get]}', 'is "get", and methods are in upper case; write GET'],
    [
      '{host: a.example, methods: ["*"]}',
      'is "*", which stands for nothing here; write methods in upper case',
    ],
    ['{host: a.example, methods: [CONNECT]}', 'is "CONNECT", which is no method of a request; leave it out'],
    ['{host: a.example, methods: [GET HEAD]}', 'is "GET HEAD", which is no method; write methods'],
    ['{host: a.example, methods: "GET, HEAD"}', 'which is one text; write a list: [GET, HEAD]'],
    ['{host: a.example, methods: {GET: 1}}', 'methods of rule 1 of client a is a mapping; write methods'],
    [
      '{host: a.example, paths: }',
      'paths of rule 1 of client a has no value; write a path that begins with /',
    ],
    [
      '{host: a.example, paths: []}',
      'paths of rule 1 of client a is an empty list; list paths, or leave paths out',
    ],
    ['{host: a.example, paths: [a]}', 'is "a", which does not begin with /; write a path that begins with /'],
    ['{host: a.example, paths: ["*"]}', 'is "*", which does not begin with /; write a path that begins'],
    ['{host: a.example, paths: [/a?b]}', 'is "/a?b", which has a query, and paths are judged without; write'],
    ['{host: a.example, paths: ["https://a.example/"]}', 'which is a URL; write its path only'],
    ['{host: a.example, paths: ["/a\\n"]}', 'is "/a\\n", which is no path: '],
    ['{host: a.example, paths: [[/a]]}', 'has an item that is a list; write a path'],
    [
      '{host: a.example, passthrough: yes}',
      'passthrough of rule 1 of client a is "yes"; write true or false',
    ],
    ['{host: a.example, deny: }', 'deny of rule 1 of client a has no value; write true or false'],
    ['{host: a.example, deny: 1}', 'deny of rule 1 of client a is "1"; write true or false'],
    [
      '{host: a.example, passthrough: true, methods: [GET]}',
      'methods of rule 1 of client a is never seen with passthrough, which relays the bytes as they are; take out',
    ],
    [
      '{host: a.example, passthrough: true, paths: [/]}',
      'paths of rule 1 of client a is never seen with passthrough',
    ],
    [
      '{host: a.example, passthrough: true, request_headers: {remove: [Cookie]}}',
      'request_headers of rule 1 of client a is never seen',
    ],
    [
      '{host: a.example, passthrough: true, response_headers: {}}',
      'response_headers of rule 1 of client a is never seen',
    ],
    [
      '{host: a.example, passthrough: true, deny: true}',
      'passthrough of rule 1 of client a is true in a rule that denies',
    ],
    [
      '{host: a.example, deny: true, request_headers: {}}',
      'request_headers of rule 1 of client a is of no use in a rule that denies',
    ],
    [
      '{host: "*", request_headers: {set: {A: "secret:x"}}}',
      'request_headers of rule 1 of client a has a secret in a rule for every host',
    ],
    ['{host: 0.0.0.0/0, request_headers: {set: {A: "secret:x"}}}', 'has a secret in a rule for every host'],
  ])('- %s', (written, problem) => {
    const { clients, problems } = rule(written);
    expect(problems).toEqual([expect.stringMatching(/^f:5:\d+: error: /)]);
    expect(problems[0]).toContain(problem);
    expect(clients).toBeUndefined();
  });

  it('that asks for the same as an earlier one is worth a warning', () => {
    const text = `clients:
  a:
    vms: [1]
    rules:
    - {host: a.example, methods: [GET, PUT]}
    - {host: a.example, methods: [GET]}
    - {host: a.example, methods: [PUT, GET], deny: true}
`;
    const { clients, problems } = read(text);
    expect(problems).toEqual([
      'f:7:7: warning: rule 3 of client a is never used: rule 1 in line 5 matches the same and comes first; take out one of the two',
    ]);
    expect(clients?.[0]?.rules).toHaveLength(3);
  });
});

describe('headers', () => {
  it.each([
    [
      'request_headers: ~',
      'request_headers of rule 1 of client a has no value and no mapping; write set and remove',
    ],
    [
      'request_headers: [a]',
      'request_headers of rule 1 of client a is a list and no mapping; write set and remove',
    ],
    ['request_headers: {add: {}}', 'unknown key "add" of request_headers of rule 1 of client a; '],
    [
      'request_headers: {set: [a]}',
      'set of request_headers of rule 1 of client a is a list and no mapping of headers; write "Name: value"',
    ],
    ['request_headers: {set: {A B: c}}', 'which is no name of a header; write the name'],
    ['request_headers: {set: {"A:": c}}', 'which has a colon; write the name without it'],
    [
      'request_headers: {set: {Host: c}}',
      'Host of set of request_headers of rule 1 of client a is "Host", a header that the gateway writes itself; leave it out',
    ],
    ['request_headers: {set: {content-length: 0}}', 'a header that the gateway writes itself; leave it out'],
    [
      'request_headers: {remove: [Transfer-Encoding]}',
      'remove of request_headers of rule 1 of client a has an item that is "Transfer-Encoding", a header that the gateway',
    ],
    [
      'request_headers: {set: {Proxy-Authorization: c}}',
      'a header that the gateway writes itself; leave it out',
    ],
    [
      'request_headers: {set: {A: }}',
      'A of set of request_headers of rule 1 of client a has no value; write the value',
    ],
    ['request_headers: {set: {A: true}}', 'is true; put the value in quotes'],
    ['request_headers: {set: {A: [b]}}', 'is a list; write the value of the header'],
    [
      'request_headers: {set: {A: "b\\r\\nHost: c"}}',
      'has characters other than printable ASCII; encode them',
    ],
    ['request_headers: {set: {A: é}}', 'has characters other than printable ASCII; encode them'],
    ['request_headers: {set: {A: " b"}}', 'has blanks at its ends; take them out'],
    ['request_headers: {set: {A: "secret:"}}', 'names no secret; write secret:NAME'],
    ['request_headers: {set: {A: "secret:a b"}}', 'names no secret; write secret:NAME'],
    [
      'request_headers: {set: {A: "Bearer secret:a"}}',
      'has a secret as a part of it; write "secret:NAME" alone',
    ],
    ['request_headers: {set: {A: "Secret:a"}}', 'has a secret as a part of it; write "secret:NAME" alone'],
    [
      'request_headers: {set: {A: b, a: c}}',
      'a of set of request_headers of rule 1 of client a stands twice, first in line 5; keep one',
    ],
    [
      'request_headers: {set: {A: b}, remove: [a]}',
      'remove of request_headers of rule 1 of client a has "A", which is set as well; take it out',
    ],
    [
      'response_headers: {set: {A: "secret:b"}}',
      'A of set of response_headers of rule 1 of client a is a secret, which the guest would see; set secrets in request_headers only',
    ],
  ])('%s', (written, problem) => {
    const { clients, problems } = rule(`{host: a.example, ${written}}`);
    expect(problems).toEqual([expect.stringMatching(/^f:5:\d+: error: /)]);
    expect(problems[0]).toContain(problem);
    expect(clients).toBeUndefined();
  });

  it('have no value shown, which may be a secret', () => {
    const { problems } = rule('{host: a.example, request_headers: {set: {A: "Bearer xyzzy\\u0007"}}}');
    expect(problems).toHaveLength(1);
    expect(problems.join()).not.toContain('xyzzy');
  });
});

describe('however much is written', { timeout: 120_000 }, () => {
  /** Generous, for slow machines under load; what this guards against takes minutes. */
  const MAX_MS = 60_000;
  const repeat = (count: number, line: (at: number) => string) =>
    Array.from({ length: count }, (_, at) => line(at)).join('');
  const many = (count: number) =>
    repeat(count, (at) => `    - {host: h${at}.example, methods: [GET], paths: [/p${at}/*]}\n`);
  const RULE = 'x: &r {host: a.example}\n';

  it('ten thousand rules are read', () => {
    const before = performance.now();
    const { clients, problems } = read(`clients:\n  a:\n    vms: [1]\n    rules:\n${many(10_000)}`);
    expect(performance.now() - before).toBeLessThan(MAX_MS);
    expect(problems).toEqual([]);
    expect(clients?.[0]?.rules).toHaveLength(10_000);
  });

  const laughs = repeat(20, (at) => `x${at}: &x${at} [${`*x${at - 1}, `.repeat(9)}]\n`).replaceAll(
    '*x-1',
    'a',
  );
  it.each([
    [
      'rules by aliases',
      `clients:\n  a: &a\n    vms: [1]\n    rules:\n${many(500)}${repeat(1500, (at) => `  c${at}: *a\n`)}`,
      'too many aliases',
    ],
    ['a billion laughs', `${laughs}clients: {a: {vms: *x19}}\n`, 'has an item that is a list'],
    ['clients', `x: &c {vms: [1]}\nclients:\n${repeat(10_001, (at) => `  c${at}: *c\n`)}`, '10001 clients'],
    [
      'rules',
      `${RULE}clients: {a: {vms: [1], rules: [${'*r, '.repeat(20_001)}]}}\n`,
      'rules of client a has 20001 rules; the first 20000 count',
    ],
    [
      'headers',
      `clients: {a: {vms: [1], rules: [{host: a.b, request_headers: {set: {${repeat(101, (at) => `h${at}: a, `)}}}}]}}\n`,
      'has 101 headers; the first 100 count',
    ],
    ['a client in itself', 'clients: &a\n  a: *a\n', 'unknown key "a" of client a'],
    ['deep nesting', `clients: ${'{a: '.repeat(20_000)}`, ''],
    [
      'unknown keys',
      `clients:\n  a:\n${repeat(5000, (at) => `    k${at}: 1\n`)}`,
      'unknown key "k0" of client a',
    ],
  ])('%s beyond measure are refused in time', (_what, text, message) => {
    const before = performance.now();
    const { clients, problems } = read(text);
    expect(performance.now() - before).toBeLessThan(MAX_MS);
    expect(problems.some((one) => one.includes(': error: ') && one.includes(message))).toBe(true);
    expect(clients).toBeUndefined();
  });
});
