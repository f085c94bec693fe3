import {
  DEBUG_LEVELS,
  DEFAULT_SETTINGS,
  type DebugLevel,
  SETTING_BOUNDS,
  type Settings,
} from '../../model/settings.ts';
import { describe, fault, type Judge } from '../reader/judge.ts';
import { type Key, optional, withDefault } from '../reader/schema.ts';
import { value } from '../reader/value.ts';
import { wholeNumber } from '../reader/whole-number.ts';
import { ALL_LIMITS, limitsOf } from './limits.ts';
import { metricsListen } from './listen-address.ts';
import { processOwner } from './user-name.ts';

const debugLevel: Judge<DebugLevel> = (written) => {
  const level = DEBUG_LEVELS.find((one) => String(one) === written);
  if (level !== undefined) return { value: level };
  const wrong = `${describe(written)}, which is no debug level`;
  return fault(wrong, 'write 0 (errors), 1 (warnings), 2 (information) or 3 (debugging)');
};

const seconds = (name: keyof typeof SETTING_BOUNDS) =>
  value(wholeNumber('time in seconds', ...SETTING_BOUNDS[name]));

/** Top level keys beside `:tproxy:`. A missing, empty or faulty one has its default. */
export const SETTING_KEYS = {
  debugLevel: withDefault('tproxy_debug_level', value(debugLevel), DEFAULT_SETTINGS.debugLevel, {
    meaning: 'log level: 0 = ERROR, 1 = WARNING, 2 = INFO, 3 = DEBUG',
    accepts: '0 to 3',
  }),
  drainTimeoutS: withDefault(
    'tproxy_drain_timeout',
    seconds('drainTimeoutS'),
    DEFAULT_SETTINGS.drainTimeoutS,
    {
      meaning: 'how long open connections may continue after a restart; 0 cuts them at once',
    },
  ),
  lingerTimeoutS: withDefault(
    'tproxy_linger_timeout',
    seconds('lingerTimeoutS'),
    DEFAULT_SETTINGS.lingerTimeoutS,
    {
      meaning: 'how long a connection may stay open after one side has closed; 0: for ever',
    },
  ),
  connectTimeoutS: withDefault(
    'tproxy_connect_timeout',
    seconds('connectTimeoutS'),
    DEFAULT_SETTINGS.connectTimeoutS,
    {
      meaning: 'how long an upstream may take to accept; then the guest gets a reset',
    },
  ),
  keepaliveS: withDefault('tproxy_keepalive', seconds('keepaliveS'), DEFAULT_SETTINGS.keepaliveS, {
    meaning: 'idle time before a TCP keep-alive probe, on both sides; 0: no probes',
  }),
  idleTimeoutS: withDefault('tproxy_idle_timeout', seconds('idleTimeoutS'), DEFAULT_SETTINGS.idleTimeoutS, {
    meaning: 'idle time after which a connection is closed; 0: never',
  }),
  workers: withDefault(
    'tproxy_workers',
    value(wholeNumber('number of threads', ...SETTING_BOUNDS.workers)),
    DEFAULT_SETTINGS.workers,
    {
      meaning:
        "threads that carry guests' data, each for bridges of its own; changed by `tproxy restart` only (see [workers](#workers))",
    },
  ),
  processOwner: optional('tproxy_process_owner', value(processOwner), {
    meaning: 'user of the listeners; default: `oneadmin` if it exists, else `nobody`',
    accepts: 'user name, not `root`',
  }),
  metricsListen: optional('tproxy_metrics_listen', value(metricsListen), {
    meaning: 'address that serves the metrics ([monitoring.md](monitoring.md)); default: none',
    accepts: '`127.0.0.1:9516`, `[::1]:9516`, `unix:/run/one_tproxy/metrics.sock`',
  }),
  limits: withDefault(
    'tproxy_limits',
    limitsOf(ALL_LIMITS),
    {},
    {
      meaning: 'limits of connections and traffic of guests: see [limits](#limits)',
      accepts: 'mapping',
    },
  ),
} as const satisfies Readonly<Record<keyof Settings, Key<unknown>>>;
