import { DEFAULT_LIMITS, DEFAULT_POLICING } from '../model/limits.ts';
import { DEFAULT_SETTINGS, type Settings } from '../model/settings.ts';
import { ENTRY_JUDGES } from './entry.ts';
import { type AllLimits, LIMIT_JUDGES, LIMIT_KEYS, SERVICE_LIMITS } from './limits.ts';
import { REQUIRED_KEY, requiredJudge } from './required.ts';
import { SETTING_JUDGES, SETTING_KEYS } from './settings.ts';
import type { Judge } from './verdict.ts';

/**
 * The reference part of docs/configuration.md, made from the schema: keys, what they accept and defaults are what the parser
 * goes by. Only the meanings are written here, one for each key; the compiler sees to it that none is left out.
 */
interface Described {
  readonly meaning: string;
  /** For what is more than a number. */
  readonly accepts?: string;
}

const SERVICE_KEYS: Readonly<Record<keyof typeof ENTRY_JUDGES, Described>> = {
  service_port: { meaning: 'the port that guests dial' },
  remote_addr: {
    meaning: 'where the service is, as the hypervisor sees it',
    accepts: 'IPv4 address or host name',
  },
  remote_port: { meaning: 'the port there' },
  networks: {
    meaning: 'the virtual networks that get the service; missing or empty: every one',
    accepts: 'name, id, or list of both',
  },
  proxy_protocol: {
    meaning: "tell the upstream who the guest is; missing or empty: don't",
    accepts: '`v2`',
  },
  limits: {
    meaning: 'limits of this service, in place of those of `:tproxy_limits:`',
    accepts: SERVICE_LIMITS.map((name) => `\`:${LIMIT_KEYS[name]}:\``).join(', '),
  },
};

const SETTINGS: Readonly<Record<keyof Settings, Described>> = {
  debugLevel: {
    meaning: 'what is logged: 0 = ERROR, 1 = WARNING, 2 = INFO, 3 = DEBUG',
    accepts: '0 to 3',
  },
  drainTimeoutS: { meaning: 'how long living connections may go on after a restart; 0 cuts them at once' },
  lingerTimeoutS: { meaning: 'how long a connection may stay when one side has closed; 0: for ever' },
  connectTimeoutS: { meaning: 'how long an upstream may take to accept; the guest sees a reset then' },
  keepaliveS: { meaning: 'idleness before a TCP keep-alive probe, on both sides; 0: no probes' },
  idleTimeoutS: { meaning: 'idleness after which a connection is ended; 0: never' },
  workers: {
    meaning:
      "threads that carry guests' data, each for bridges of its own; changed by `tproxy restart` only (see [workers](#workers))",
  },
  processOwner: {
    meaning: 'the user that listeners run as; without it `oneadmin` where that exists, else `nobody`',
    accepts: 'user name, not `root`',
  },
  metricsListen: {
    meaning: 'where Prometheus finds the metrics ([monitoring.md](monitoring.md)); without it, nowhere',
    accepts: '`127.0.0.1:9516`, `[::1]:9516`, `unix:/run/one_tproxy/metrics.sock`',
  },
  limits: { meaning: 'how much guests may have and send: see [limits](#limits)', accepts: 'mapping' },
};

const LIMITS: Readonly<Record<keyof AllLimits, { readonly meaning: string; readonly beyond: string }>> = {
  guestConnections: {
    meaning: 'connections that a guest, known by its address, has at once',
    beyond: 'its new connections are reset',
  },
  guestRate: {
    meaning:
      'new connections of a guest per second; the default (not a written one) only counts while other guests use the proxy too',
    beyond: 'its new connections are reset',
  },
  bridgeConnections: {
    meaning: 'connections of all guests of a bridge at once',
    beyond: "new ones wait in the kernel's queue",
  },
  bridgeRate: {
    meaning: 'new connections of all guests of a bridge per second',
    beyond: "new ones wait in the kernel's queue",
  },
  portRate: {
    meaning: 'new connections per second that come by a port of a bridge, a NIC of a VM',
    beyond: 'they are dropped in the bridge; the guest tries again a second later',
  },
  portBandwidth: {
    meaning: 'Mbit/s that come by a port of a bridge for 169.254.16.9',
    beyond: 'dropped in the bridge; TCP sends it again, and slows down',
  },
};

/** Tables by the name of their place in docs/configuration.md. */
const REFERENCE: Readonly<Record<'services' | 'limits' | 'settings', () => string>> = {
  services: () =>
    table(
      ['key', 'type', 'needed', 'meaning'],
      namesOf(SERVICE_KEYS).map((key) => {
        const judge: Judge<unknown> = ENTRY_JUDGES[key];
        const needed = 'value' in judge(undefined) ? 'no' : 'yes';
        return [`\`:${key}:\``, acceptedBy(judge, SERVICE_KEYS[key]), needed, SERVICE_KEYS[key].meaning];
      }),
    ),
  limits: () =>
    table(
      ['key', 'default', 'type', 'limits', 'beyond it'],
      namesOf(LIMITS).map((name) => [
        `\`:${LIMIT_KEYS[name]}:\``,
        String({ ...DEFAULT_LIMITS, ...DEFAULT_POLICING }[name]),
        LIMIT_JUDGES[name].accepts ?? '',
        LIMITS[name].meaning,
        LIMITS[name].beyond,
      ]),
    ),
  settings: () =>
    table(
      ['key', 'default', 'type', 'meaning'],
      [
        ...namesOf(SETTINGS).map((name) => {
          const standard = DEFAULT_SETTINGS[name];
          const shown = typeof standard === 'object' ? 'see there' : String(standard ?? 'none');
          const accepted = acceptedBy(SETTING_JUDGES[name], SETTINGS[name]);
          return [`\`:${SETTING_KEYS[name]}:\``, shown, accepted, SETTINGS[name].meaning];
        }),
        [
          `\`:${REQUIRED_KEY}:\``,
          'false',
          requiredJudge.accepts ?? '',
          'a VM whose services fail does not start ([what may fail](opennebula.md#what-may-keep-a-vm-from-starting))',
        ],
      ],
    ),
};

/** Every key that the parser knows, `tproxy` included. */
export function knownKeys(): readonly string[] {
  const settings = Object.values(SETTING_KEYS);
  return ['tproxy', ...settings, REQUIRED_KEY, ...Object.values(LIMIT_KEYS), ...Object.keys(ENTRY_JUDGES)];
}

/** `page` with each generated table replaced; throws when the place of one is missing. */
export function withReference(page: string): string {
  return namesOf(REFERENCE).reduce((text, name) => {
    const [begin, end] = [`<!-- generated by npm run docs: ${name} -->`, '<!-- end of generated -->'];
    const from = text.indexOf(begin);
    const to = text.indexOf(end, from);
    if (from < 0 || to < 0) throw new Error(`no "${begin}" … "${end}"`);
    return `${text.slice(0, from + begin.length)}\n${REFERENCE[name]()}\n${text.slice(to)}`;
  }, page);
}

function acceptedBy(judge: Judge<unknown>, { accepts }: Described): string {
  return accepts ?? judge.accepts ?? '';
}

function namesOf<K extends string>(record: Readonly<Record<K, unknown>>): readonly K[] {
  return Object.keys(record) as K[];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}
