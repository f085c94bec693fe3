import { writeFileSync } from 'node:fs';
import { messageOf } from '../errors.ts';
import { LineLog } from './line-log.ts';
import { Listener } from './listener.ts';
import { ROLE_VARIABLE } from './roles.ts';

const STDERR = 2;

/** Entry of the process `one_tproxy_<bridge>`. It was put into its netns, and stripped, before it started. */
function main(environment: NodeJS.ProcessEnv): void {
  const bridge = environment.ONE_TPROXY_BRIDGE ?? '';
  const log = new LineLog(STDERR, Number(environment.ONE_TPROXY_LOG_LEVEL ?? 2), { bridge });
  try {
    writeFileSync('/proc/self/comm', environment[ROLE_VARIABLE] ?? 'one_tproxy');
    log.info('listener starts', {});
    new Listener({ bridge, socket: environment.ONE_TPROXY_SOCKET ?? '', log }).run();
    process.exit(0);
  } catch (error) {
    log.error('listener failed', {
      reason: messageOf(error),
      stack: error instanceof Error ? error.stack : undefined,
    });
    process.exit(1);
  }
}

main(process.env);
