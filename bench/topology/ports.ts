/** Ports of the upstream; the services have the same ones. */
export const HTTP_PORT = 5030;
export const ECHO_PORT = 5040;
export const IPERF_PORT = 5201;
/** Takes all that comes, for the attacks of `fairness`. */
export const SINK_PORT = 5050;
export const SERVICE_PORTS = [HTTP_PORT, ECHO_PORT, IPERF_PORT, SINK_PORT] as const;

/** What the upstream's web server answers to `GET /`. */
export const HTTP_BODY = 'the upstream answers\n';
