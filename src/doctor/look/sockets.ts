/** A line of `/proc/net/tcp`. */
export interface TcpSocket {
  /** `169.254.16.9:5030`. */
  readonly local: string;
  readonly remote: string;
  readonly listening: boolean;
  /** 0 while a connection waits in the queue of a listening socket: no process has taken it. */
  readonly inode: number;
}

const LISTEN = '0A';

/** Reads `/proc/net/tcp`. */
export function parseTcpSockets(text: string): readonly TcpSocket[] {
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const fields = line.trim().split(/\s+/);
      const [, local = '', remote = '', state = '', , , , , , inode = ''] = fields;
      if (!/^[0-9A-F]{8}:[0-9A-F]{4}$/.test(local)) return [];
      return [
        {
          local: addressOf(local),
          remote: addressOf(remote),
          listening: state === LISTEN,
          inode: Number(inode),
        },
      ];
    });
}

/** The kernel prints the address as a number of the host: `0910FEA9` is 169.254.16.9 on a little-endian machine. */
function addressOf(hexadecimal: string): string {
  const [address = '', port = ''] = hexadecimal.split(':');
  const bytes = address.match(/../g) ?? [];
  return `${bytes
    .reverse()
    .map((byte) => Number.parseInt(byte, 16))
    .join('.')}:${Number.parseInt(port, 16)}`;
}
