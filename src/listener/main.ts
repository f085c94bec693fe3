import { messageOf } from '../errors.ts';
import { denySystemCalls } from '../linux/seccomp.ts';
import { setThreadName } from '../linux/thread-name.ts';
import { ROLE_VARIABLE } from '../process/roles.ts';
import { LineLog } from './line-log.ts';
import { Listener } from './listener.ts';

const STDERR = 2;

/** Entry of the process `one_tproxy_<bridge>`. It was put into its netns, and stripped, before it started. */
function main(environment: NodeJS.ProcessEnv): void {
  const bridge = environment.ONE_TPROXY_BRIDGE ?? '';
  const log = new LineLog(STDERR, Number(environment.ONE_TPROXY_LOG_LEVEL ?? 2), { bridge });
  try {
    setThreadName(environment[ROLE_VARIABLE] ?? 'one_tproxy');
    log.info('listener starts', {});
    const listener = new Listener({ bridge, socket: environment.ONE_TPROXY_SOCKET ?? '', log });
    const undone = denySystemCalls();
    if (undone !== undefined) log.warn('system calls are not restricted', { reason: undone });
    listener.run();
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
