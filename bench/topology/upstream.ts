import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, run, startBackground } from '../host/run.ts';
import { ipBatch, settle } from './netns.ts';
import { ECHO_PORT, HTTP_BODY, HTTP_PORT, IPERF_PORT } from './ports.ts';

/** The network behind all hypervisors, with a web server, an iperf3 server and an echo server on every address. */
export interface Upstream {
  /** A file that `GET /blob` serves. */
  readonly blobFile: string;
  /** iperf3 serves one test at a time, and one that was cut off may block it for good. */
  readonly restartIperf: () => Promise<void>;
}

export const UPSTREAM_NETNS = 'upstream';
const BLOB_BYTES = 8 * 1024 * 1024;

/** `js` is the directory of the bundled programs. */
export async function openUpstream(scratchRoot: string, js: string): Promise<Upstream> {
  const dir = join(scratchRoot, 'upstream');
  mkdirSync(dir, { recursive: true });
  const blobFile = join(dir, 'blob');
  writeFileSync(blobFile, randomBytes(BLOB_BYTES));

  await run(['ip', 'netns', 'add', UPSTREAM_NETNS]);
  const prefix = ['ip', 'netns', 'exec', UPSTREAM_NETNS];
  await ipBatch(prefix, ['link set lo up']);
  await settle(prefix);

  writeFileSync(join(dir, 'nginx.conf'), webServer(dir));
  const web = ['nginx', '-p', dir, '-c', join(dir, 'nginx.conf'), '-e', join(dir, 'nginx-error.log')];
  startBackground([...prefix, ...web], join(dir, 'nginx.log'));
  startBackground(
    [...prefix, process.execPath, join(js, 'echo.mjs'), String(ECHO_PORT)],
    join(dir, 'echo.log'),
  );

  const startIperf = () =>
    startBackground([...prefix, 'iperf3', '-s', '-p', String(IPERF_PORT)], join(dir, 'iperf3.log'));
  let iperf = startIperf();
  return {
    blobFile,
    restartIperf: async () => {
      await iperf.stop();
      iperf = startIperf();
      await eventually(5000, async () => {
        const listening = await run([...prefix, 'ss', '-Hltn', `sport = :${IPERF_PORT}`]);
        if (listening.trim() === '') throw new Error(`iperf3 does not listen: ${iperf.log()}`);
      });
    },
  };
}

function webServer(dir: string): string {
  return `
daemon off;
pid ${dir}/nginx.pid;
user root;
worker_processes 1;
events { worker_connections 16384; }
http {
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  client_body_temp_path ${dir}/t1; proxy_temp_path ${dir}/t2; fastcgi_temp_path ${dir}/t3;
  uwsgi_temp_path ${dir}/t4; scgi_temp_path ${dir}/t5;
  server {
    listen ${HTTP_PORT} backlog=4096;
    root ${dir};
    location = / { default_type text/plain; return 200 "${HTTP_BODY.replace('\n', '\\n')}"; }
    location = /blob { default_type application/octet-stream; }
  }
}
`;
}
